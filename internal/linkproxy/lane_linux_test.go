package linkproxy

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// socketPair returns two connected sockets.
func socketPair(t *testing.T) [2]int {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	return pair
}

// The numbers of closed sockets are soon those of other connections.
func TestALaneThatHasClosedItsConnectionReadsNoMore(t *testing.T) {
	for _, row := range []struct {
		about string
		over  bool // both sources have ended: what is held is the last of it
	}{
		{"because the write failed", false},
		{"because all was passed on", true},
	} {
		t.Run(row.about, func(t *testing.T) {
			l, err := newLoop()
			require.NoError(t, err)
			defer l.stop()
			// What the lane reads stays open when the relay closes its sockets, as a number does that another connection has taken.
			other, near, far := socketPair(t), socketPair(t), socketPair(t)
			if !row.over {
				require.NoError(t, unix.Shutdown(far[1], unix.SHUT_RD))
			}
			r := &relay{loop: l, conn: &conn{}, fds: [2]int{near[0], far[0]}, done: make(chan struct{})}
			link := &link{}
			for i, to := range []int{far[0], near[0]} {
				f := &flow{conn: &conn{link: link, watcher: newSniffer(func(string) { t.Error("a read of another connection") })}, dir: Request}
				r.lanes[i] = lane{flow: f, relay: r, from: other[0], to: to, over: row.over || i == 1, passed: i == 1}
			}
			_, err = unix.Write(other[1], []byte("of another connection"))
			require.NoError(t, err)

			l.mu.Lock()
			l.relays = append(l.relays, r)
			a, c := &r.lanes[0], newChunk(smallChunk)
			c.data = c.space[:copy(c.space, "last words")]
			c.read = time.Now()
			a.hold(c)
			a.readable = true
			a.pump()
			l.mu.Unlock()

			require.True(t, r.closed)
			require.Zero(t, link.bytes[Request].Load())
			there := os.NewFile(uintptr(other[0]), "other")
			defer there.Close()
			require.NoError(t, unix.Close(other[1]))
			text, err := io.ReadAll(there)
			require.NoError(t, err)
			require.Equal(t, "of another connection", string(text))
			require.NoError(t, unix.Close(near[1]))
			require.NoError(t, unix.Close(far[1]))
		})
	}
}
