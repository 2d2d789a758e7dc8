package grpcwire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/grpcwire"
)

func TestMessagesAreFoundHoweverTheirBytesCome(t *testing.T) {
	call := "\x00\x00\x00\x00\x03abc" + "\x01\x00\x00\x00\x00" + "\x00\x00\x00\x01\x00" + string(make([]byte, 256)) + "\x00\x00\x00\x00\x02x"
	for piece := 1; piece <= len(call); piece++ {
		var s grpcwire.Scanner
		var sizes []int64
		for at := 0; at < len(call); at += piece {
			s.Scan([]byte(call[at:min(at+piece, len(call))]), func(size int64) { sizes = append(sizes, size) })
		}
		require.Equal(t, []int64{8, 5, 261}, sizes, "in pieces of %d bytes; the last message is not whole", piece)
	}
}

func TestAMessageIsFoundWithItsLastByte(t *testing.T) {
	var s grpcwire.Scanner
	found := 0
	for _, b := range []byte("\x00\x00\x00\x00\x02x") {
		s.Scan([]byte{b}, func(int64) { found++ })
	}
	require.Zero(t, found)
	s.Scan([]byte("y"), func(int64) { found++ })
	require.Equal(t, 1, found)
}

// FuzzScan: how bytes are cut changes nothing of what is found in them.
func FuzzScan(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x03abc\x00\x00\x00\x00\x00"), 3)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		cut = max(0, min(cut, len(b)))
		var whole, parts []int64
		var s, p grpcwire.Scanner
		s.Scan(b, func(size int64) { whole = append(whole, size) })
		p.Scan(b[:cut], func(size int64) { parts = append(parts, size) })
		p.Scan(b[cut:], func(size int64) { parts = append(parts, size) })
		require.Equal(t, whole, parts)
	})
}
