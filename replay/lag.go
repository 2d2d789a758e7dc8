package replay

import (
	"sync"
	"time"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// lag measures the player itself: how long after its due time a request was taken in hand, and what the process and its
// machine had to do with it, second by second. What a request waits after that, for an earlier answer to its session
// or for a connection, is the system's slowness and not the player's.
type lag struct {
	bound time.Duration

	mu     sync.Mutex
	second *hist.Histogram
	p99    time.Duration // of the last second

	// One goroutine uses what follows.
	total  *hist.Histogram
	spare  *hist.Histogram // empty
	host   hostState
	peak   int64 // requests in flight in this second
	gc     time.Duration
	ports  int // the least that were free; -1 when not known
	curve  []gameday.GeneratorSecond
	ticked int
}

func newLag(bound time.Duration) *lag {
	return &lag{bound: bound, total: hist.New(), second: hist.New(), spare: hist.New(), ports: -1}
}

// observe notes that a request was taken in hand so late.
func (l *lag) observe(late time.Duration) {
	l.mu.Lock()
	l.second.Record(late)
	l.mu.Unlock()
}

// begin takes the state of process and machine before the first second.
func (l *lag) begin() { l.host = readHost() }

// look notes how many requests are in flight.
func (l *lag) look(inFlight int64) { l.peak = max(l.peak, inFlight) }

// tick ends the seconds before this one.
func (l *lag) tick(second int) {
	l.mu.Lock()
	ended := l.second
	l.second = l.spare
	l.mu.Unlock()
	p99 := ended.Quantile(0.99) // while nobody waits for it who has something to send
	l.total.Merge(ended)
	ended.Reset()
	l.mu.Lock()
	l.spare, l.p99 = ended, p99
	l.mu.Unlock()

	now := readHost()
	before := l.host
	l.host = now
	g := gameday.GeneratorSecond{
		Second: l.ticked, InFlight: l.peak, Lateness: gameday.Duration(p99), CPU: now.coresSince(before), Steal: now.stealSince(before),
		GC: gameday.Duration(now.gc - before.gc),
	}
	if p99 > l.bound {
		g.Limited = "late"
	}
	for ; l.ticked < second; l.ticked++ { // a keeper that was kept waiting ends several at once
		g.Second = l.ticked
		l.curve = append(l.curve, g)
	}
	l.peak = 0
	l.gc += now.gc - before.gc
	if now.ports >= 0 && (l.ports < 0 || now.ports < l.ports) {
		l.ports = now.ports
	}
}

func (l *lag) lastP99() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.p99
}

// report ends the last second and sums up.
func (l *lag) report(f *gameday.Fidelity) []gameday.GeneratorSecond {
	l.tick(l.ticked + 1)
	f.LatenessP50 = gameday.Duration(l.total.Quantile(0.5))
	f.LatenessP99 = gameday.Duration(l.total.Quantile(0.99))
	f.LatenessMax = gameday.Duration(l.total.Max())
	f.GC = gameday.Duration(l.gc)
	if l.ports >= 0 {
		f.PortsLeft = &l.ports
	}
	return l.curve
}
