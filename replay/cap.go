package replay

import (
	"math"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// The ways to keep to a cap.
const (
	capSlow = "slow" // stretch the schedule: everything is played, over a longer time
	capThin = "thin" // leave out whole sessions: what is played keeps its times
)

// maxCap bounds what a cap remembers.
const maxCap = 1_000_000

// peakWithin is how many seconds the cap looks back for the rate that it has to bring down.
const peakWithin = 5

// A governor keeps the schedule under a cap. What it decides follows from due times and names alone, never from answers.
type governor struct {
	gameday.Capped // what it did
	seed           uint64

	shift  time.Duration   // slow: the stretch so far
	last   []time.Duration // slow: due times of the last requests, as many as fit under the cap in window
	next   int
	window time.Duration

	counts [peakWithin + 1]struct{ second, planned int } // thin: requests of the last seconds
	second int
	passed int // of the present second, let through
}

// newGovernor returns nil without a cap; a nil governor lets everything pass.
func newGovernor(perSecond float64, by string, seed uint64) *governor {
	if perSecond == 0 {
		return nil
	}
	g := &governor{Capped: gameday.Capped{Rate: perSecond, By: by}, seed: seed, second: -1}
	if by == capSlow {
		n := int(math.Ceil(perSecond))
		g.last = make([]time.Duration, n)
		g.window = time.Duration(float64(n) / perSecond * float64(time.Second))
		for i := range g.last {
			g.last[i] = -g.window
		}
	}
	return g
}

// stretched returns by how much the schedule is later than planned.
func (g *governor) stretched() time.Duration {
	if g == nil {
		return 0
	}
	return g.shift
}

// slow returns when a request that was due then is due under the cap. Requests come in the order of time.
func (g *governor) slow(due time.Duration) time.Duration {
	if g == nil || g.By != capSlow {
		return due
	}
	due += g.shift
	if late := g.last[g.next] + g.window - due; late > 0 {
		g.shift += late
		due += late
		g.Requests++
		g.Stretched = gameday.Duration(g.shift)
	}
	g.last[g.next] = due
	g.next = (g.next + 1) % len(g.last)
	return due
}

// thins decides whether a session that begins is left out. The same sessions go first whenever the rate rises: each has its
// place by its name.
func (g *governor) thins(session string) bool {
	if g == nil || g.By != capThin {
		return false
	}
	peak := 0
	for _, c := range g.counts {
		if c.second > g.second-len(g.counts) {
			peak = max(peak, c.planned)
		}
	}
	if share(hash(g.seed, "cap", session))*float64(peak) < g.Rate {
		return false
	}
	g.Sessions++
	return true
}

// plan counts a request of the schedule, left out or not.
func (g *governor) plan(due time.Duration, thinned bool) {
	if g == nil || g.By != capThin {
		return
	}
	if second := int(due / time.Second); second > g.second {
		g.close()
		g.second = second
		g.counts[second%len(g.counts)] = struct{ second, planned int }{second: second}
	}
	g.counts[g.second%len(g.counts)].planned++
	if thinned {
		g.Requests++
	} else {
		g.passed++
	}
}

// close ends a second of thinning.
func (g *governor) close() {
	if float64(g.passed) > g.Rate {
		g.Over++
	}
	g.passed = 0
}

// report returns what the cap did; nil without one. The feed must have ended.
func (g *governor) report() *gameday.Capped {
	if g == nil {
		return nil
	}
	g.close()
	c := g.Capped
	return &c
}
