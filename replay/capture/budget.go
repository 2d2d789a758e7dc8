package capture

import (
	"fmt"
	"runtime/metrics"
	"sync"
	"time"
)

// A Budget is what recording may take from the system that it watches. The zero value sets no
// limit. What is over it is not taken: whole sessions are left out, half of those that are left
// after each second over the budget, and a quarter more after each second well within it. Out of
// disk, nothing is recorded until there is room.
type Budget struct {
	// CPU is the share of one core that the recorder may be busy with redaction, packing and
	// writing: 0.2 is a fifth of a core. Forwarding the traffic is not in it.
	CPU float64
	// Memory is how many bytes the process may have from the system.
	Memory int64
	// Disk is how many bytes may be written, and FreeMin how many must stay free where they are
	// written. Space is asked for both, twice a second.
	Disk    int64
	FreeMin int64
	Space   func() (written, free int64, err error)
}

// Causes in Counts.Lost while the budget lets nothing through.
const (
	LostDisk = "disk budget"      // Budget.Disk was reached
	LostFree = "disk nearly full" // less than Budget.FreeMin is free, or nobody knows
	LostKill = "killed"           // the kill switch was thrown
)

const (
	governPeriod = 500 * time.Millisecond
	shareMin     = 1.0 / 64 // less than this share of the sessions is none
	relaxed      = 0.8      // of the budget: below it there is room for more
)

// A governor keeps a capture within its budget.
type governor struct {
	tap    *Tap
	budget Budget
	stop   chan struct{}
	done   sync.WaitGroup

	share float64 // of Options.Sample that is taken
	why   string  // it is, or was, less than one
}

func newGovernor(t *Tap, b Budget) *governor {
	g := &governor{tap: t, budget: b, stop: make(chan struct{}), share: 1}
	if b.CPU > 0 || b.Memory > 0 || b.Disk > 0 || b.FreeMin > 0 {
		g.done.Go(g.run)
	}
	return g
}

func (g *governor) close() {
	select {
	case <-g.stop:
		return
	default:
	}
	close(g.stop)
	g.done.Wait()
}

func (g *governor) run() {
	tick := time.NewTicker(governPeriod)
	defer tick.Stop()
	last, busy := time.Now(), time.Duration(0)
	for second := 0; ; second++ {
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
		g.disk()
		if second%2 == 0 {
			continue // a share of a core is told by a second, not by less
		}
		now, sum := time.Now(), time.Duration(g.tap.queue.busy.Load())
		g.step(float64(sum-busy)/float64(now.Sub(last)), memoryOf())
		last, busy = now, sum
	}
}

// disk shuts the gate when there is no room, and opens it when there is room again.
func (g *governor) disk() {
	if g.budget.Disk <= 0 && g.budget.FreeMin <= 0 || g.budget.Space == nil {
		return
	}
	written, free, err := g.budget.Space()
	gate := g.tap.gate
	switch {
	case g.budget.Disk > 0 && written >= g.budget.Disk:
		gate.shut(LostDisk)
	case err == nil:
		gate.open(LostDisk)
	}
	switch {
	case g.budget.FreeMin <= 0:
	case err != nil || free < g.budget.FreeMin:
		gate.shut(LostFree)
	case free > g.budget.FreeMin+g.budget.FreeMin/10: // a little more than needed, lest it flutters
		gate.open(LostFree)
	}
}

// step sets the share for the next second by what the last one took: the recorder's share of a
// core, and the bytes of the process.
func (g *governor) step(cpu float64, memory int64) {
	b := g.budget
	var over string
	switch {
	case b.CPU > 0 && cpu > b.CPU:
		over = fmt.Sprintf("recording took %.0f %% of a core, over %.0f %%", 100*cpu, 100*b.CPU)
	case b.Memory > 0 && memory > b.Memory:
		over = fmt.Sprintf("the process took %d MiB, over %d MiB", memory>>20, b.Memory>>20)
	}
	room := (b.CPU <= 0 || cpu < relaxed*b.CPU) && (b.Memory <= 0 || float64(memory) < relaxed*float64(b.Memory))
	share := g.share
	switch {
	case over != "":
		if share /= 2; share < shareMin {
			share = 0
		}
	case room:
		share = min(1, max(shareMin, share*1.25))
	}
	g.set(share, over)
}

// set changes the share; each stretch of time in which that leaves something out becomes a span of the ledger and a gap record.
func (g *governor) set(share float64, why string) {
	if share == g.share {
		return
	}
	g.share = share
	if why != "" {
		g.why = why
	}
	g.tap.sampler.set(g.tap.o.Sample * share)
	g.tap.queue.sample(g.tap.o.Sample*share, g.why, time.Since(g.tap.o.Start))
}

// memoryOf is what the runtime has from the system and did not give back.
func memoryOf() int64 {
	m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	return int64(m[0].Value.Uint64() - m[1].Value.Uint64())
}
