//go:build linux

package main

import (
	"os"
	"slices"
	"time"
)

// How theft is watched. The kernel counts what the hypervisor took in ticks of 10 ms, when they are over.
const (
	theftTick  = 20 * time.Millisecond
	theftReach = 50 * time.Millisecond // how far around it a tick of theft is held against what arrived
)

// theft is when the hypervisor gave the processors of this machine to others. A request that was due then is late whoever
// sends it.
type theft struct{ seen []time.Time }

// watchTheft begins to watch; the function that it returns ends that.
func watchTheft() (ended func() theft) {
	stop, result := make(chan struct{}), make(chan theft)
	go func() {
		var t theft
		before := stealNow()
		tick := time.NewTicker(theftTick)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				result <- t
				return
			case now := <-tick.C:
				if steal := stealNow(); steal > before {
					t.seen, before = append(t.seen, now), steal
				}
			}
		}
	}()
	return func() theft {
		close(stop)
		return <-result
	}
}

// stealNow returns the ticks of theft since the machine began.
func stealNow() int64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return stealOf(string(text))
}

// near reports whether processors were stolen about that time.
func (t theft) near(at time.Time) bool {
	i, _ := slices.BinarySearchFunc(t.seen, at.Add(-theftReach), time.Time.Compare)
	return i < len(t.seen) && t.seen[i].Before(at.Add(theftReach))
}

// spared returns the lateness of what was due from then on and arrived while nothing was stolen; late[k] is that of the k-th
// arrival. share says how many of all these are; where that is less than a quarter, all are returned: a few say nothing.
func (t theft) spared(w work, arrived []arrival, late []time.Duration, from time.Duration) (kept []time.Duration, share float64) {
	at, all := received(arrived), between(w.due, late, from, 1<<62)
	first := len(late) - len(all)
	for k, l := range all {
		if !t.near(time.Unix(0, at[first+k])) {
			kept = append(kept, l)
		}
	}
	if share = float64(len(kept)) / float64(max(1, len(all))); share < .25 {
		kept = all
	}
	return kept, share
}
