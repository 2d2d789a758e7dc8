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
	require.Equal(t, []time.Duration{0, 1, 3, 4, 5, 7, 8, 9}, stolen.spared(w, arrived, late, 0))
	require.Equal(t, late, theft{}.spared(w, arrived, late, 0))
	require.Equal(t, []time.Duration{3, 4, 5, 7, 8, 9}, stolen.spared(w, arrived, late, 300*time.Millisecond))
}
