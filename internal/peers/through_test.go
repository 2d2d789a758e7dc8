//go:build linux

package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// TestPassagesAreComparedByNumber: request 1 is there once, 2 twice, 3 not, 4 never came to the server, and of 100, which has
// a large answer, half is there.
func TestPassagesAreComparedByNumber(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{}, tape.Options{})
	require.NoError(t, err)
	for i, n := range []int{1, 2, 2, 4, 100} {
		body := bodyOf(int64(n))
		if n == 100 {
			require.Len(t, body, largeBytes)
			body = body[:largeBytes/2]
		}
		x := &replay.Exchange{Seq: uint64(i), Target: target(n), Response: &replay.Response{Status: 200, Body: body}}
		if n == 4 {
			x.Response = nil
		}
		require.NoError(t, w.Record(x))
	}
	require.NoError(t, w.Close())
	p := passage{rate: 2500, due: 5, arrived: 4, reached: 2500}
	require.NoError(t, p.compare([]arrival{{Number: 1}, {Number: 2}, {Number: 3}, {Number: 100}}, path))
	require.Equal(t, []int{1, 1, 2}, []int{p.missed, p.doubled, p.broken})
	require.False(t, p.exact() || p.held())
}

func TestTheHighestRateOfARecordingIsTheOneHeld(t *testing.T) {
	s := passages([]passage{
		{rate: 2500, due: 10, arrived: 10, reached: 2490},
		{rate: 5000, due: 10, arrived: 10, reached: 4000},
	})
	require.EqualValues(t, 2500, s.findings[0].value)
	require.Equal(t, "at 5,000/s the server saw 4,000/s, 0 are missed, 0 doubled and 0 not whole; the proxy takes 0.0 µs for each", s.findings[0].why)
	require.InDelta(t, 1000, rateOf([]arrival{{Received: 0}, {Received: int64(2 * time.Millisecond)}, {Received: int64(time.Millisecond)}}), 1e-6)
}
