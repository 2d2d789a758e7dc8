package replay

import (
	"sync"
	"time"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// lag measures the player itself: how long after its due time a request was taken in hand. What a request waits
// after that, for an earlier answer to its session or for a connection, is the system's slowness and not the
// player's.
type lag struct {
	bound time.Duration

	mu      sync.Mutex
	total   *hist.Histogram
	second  *hist.Histogram
	p99     time.Duration // of the last second
	limited int           // seconds in which the p99 was over the bound
}

func newLag(bound time.Duration) *lag {
	return &lag{bound: bound, total: hist.New(), second: hist.New()}
}

func (l *lag) observe(late time.Duration) {
	l.mu.Lock()
	l.second.Record(late)
	l.mu.Unlock()
}

// tick ends a second.
func (l *lag) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.p99 = l.second.Quantile(0.99)
	if l.p99 > l.bound {
		l.limited++
	}
	l.total.Merge(l.second)
	l.second.Reset()
}

func (l *lag) lastP99() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.p99
}

func (l *lag) report(f *gameday.Fidelity) {
	l.tick()
	f.LatenessP50 = gameday.Duration(l.total.Quantile(0.5))
	f.LatenessP99 = gameday.Duration(l.total.Quantile(0.99))
	f.LatenessMax = gameday.Duration(l.total.Max())
	f.LimitedSecond = l.limited
}
