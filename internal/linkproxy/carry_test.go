package linkproxy

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// full writes the pattern to c until nothing has gone on for a while: what is between the two ends is full, or holds 16 MB.
func full(t *testing.T, c *net.TCPConn) (written int) {
	t.Helper()
	page := make([]byte, 251<<8)
	_, _ = pattern{}.Read(page)
	for written < 16<<20 {
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
		n, err := c.Write(page[written%251:][:len(page)-251])
		written += n
		if err != nil {
			require.ErrorIs(t, err, errTimeout(err))
			break
		}
	}
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(patience)))
	return written
}

func TestACalleeThatDoesNotReadHoldsTheCallerBackAndLosesNothing(t *testing.T) {
	for _, row := range []struct {
		about  string
		before []Rule
		while  []Rule // when all is full
	}{
		{"a plain connection", nil, nil},
		{"one with a latency", []Rule{{To: toPromotion, Latency: time.Millisecond}}, []Rule{{To: toPromotion, Latency: time.Millisecond}}},
		{"a latency that comes meanwhile", nil, []Rule{{To: toPromotion, Latency: 2 * time.Millisecond}}},
		{"a latency that goes meanwhile", []Rule{{To: toPromotion, Latency: time.Millisecond}}, nil},
		{"a toxic that comes meanwhile", nil, []Rule{{To: toPromotion, SlowClose: time.Millisecond}}},
		{"a toxic that comes while a latency holds back", []Rule{{To: toPromotion, Latency: time.Hour}}, []Rule{{To: toPromotion, SlowClose: time.Millisecond}}},
	} {
		t.Run(row.about, func(t *testing.T) {
			eitherWay(t, func(t *testing.T, config Config) {
				w := newWorld(t, config)
				l := w.listen(t)
				w.SetRules(row.before)
				c := w.dial(t)
				callee, err := l.Accept()
				require.NoError(t, err)
				defer callee.Close()
				size := full(t, c)
				w.SetRules(row.while)
				require.NoError(t, c.CloseWrite())
				require.NoError(t, callee.SetDeadline(time.Now().Add(patience)))
				requirePattern(t, callee, size)
			})
		})
	}
}

// More chunks come than may be held back: those that wait to be read must not wait for anything else when the latency goes.
func TestAShorterLatencyLetsGoOfWhatWasNotReadYet(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		l := w.listen(t)
		c := w.dial(t)
		callee, err := l.Accept() // which never answers: nothing else stirs
		require.NoError(t, err)
		defer callee.Close()
		require.NoError(t, callee.SetDeadline(time.Now().Add(patience)))
		w.SetRules([]Rule{{To: toPromotion, Direction: Request, Latency: time.Hour}})
		read := &w.stats.link(callerPeer, calleePeer).bytes[Request]
		held := int64((&shape{latency: time.Hour}).inFlight())
		for i := range held {
			_, err := c.Write([]byte("x"))
			require.NoError(t, err)
			require.Eventually(t, func() bool { return read.Load() == i+1 }, patience, 10*time.Microsecond)
		}
		_, err = io.WriteString(c, "and the rest")
		require.NoError(t, err)
		time.Sleep(20 * time.Millisecond) // the proxy has most likely been told of it; if not, the test proves less
		w.SetRules([]Rule{{To: toPromotion, Direction: Request, Latency: time.Millisecond}})
		_, err = io.ReadFull(callee, make([]byte, held+12))
		require.NoError(t, err)
	})
}

func TestAnEndThatComesWithTheLastBytesIsPassedOn(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		for _, rules := range [][]Rule{nil, {{To: toPromotion, Latency: time.Millisecond}}} {
			w := newWorld(t, config)
			w.serveEcho(t)
			w.SetRules(rules)
			for range 100 {
				c := w.dial(t)
				_, err := io.WriteString(c, "last words")
				require.NoError(t, err)
				require.NoError(t, c.CloseWrite())
				answer, err := io.ReadAll(c)
				require.NoError(t, err)
				require.Equal(t, "last words", string(answer))
			}
			require.Eventually(t, func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return len(w.conns) == 0
			}, patience, time.Millisecond, "connections that have ended are forgotten")
		}
	})
}

func TestAConnectionWhoseCallerIsGoneIsResetAtTheCalleeToo(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		l := w.listen(t)
		c := w.dial(t)
		_, err := io.WriteString(c, "hello")
		require.NoError(t, err)
		callee, err := l.Accept()
		require.NoError(t, err)
		defer callee.Close()
		require.NoError(t, callee.SetDeadline(time.Now().Add(patience)))
		_, err = io.ReadFull(callee, make([]byte, 5))
		require.NoError(t, err)
		reset(c)
		_, err = callee.Read(make([]byte, 1))
		require.True(t, isReset(err), "%v", err)
	})
}
