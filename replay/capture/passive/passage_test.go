package passive

import (
	"context"
	"io"
	"math"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/linkproxy"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

type nowhere struct{}

func (nowhere) Record(*replay.Exchange) error { return nil }

// FuzzPassage lets both sides say anything, in pieces: nothing that reads it fails, and nothing is kept when it is over.
func FuzzPassage(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), uint8(7))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET /"), []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nuntil the end"), uint8(3))
	f.Add([]byte("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x85\x01\x02\x03\x04hello"), []byte("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n\x81\x02ok"), uint8(40))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), []byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), uint8(5))
	f.Fuzz(func(t *testing.T, up, down []byte, piece uint8) {
		r, err := NewRelay("http://127.0.0.1:1", nowhere{}, capture.Options{BodyMax: 1 << 10, MemoryMax: 4 << 10})
		require.NoError(t, err)
		p := r.open(func() {})
		for len(up) > 0 || len(down) > 0 {
			up = pass(p, linkproxy.Request, up, int(piece)+1)
			down = pass(p, linkproxy.Response, down, int(piece)+1)
		}
		p.End(linkproxy.Request)
		p.Close()
		require.NoError(t, r.Close())
		require.NoError(t, r.failed)
		require.Empty(t, r.passages)
		require.Zero(t, r.Status().Held)
	})
}

func pass(p *passage, d linkproxy.Direction, b []byte, n int) []byte {
	n = min(n, len(b))
	if n > 0 {
		p.Pass(d, b[:n])
	}
	return b[n:]
}

func TestClientsForWhomThereIsNoRoomWait(t *testing.T) {
	service, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer service.Close()
	r, err := NewRelay("http://"+service.Addr().String(), nowhere{}, capture.Options{})
	require.NoError(t, err)
	r.room = make(chan struct{}, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- r.Serve(ctx, l.(*net.TCPListener)) }()
	for range 3 {
		client, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer client.Close()
		_, err = io.WriteString(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		require.NoError(t, err)
	}
	for range 3 { // one after the other, for each has to end before the next one comes
		c, err := service.Accept()
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, len("GET / HTTP/1.1\r\nHost: h\r\n\r\n")))
		require.NoError(t, err)
		r.mu.Lock()
		require.Len(t, r.passages, 1)
		r.mu.Unlock()
		_, err = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).SetLinger(0)) // breaks off both ways
		require.NoError(t, c.Close())
	}
	stop()
	require.NoError(t, <-ended)
}

func TestAClientThatWasAcceptedAtTheEndIsHungUp(t *testing.T) {
	r, err := NewRelay("http://127.0.0.1:1", nowhere{}, capture.Options{})
	require.NoError(t, err)
	over := make(chan struct{})
	close(over)
	require.NoError(t, r.drain(over))
	hungUp := false
	p := r.open(func() { hungUp = true })
	require.True(t, hungUp, "or else it is waited for")
	p.Close()
	require.NoError(t, r.Close())
}

func TestDescriptorsBoundTheConnections(t *testing.T) {
	for _, row := range []struct {
		about       string
		descriptors uint64
		room        int
	}{
		{"as the system sets it", 1024, 384},
		{"few", 256, 32},
		{"none", 0, 1},
		{"more than anybody takes", 1 << 20, passagesMax},
		{"no bound", math.MaxUint64, passagesMax},
	} {
		t.Run(row.about, func(t *testing.T) { require.Equal(t, row.room, roomFor(row.descriptors)) })
	}
}

func TestARequestThatComesAsItsConnectionIsHungUpIsAnswered(t *testing.T) {
	r, err := NewRelay("http://127.0.0.1:1", nowhere{}, capture.Options{})
	require.NoError(t, err)
	hungUp := false
	p := r.open(func() { hungUp = true })
	over := make(chan struct{})
	close(over)
	require.NoError(t, r.drain(over))
	require.True(t, hungUp)
	require.True(t, p.Idle())
	require.True(t, p.Pass(linkproxy.Request, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")))
	require.False(t, p.Idle())
	require.True(t, p.Pass(linkproxy.Response, []byte("HTTP/1.0 200 OK\r\n\r\nuntil ")))
	require.True(t, p.Pass(linkproxy.Response, []byte("the end")))
	require.False(t, p.End(linkproxy.Response), "and is the last")
	require.True(t, p.Idle())
	p.Close()
	require.NoError(t, r.Close())
	require.Equal(t, replay.Counts{Captured: 1}, r.Counts())
}
