//go:build libpcap

package passive_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// TestLibpcapRecordsWhatTheRingDoes, of the same connections: all of the matrix, and nothing else.
func TestLibpcapRecordsWhatTheRingDoes(t *testing.T) {
	if inNamespace(t) {
		return
	}
	for _, c := range []struct {
		name string
		link func() link
	}{
		{"loopback", loopback},
		{"loopback, IPv6", loopback6},
		{"loopback, as one of any", func() link { l := loopback(); l.watch = []string{passive.Any}; return l }},
		{"cable with packets of 1500 bytes", func() link { return cable(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := c.link()
			ends := make(map[passive.Engine]func() (*shelf, replay.Counts))
			perform(t, l.dial, l.listen, func(ports []uint16) {
				for _, engine := range []passive.Engine{passive.AFPacket, passive.Libpcap} {
					ends[engine] = record(t, passive.Interfaces{Names: l.watch, Ports: ports, Buffer: 64 << 20, Engine: engine})
				}
			})
			ring, ringCounts := ends[passive.AFPacket]()
			library, libraryCounts := ends[passive.Libpcap]()
			require.Empty(t, cmp.Diff(timeless(ring), timeless(library), cmp.Comparer(bytes.Equal), cmp.Comparer(slices.Equal[replay.Header]))) // no lines are no lines, kept room or not
			require.Equal(t, ringCounts.Captured, libraryCounts.Captured)
			require.Empty(t, libraryCounts.Lost)
			require.Zero(t, libraryCounts.Bytes["missing"])
			found := make(map[int][]*replay.Exchange)
			for _, x := range library.exchanges {
				found[caseOf(x.Conn)] = append(found[caseOf(x.Conn)], x)
			}
			for i, s := range judge(found) {
				require.Equal(t, score{s.of, s.of, s.of}, s, matrix[i].name)
			}
		})
	}
}

// record captures until the function it returns is called.
func record(t *testing.T, from passive.Interfaces) (end func() (*shelf, replay.Counts)) {
	packets, err := from.Open()
	require.NoError(t, err)
	s, start := new(shelf), time.Now()
	watch := passive.New(packets, s, passive.Options{Ports: from.Ports, Options: capture.Options{Start: start}})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- watch.Run(ctx) }()
	return func() (*shelf, replay.Counts) {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, packets.Close())
		return s, watch.Counts()
	}
}

// timeless are the exchanges of a capture without what depends on when its packets were seen.
func timeless(s *shelf) (xs []replay.Exchange) {
	for _, x := range s.exchanges {
		y := *x
		y.At, y.Upload = 0, 0
		if x.Response != nil {
			r := *x.Response
			r.FirstByte, r.Duration = 0, 0
			y.Response = &r
		}
		xs = append(xs, y)
	}
	return xs
}

// TestBothEnginesCountWhatTheKernelDrops when nobody reads.
func TestBothEnginesCountWhatTheKernelDrops(t *testing.T) {
	if inNamespace(t) {
		return
	}
	for _, engine := range []passive.Engine{passive.AFPacket, passive.Libpcap} {
		t.Run(string(engine), func(t *testing.T) {
			l := loopback()
			listener, err := l.listen()
			require.NoError(t, err)
			defer listener.Close() //nolint:errcheck // a test's
			near, err := l.dial(listener.Addr().(*net.TCPAddr).Port)
			require.NoError(t, err)
			far, err := listener.Accept()
			require.NoError(t, err)
			packets, err := passive.Interfaces{Names: l.watch, Buffer: passive.BufferMin, Engine: engine}.Open()
			require.NoError(t, err)
			defer packets.Close() //nolint:errcheck // a test's
			sent := make(chan error, 1)
			go func() {
				_, err := near.Write(make([]byte, 16*passive.BufferMin))
				sent <- err
			}()
			_, err = io.ReadFull(far, make([]byte, 16*passive.BufferMin))
			require.NoError(t, err)
			require.NoError(t, <-sent)
			dropped := packets.Dropped()
			require.Positive(t, dropped)
			require.Less(t, packets.Dropped(), 2*dropped, "each is counted once; a late acknowledgement may have come since")
		})
	}
}
