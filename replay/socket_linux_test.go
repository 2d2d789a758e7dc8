package replay

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSocket writes what a request is, and reads it at the other end.
func BenchmarkSocket(b *testing.B) {
	p, err := newPoller(false)
	require.NoError(b, err)
	defer p.close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	require.NoError(b, err)
	far, err := l.Accept()
	require.NoError(b, err)
	from, err := p.adopt(&conn{}, near)
	require.NoError(b, err)
	defer from.close()
	to, err := p.adopt(&conn{}, far)
	require.NoError(b, err)
	defer to.close()
	buf := make([]byte, bufferSize)
	for b.Loop() {
		if _, err := from.write([]byte(plainRequest)); err != nil {
			b.Fatal(err)
		}
		if _, err := to.read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
