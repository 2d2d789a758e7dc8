package wire

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestThreadsFollowTheBusiestSecond(t *testing.T) {
	restore := makeRoom(16 - runtime.GOMAXPROCS(0))
	defer restore()
	for _, tt := range []struct {
		name string
		plan gameday.TrafficPlan
		want int
	}{
		{"one is enough for most recordings", gameday.TrafficPlan{Speed: 1}, 1},
		{"twice as fast is twice as many", gameday.TrafficPlan{Speed: 4}, 3},
		{"and so is twice as many users", gameday.TrafficPlan{Speed: 1, Amplify: 4}, 3},
		{"a shape has a rate of its own", gameday.TrafficPlan{Speed: 1, Shape: "ramp:10/s..40000/s:10s"}, 3},
		{"a cap is kept by fewer", gameday.TrafficPlan{Speed: 4, RateCap: 1000}, 1},
		{"half of the processors are left to others", gameday.TrafficPlan{Speed: 1000}, 8},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, threads(peakOf(tt.plan, 10_000))) })
	}
}

func TestRoomIsGivenBack(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	restore := makeRoom(3)
	require.Equal(t, before+3, runtime.GOMAXPROCS(0))
	restore()
	require.Equal(t, before, runtime.GOMAXPROCS(0))
}

func TestTheGarbageCollectorIsGivenBack(t *testing.T) {
	t.Setenv("GOGC", "")
	percent, limit := debug.SetGCPercent(70), debug.SetMemoryLimit(1<<40)
	defer debug.SetMemoryLimit(limit)
	defer debug.SetGCPercent(percent)
	restore := collectLess(100 << 20)
	require.EqualValues(t, 90<<20, debug.SetMemoryLimit(-1))
	restore()
	require.EqualValues(t, 1<<40, debug.SetMemoryLimit(-1))
	require.Equal(t, 70, debug.SetGCPercent(percent))
}

func TestACaptureWithoutABudgetHasNoLimitOfMemory(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	defer collectLess(0)()
	require.Equal(t, before, debug.SetMemoryLimit(-1))
}

func TestTheMemoryOfAReplayIsHeld(t *testing.T) {
	require.EqualValues(t, heapEnough, heapLimit(1<<20, 2<<20), "what is in use is little")
	require.EqualValues(t, 158<<20, heapLimit(100<<20, 0), "what is in use is more than that")
	require.EqualValues(t, 208<<20, heapLimit(100<<20, 50<<20), "what is taken beside the heap leaves the heap its room")
	runtime.GC()
	live, beside := newUsage().read()
	require.Positive(t, live)
	require.Positive(t, beside)
	require.Less(t, beside, uint64(1<<30))

	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	restore := holdMemory()
	require.GreaterOrEqual(t, debug.SetMemoryLimit(-1), int64(heapEnough))
	restore()
	require.Equal(t, before, debug.SetMemoryLimit(-1))

	t.Setenv("GOGC", "200")
	restore = holdMemory()
	require.Equal(t, before, debug.SetMemoryLimit(-1), "somebody knows better")
	restore()
}
