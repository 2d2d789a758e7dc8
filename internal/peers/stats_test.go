//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSpreadIsTheMiddleWithTheEnds(t *testing.T) {
	require.Equal(t, "-", spreadOf(nil).String())
	require.Equal(t, "2.00", spreadOf([]float64{2}).String())
	require.Equal(t, "2.00 (1.00 to 9.00)", spreadOf([]float64{9, 1, 2}).String())
}

func TestRatiosAreOfOneRound(t *testing.T) {
	c := join(rounds("wrk", 1., 10), rounds("gameday", 2., 30), rounds("gor", 5.))
	same := func(v float64) float64 { return v }
	require.Equal(t, "2.00 (2.00 to 3.00)", c.ratio("gameday", "wrk", same).String())
	require.Equal(t, "5.00", c.ratio("gor", "wrk", same).String(), "it ran once")
	require.Zero(t, c.ratio("k6", "wrk", same).runs)
}

func TestProgramsTakeTurnsForwardsAndBack(t *testing.T) {
	b := &bench{rounds: 3, log: t.Output()}
	var order []string
	c, err := compete(t.Context(), b, []string{"a", "b"}, func(name string, round int) (int, bool, error) {
		order = append(order, name)
		return round, name == "a" || round > 0, nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "b", "a", "a", "b"}, order)
	require.Equal(t, []int{1, 2}, c.of("b"), "it was not there at first")
}

func TestLatenessIsMeasuredFromThePromptest(t *testing.T) {
	due := []time.Duration{0, 10, 20}
	late := lateness(due, []arrival{{Received: 1017}, {Received: 1005}, {Received: 1035}})
	require.Equal(t, []time.Duration{0, 2, 10}, late)
	require.Equal(t, []time.Duration{2, 10}, between(due, late, 5, 1<<62))
	require.Empty(t, between(due, late, 5, 5))
	require.Empty(t, lateness(due, nil))
}

func TestDriftIsTheLastTenthAgainstTheSecond(t *testing.T) {
	var due, late []time.Duration
	for i := range 1000 {
		due, late = append(due, time.Duration(i)*time.Millisecond), append(late, time.Duration(i)*time.Microsecond)
	}
	require.InDelta(t, 800*time.Microsecond, drift(due, late), float64(2*time.Microsecond))
	require.Zero(t, drift(nil, nil))
}

func TestWhatWasReadInOnePieceIsInOrder(t *testing.T) {
	w := even(6, 1000, 2)
	var all []arrival
	for i := range int64(6) {
		all = append(all, arrival{Number: i, Received: 7})
	}
	doubled, reordered := disorder(w, all)
	require.Zero(t, doubled+reordered)
	doubled, reordered = disorder(w, []arrival{{2, 1, 1}, {0, 2, 2}, {1, 3, 3}, {1, 4, 4}, {-1, 5, 5}})
	require.Equal(t, 1, doubled)
	require.Equal(t, 1, reordered, "0 and 2 are of one session")
}
