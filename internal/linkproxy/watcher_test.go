package linkproxy

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// notes is a watcher that writes down what it is told.
type notes struct {
	mu     sync.Mutex
	passed [3]string // by direction
	ended  [3]bool
	ends   [3]int
	busy   bool
	closed int
}

func (n *notes) Pass(d Direction, data []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.passed[d] += string(data)
	return string(data) != "the last"
}

func (n *notes) End(d Direction) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended[d] = true
	n.ends[d]++
	return true
}

func (n *notes) Idle() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.busy
}

func (n *notes) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed++
}

// pair returns both ends of a connection.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	require.NoError(t, err)
	near = c.(*net.TCPConn)
	c, err = l.Accept()
	require.NoError(t, err)
	far = c.(*net.TCPConn)
	for _, c := range []*net.TCPConn{near, far} {
		t.Cleanup(func() { _ = c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	}
	return near, far
}

// carried is a connection of which the test holds both ends.
type carried struct {
	client, service *net.TCPConn
	seen            notes
	hangUp          context.CancelFunc
	over            chan struct{}
}

func carry(t *testing.T, config Config) (*Proxy, *carried) {
	t.Helper()
	c := &carried{over: make(chan struct{})}
	client, caller := pair(t)
	callee, service := pair(t)
	c.client, c.service = client, service
	ctx, hangUp := context.WithCancel(t.Context())
	c.hangUp = hangUp
	p := New(config)
	go func() {
		defer close(c.over)
		p.Carry(ctx, caller, callee, &c.seen)
	}()
	t.Cleanup(func() {
		p.Close()
		<-c.over
	})
	return p, c
}

func (c *carried) wait(t *testing.T) {
	t.Helper()
	select {
	case <-c.over:
	case <-time.After(patience):
		t.Fatal("the connection does not end")
	}
}

func say(t *testing.T, from, to *net.TCPConn, text string) {
	t.Helper()
	_, err := io.WriteString(from, text)
	require.NoError(t, err)
	b := make([]byte, len(text))
	_, err = io.ReadFull(to, b)
	require.NoError(t, err)
	require.Equal(t, text, string(b))
}

func TestAWatcherSeesWhatPasses(t *testing.T) {
	for _, row := range []struct {
		about      string
		end        func(*testing.T, *Proxy, *carried)
		up, down   bool   // ends in order
		clientRead string // what the client reads at last
		reset      bool   // or that it was reset
	}{
		{"the client ends, then the service", func(t *testing.T, _ *Proxy, c *carried) {
			require.NoError(t, c.client.CloseWrite())
			rest, err := io.ReadAll(c.service)
			require.NoError(t, err)
			require.Empty(t, rest)
			_, err = io.WriteString(c.service, "bye")
			require.NoError(t, err)
			require.NoError(t, c.service.Close())
		}, true, true, "bye", false},
		{"the service breaks off", func(_ *testing.T, _ *Proxy, c *carried) { reset(c.service) }, false, false, "", true},
		{"hung up: both sides are told of an end", func(t *testing.T, _ *Proxy, c *carried) {
			c.hangUp()
			rest, err := io.ReadAll(c.service)
			require.NoError(t, err)
			require.Empty(t, rest)
		}, false, false, "", false},
		{"hung up while something is under way: it ends first", func(t *testing.T, p *Proxy, c *carried) {
			c.seen.mu.Lock()
			c.seen.busy = true
			c.seen.mu.Unlock()
			p.mu.Lock()
			for one := range p.conns {
				one.hangUp()
			}
			p.mu.Unlock()
			say(t, c.service, c.client, "more")
			c.seen.mu.Lock()
			c.seen.passed[Response] = "good day"
			c.seen.busy = false
			c.seen.mu.Unlock()
			c.hangUp()
		}, false, false, "", false},
		{"the watcher has seen enough: what is behind it goes nowhere", func(t *testing.T, _ *Proxy, c *carried) {
			_, err := io.WriteString(c.service, "the last")
			require.NoError(t, err)
			rest, err := io.ReadAll(c.service)
			require.NoError(t, err)
			require.Empty(t, rest)
		}, false, false, "the last", false},
		{"the proxy closes", func(_ *testing.T, p *Proxy, _ *carried) { p.Close() }, false, false, "", true},
	} {
		t.Run(row.about, func(t *testing.T) {
			eitherWay(t, func(t *testing.T, config Config) {
				p, c := carry(t, config)
				say(t, c.client, c.service, "hello")
				say(t, c.service, c.client, "good day")
				row.end(t, p, c)
				rest, err := io.ReadAll(c.client)
				require.Equal(t, row.reset, isReset(err), "%v", err)
				require.Equal(t, row.clientRead, string(rest))
				c.wait(t)
				require.Equal(t, [3]string{Request: "hello", Response: "good day" + row.clientRead}, c.seen.passed)
				require.Equal(t, [3]bool{Request: row.up, Response: row.down}, c.seen.ended)
				require.Equal(t, 1, c.seen.closed)
			})
		})
	}
}

func TestAHangUpWaitsForWhatIsHeldBack(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		_, c := carry(t, config)
		size := full(t, c.service) // the client reads nothing: more than the sockets hold
		c.hangUp()
		c.seen.mu.Lock()
		read := len(c.seen.passed[Response])
		c.seen.mu.Unlock()
		require.LessOrEqual(t, read, size)
		got, err := io.ReadAll(c.client)
		require.NoError(t, err)
		c.wait(t)
		require.Len(t, got, len(c.seen.passed[Response]), "all that was read goes on")
	})
}

func TestACarriedConnectionOfAClosedProxyIsReset(t *testing.T) {
	p := New(Config{})
	p.Close()
	client, caller := pair(t)
	callee, _ := pair(t)
	var seen notes
	p.Carry(t.Context(), caller, callee, &seen)
	require.Equal(t, 1, seen.closed)
	_, err := client.Read(make([]byte, 1))
	require.True(t, isReset(err), "%v", err)
}

func TestAnEndIsToldOnce(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		_, c := carry(t, config)
		require.NoError(t, c.client.CloseWrite())
		_, err := c.service.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		full(t, c.service) // and the system tells of room, and of the end with it
		require.NoError(t, c.service.CloseWrite())
		_, err = io.Copy(io.Discard, c.client)
		require.NoError(t, err)
		c.wait(t)
		require.Equal(t, 1, c.seen.ends[Request])
		require.Equal(t, 1, c.seen.ends[Response])
	})
}
