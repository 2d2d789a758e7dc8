package replay

import (
	"runtime/debug"
	"time"
)

// hostState is what the process has used and what its machine has left, at one moment.
type hostState struct {
	at    time.Time
	cpu   time.Duration // used by the process
	gc    time.Duration // paused for garbage collection
	steal float64       // ticks that the hypervisor kept for others; all ticks. Both 0 when not known
	ticks float64
	ports int // free ephemeral ports; -1 when not known
}

func readHost() hostState {
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	s := hostState{at: time.Now(), cpu: ownCPU(), gc: gc.PauseTotal, ports: freePorts()}
	s.steal, s.ticks = stolen()
	return s
}

// coresSince is how many cores the process used, on average.
func (s hostState) coresSince(before hostState) float64 {
	return (s.cpu - before.cpu).Seconds() / max(s.at.Sub(before.at).Seconds(), 1e-9)
}

// stealSince is the share of the machine's time that the hypervisor kept for others.
func (s hostState) stealSince(before hostState) float64 {
	if s.ticks <= before.ticks {
		return 0
	}
	return max(0, (s.steal-before.steal)/(s.ticks-before.ticks))
}
