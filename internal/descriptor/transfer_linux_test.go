package descriptor

import (
	"bytes"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pair returns both ends of a connection, which Go has forgotten.
func pair(t *testing.T) (near, far int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	accepted, err := l.Accept()
	require.NoError(t, err)
	own := func(c net.Conn) int {
		fd, err := Duplicate(c.(*net.TCPConn))
		require.NoError(t, err)
		require.NoError(t, c.Close())
		return fd
	}
	return own(dialled), own(accepted)
}

// ready waits until something can be read, or is over.
func ready(t *testing.T, fd int) {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestBytesComeOver(t *testing.T) {
	near, far := pair(t)
	defer unix.Close(near)
	buf := make([]byte, 64)

	_, errno := Receive(far, buf)
	require.Equal(t, unix.EAGAIN, errno, "nothing is there yet")
	n, errno := Send(near, []byte("hello"))
	require.Zero(t, errno)
	require.Equal(t, 5, n)
	ready(t, far)
	n, errno = Receive(far, buf)
	require.Zero(t, errno)
	require.Equal(t, "hello", string(buf[:n]))

	require.NoError(t, unix.Close(far))
	ready(t, near)
	n, errno = Receive(near, buf)
	require.Zero(t, errno)
	require.Zero(t, n, "the end")
	for errno == 0 { // the first one is answered by a reset
		_, errno = Send(near, []byte("into the void"))
	}
	require.Contains(t, []unix.Errno{unix.EPIPE, unix.ECONNRESET}, errno, "and no signal")
	_, errno = Receive(-1, buf)
	require.Equal(t, unix.EBADF, errno)
}

func TestWhatHasNoRoomStays(t *testing.T) {
	near, far := pair(t)
	defer unix.Close(near)
	defer unix.Close(far)
	data, sent := bytes.Repeat([]byte("x"), 1<<20), 0
	for {
		n, errno := Send(near, data)
		if errno != 0 {
			require.Equal(t, unix.EAGAIN, errno)
			break
		}
		sent += n
		require.Less(t, sent, 1<<30)
	}
	buf, got := make([]byte, 1<<20), 0
	for got < sent {
		ready(t, far)
		n, errno := Receive(far, buf)
		require.Zero(t, errno)
		got += n
	}
	require.Equal(t, sent, got)
}

func TestADuplicateIsAnother(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	fd, err := Duplicate(l.(*net.TCPListener))
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
	require.NoError(t, l.Close(), "the first is open still")
	_, err = Duplicate(l.(*net.TCPListener))
	require.ErrorIs(t, err, net.ErrClosed)
}
