package harness_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/monkeys"
)

// TestDeathAtEveryBoundary lets the process die at each boundary of each monkey's fault: right there, and after the
// first, second and third call to the platform that follows. The journal must bring the world back.
func TestDeathAtEveryBoundary(t *testing.T) {
	covered := map[string]bool{}
	for _, m := range troubles() {
		covered[m.monkey] = true
		for _, boundary := range harness.Boundaries() {
			for calls := range 4 {
				in(t, fmt.Sprintf("%s/%s/%d", m.monkey, boundary, calls), func(t *testing.T) { dieAt(t, m, boundary, int64(calls)) })
			}
		}
	}
	for _, name := range monkeys.Catalog().Names() {
		require.True(t, covered[name], "monkey %s has no row", name)
	}
}

func dieAt(t *testing.T, m trouble, boundary gameday.EventKind, calls int64) {
	b := newBench(gameday.Step{Name: "step", Monkey: m.monkey, Config: []byte(m.config), Selector: m.on, At: seconds(8), For: seconds(5), Within: seconds(2)})
	b.world.Leases = false
	var reached, dead atomic.Bool
	var left atomic.Int64
	left.Store(calls)
	alive := func(context.Context, string) error {
		if reached.Load() && left.Add(-1) < 0 {
			dead.Store(true)
		}
		if dead.Load() {
			return errDead
		}
		return nil
	}
	b.platform.Before = alive
	b.disk.fail = func(gameday.Event) error {
		if dead.Load() {
			return errDead
		}
		return nil
	}
	b.config.Observe = func(e gameday.Event) {
		// A fault that cannot be measured is unproven where others are active.
		if e.Kind == boundary || boundary == gameday.EventActive && e.Kind == gameday.EventUnproven {
			reached.Store(true)
			dead.Store(dead.Load() || calls == 0)
		}
	}
	b.config.HealLimit = seconds(3).Std()
	_, err := harness.Run(t.Context(), b.config)
	if !dead.Load() {
		// Healing may be over after fewer calls than it takes to die.
		require.True(t, calls > 0 && boundary != gameday.EventInjecting && boundary != gameday.EventActive, "the process outlived its death: %v", err)
	}
	require.True(t, reached.Load())
	b.disk.fail = nil
	_, err = harness.Recover(t.Context(), harness.Recovery{
		Events: b.disk.read(), Journal: b.disk, Platform: b.world.Platform(), Catalog: monkeys.Catalog(),
	})
	require.NoError(t, err)
	require.Equal(t, b.rest, b.world.Snapshot())
	require.False(t, slices.ContainsFunc(b.disk.read(), func(e gameday.Event) bool { return e.Kind == gameday.EventLeaked }))
	require.Empty(t, gameday.OpenFaults(b.disk.read()))
}
