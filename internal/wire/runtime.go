package wire

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// makeRoom prepares the Go runtime of a process that does nothing but replay for so many threads that send. Each gets a
// place to run of its own beside those of everything else: without one, a thread whose request is due may wait until
// another goroutine has used up its 10 ms, though the system's scheduler would have let it run at once. restore undoes it.
func makeRoom(threads int) (restore func()) {
	places := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(places + threads)
	return func() { runtime.GOMAXPROCS(places) }
}

// heapEnough is what the Go runtime of a replay may take before it collects garbage more often than it would: a replay needs
// no more, however long its recording.
const heapEnough = 56 << 20

// heapLimit returns the limit of a replay's memory with so much of the heap in use, and so much taken beside it, which counts
// towards the limit. Garbage is half as much as what is in use at least, or the collector would never rest.
func heapLimit(live, beside uint64) int64 { return max(heapEnough, int64(live+live/2+beside)+8<<20) }

// usage samples what the Go runtime has in use.
type usage []metrics.Sample

func newUsage() usage {
	return usage{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
}

// read returns what lived on the heap after the last collection, and what else counts towards the limit and can hold no
// objects now: stacks, the runtime's own structures, and the gaps between objects. See runtime/debug.SetMemoryLimit.
func (u usage) read() (live, beside uint64) {
	metrics.Read(u)
	at := func(i int) uint64 { return u[i].Value.Uint64() }
	return at(0), at(1) - at(2) - at(3) - at(4)
}

// holdMemory bounds the garbage of a process that does nothing but replay, until it is undone. Whoever sets GOGC or GOMEMLIMIT
// knows better.
func holdMemory() (restore func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(heapEnough)
	stop := make(chan struct{})
	var tending sync.WaitGroup
	tending.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		used := newUsage()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				debug.SetMemoryLimit(heapLimit(used.read()))
			}
		}
	})
	return func() {
		close(stop)
		tending.Wait()
		debug.SetMemoryLimit(before)
	}
}

// perThread is the rate that one thread offers with time to spare: a request costs it some 20 µs where it sleeps
// between them, and half of that where it never does.
const perThread = 15_000

// threads returns how many threads are to offer a load with that many requests in its busiest second. Half of the
// processors are left to the reading of the tape, to the garbage collector, and to a target on the same machine.
func threads(peak float64) int {
	return max(1, min(int(math.Ceil(peak/perThread)), runtime.GOMAXPROCS(0)/2))
}

// peakOf returns the most requests that a plan has due in a second, given those of the recording.
func peakOf(plan gameday.TrafficPlan, recorded int) float64 {
	peak := float64(recorded) * max(plan.Speed, 1) * max(plan.Amplify, 1)
	if shape, err := gameday.ParseShape(plan.Shape); err == nil && shape.Kind != "" {
		peak = slices.Max(shape.Rates) // of all copies together
	}
	if plan.RateCap > 0 {
		peak = min(peak, plan.RateCap)
	}
	return peak
}

// capturePercent of what lives may be garbage in a process that does nothing but capture: next to nothing of what passes
// stays, so that the collector would run after every few megabytes, at the price of a good part of the capture.
const capturePercent = 400

// collectLess sets the garbage collector up for a capture that may take so much memory, 0 for no bound, unless the
// environment does. Without a bound there is no limit either: the stacks of many connections count towards it, and above it
// the collector would never rest. restore undoes it.
func collectLess(memory int64) (restore func()) {
	percent, before := debug.SetGCPercent(capturePercent), debug.SetMemoryLimit(-1)
	if os.Getenv("GOGC") != "" {
		debug.SetGCPercent(percent)
	}
	if memory > 0 {
		debug.SetMemoryLimit(memory * 9 / 10) // collect garbage rather than leave sessions out
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(before)
	}
}
