package linkproxy

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// holdsBack fills the way to the client, until the loop has more than goes on.
func holdsBack(t *testing.T, p *Proxy, c *carried) {
	t.Helper()
	for held := false; !held; {
		full(t, c.service)
		p.mu.Lock()
		for one := range p.conns {
			one.relay.loop.mu.Lock()
			held = one.relay.lanes[1].full
			one.relay.loop.mu.Unlock()
		}
		p.mu.Unlock()
	}
}

func TestNothingIsReadBehindAHangUp(t *testing.T) {
	p, c := carry(t, Config{})
	holdsBack(t, p, c)
	c.hangUp()
	_, err := c.service.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	_, err = io.WriteString(c.client, "late") // while what is held back for it has not gone on
	require.NoError(t, err)
	got, err := io.ReadAll(c.client)
	require.NoError(t, err)
	c.wait(t)
	require.Equal(t, len(c.seen.passed[Response]), len(got))
	require.Empty(t, c.seen.passed[Request])
	require.Equal(t, [3]bool{}, c.seen.ended)
}

// Who ended in order may be gone later: nobody else would notice while the other side says nothing.
func TestAResetBehindAnEndIsNoticed(t *testing.T) {
	_, c := carry(t, Config{})
	require.NoError(t, c.client.CloseWrite())
	_, err := c.service.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	reset(c.client)
	c.wait(t)
	_, err = c.service.Read(make([]byte, 1))
	require.Error(t, err)
}

// A service that refuses a body says so, and closes what the client still writes to.
func TestWhatWasSaidBeforeAResetGoesOn(t *testing.T) {
	for _, row := range []struct {
		about  string
		last   func(*testing.T, *carried)
		broken bool // the client hears of the reset, too
	}{
		{"all at once", func(t *testing.T, c *carried) {
			_, err := io.WriteString(c.service, "too much")
			require.NoError(t, err)
			reset(c.service)
		}, true},
		{"the end first", func(t *testing.T, c *carried) {
			_, err := io.WriteString(c.service, "too much")
			require.NoError(t, err)
			require.NoError(t, c.service.CloseWrite())
			reset(c.service)
		}, false},
	} {
		t.Run(row.about, func(t *testing.T) {
			eitherWay(t, func(t *testing.T, config Config) {
				p, c := carry(t, config)
				full(t, c.client)
				for _, l := range p.loops { // who look only when all has come
					l.mu.Lock()
				}
				row.last(t, c)
				for _, l := range p.loops {
					l.mu.Unlock()
				}
				said, err := io.ReadAll(c.client)
				require.Equal(t, "too much", string(said))
				if row.broken {
					require.True(t, isReset(err), "%v", err)
				}
				c.wait(t)
				require.Equal(t, "too much", c.seen.passed[Response])
				require.Equal(t, 1, c.seen.closed)
			})
		})
	}
}
