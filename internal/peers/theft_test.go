//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatArrivesWhileProcessorsAreStolenIsLeftOut(t *testing.T) {
	at := func(d time.Duration) time.Time { return time.Unix(100, 0).Add(d) }
	stolen := theft{seen: []time.Time{at(200 * time.Millisecond), at(600 * time.Millisecond)}}
	var w work
	var arrived []arrival
	var late []time.Duration
	for i := range 10 { // at 0, 100 ms, ...
		arrived = append(arrived, arrival{Received: at(time.Duration(i) * 100 * time.Millisecond).UnixNano()})
		w.due = append(w.due, time.Duration(i)*100*time.Millisecond)
		late = append(late, time.Duration(i))
	}
	kept, share := stolen.spared(w, arrived, late, 0)
	require.Equal(t, []time.Duration{0, 1, 3, 4, 5, 7, 8, 9}, kept)
	require.InDelta(t, .8, share, 1e-9)
	kept, _ = stolen.spared(w, arrived, late, 300*time.Millisecond)
	require.Equal(t, []time.Duration{3, 4, 5, 7, 8, 9}, kept)
	kept, share = theft{}.spared(w, arrived, late, 0)
	require.Equal(t, late, kept)
	require.InDelta(t, 1, share, 1e-9)
}

func TestWhatIsLeftOfAStolenRunIsNotTakenForTheRun(t *testing.T) {
	stolen := theft{seen: []time.Time{time.Unix(100, 0)}}
	kept, share := stolen.spared(work{due: []time.Duration{0, 1}}, []arrival{{Received: 100e9}, {Received: 100e9 + 1}}, []time.Duration{5, 6}, 0)
	require.Equal(t, []time.Duration{5, 6}, kept)
	require.Zero(t, share)
}
