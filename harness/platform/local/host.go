package local

import (
	"sync"
	"time"
)

// hostLoad measures how busy the machine is that carries topology and harness, second by second.
type hostLoad struct {
	mu         sync.Mutex
	last       cpuTimes
	cpu, steal float64
	known      bool
}

// cpuTimes are processor times since boot, in ticks.
type cpuTimes struct{ total, idle, steal uint64 }

// watchHost samples once a second until the supervisor stops.
func (s *Supervisor) watchHost() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	s.host.sample()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.host.sample()
		}
	}
}

func (h *hostLoad) sample() {
	now, ok := readCPUTimes()
	h.mu.Lock()
	defer h.mu.Unlock()
	if total := now.total - h.last.total; ok && h.last.total > 0 && total > 0 {
		// The kernel may count a little idle time back, so no difference of unsigned numbers.
		h.cpu = min(1, 1-(float64(now.idle)-float64(h.last.idle))/float64(total))
		h.steal = max(0, (float64(now.steal)-float64(h.last.steal))/float64(total))
		h.known = true
	}
	h.last = now
}

// ratios returns the load over the last second; known is false before there was one.
func (h *hostLoad) ratios() (cpu, steal float64, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cpu, h.steal, h.known
}
