package tcpstream_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
)

// FuzzAssembler takes arbitrary frames: nothing may crash it, break its contract or escape its accounts.
func FuzzAssembler(f *testing.F) {
	for seed := range uint64(4) {
		var input []byte
		talk, _ := conversation(rand.New(rand.NewPCG(seed, 3)))
		for i, frame := range talk.Frames {
			if i%5 == 4 {
				frame = tcptest.Tunnel(frame, uint32(i))
			}
			n := min(len(frame.Data), 255)
			input = append(append(input, byte(seed), byte(n)), frame.Data[:n]...)
		}
		f.Add(uint32(tcpstream.LinkEthernet), input)
		_, pieces, _ := fragmented("[fd00::1]:40000", "[fd00::2]:80")
		for _, frame := range pieces {
			n := min(len(frame.Data), 255)
			input = append(append(input, byte(seed), byte(n)), frame.Data[:n]...)
		}
		f.Add(uint32(tcpstream.LinkEthernet), input)
	}
	f.Fuzz(func(t *testing.T, link uint32, input []byte) {
		a, conns := assembler(t, tcpstream.Options{ConnsMax: 8, ConnHeldMax: 4096, HeldMax: 8192, VXLAN: tcptest.VXLANPort})
		at, packets := monday, uint64(0)
		for len(input) >= 2 {
			step, n := time.Duration(input[0])*time.Millisecond, min(int(input[1]), len(input)-2)
			at = at.Add(step * step / time.Millisecond)
			a.Packet(at, tcpstream.LinkType(link), input[2:2+n], n+int(input[0]&1)*1000)
			packets++
			input = input[2+n:]
		}
		a.Close()
		stats := a.Stats()
		require.Equal(t, packets, stats.Packets)
		require.EqualValues(t, len(*conns), stats.Conns)
		var streams uint64
		for _, c := range *conns {
			require.Len(t, c.ends[0], 1)
			require.Len(t, c.ends[1], 1)
			streams += uint64(len(c.stream[0]) + len(c.stream[1]))
		}
		require.Equal(t, streams, stats.Delivered+stats.Missing)
	})
}
