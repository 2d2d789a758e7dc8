package linkproxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gameday-dev/gameday/internal/exposition"
)

// linkKey names a link: all connections between two services in two zones.
type linkKey struct{ src, srcZone, dst, dstZone string }

// link counts what happens on one link.
type link struct {
	key    linkKey
	labels linkLabels

	opened  atomic.Int64 // connections forwarded
	refused atomic.Int64 // connections that found nobody listening, or no healthy backend
	cut     atomic.Int64 // connections refused or reset by a rule
	limited atomic.Int64 // connections beyond the proxy's limit
	active  atomic.Int64
	bytes   [3]atomic.Int64 // by Direction
	delays  [3]delays       // by Direction

	rate     func(code string) *rate // of all links between the two services
	start    time.Time               // rates count from there
	mu       sync.Mutex
	requests map[string]*tally // by code
}

// tally counts the requests of one code on one link.
type tally struct {
	labels exposition.Labels
	count  int64 // guarded by the link's mu
	rate   *rate
}

// count records one request that was answered with code.
func (l *link) count(code string) {
	l.mu.Lock()
	t := l.requests[code]
	if t == nil {
		t = &tally{labels: l.key.answered(code), rate: l.rate(code)}
		l.requests[code] = t
	}
	t.count++
	l.mu.Unlock()
	t.rate.add(time.Since(l.start))
}

// delivered records a chunk that was written, if it was one to be delayed.
func (l *link) delivered(dir Direction, c *chunk) {
	if !c.read.IsZero() {
		l.delays[dir].add(time.Since(c.read))
	}
}

// delays sums what the pipes added to chunks.
type delays struct {
	count, nanoseconds atomic.Int64
}

func (d *delays) add(delay time.Duration) {
	d.count.Add(1)
	d.nanoseconds.Add(int64(delay))
}

// stats holds every link that was used, and the request rates between services.
type stats struct {
	start time.Time
	mu    sync.Mutex
	links map[linkKey]*link
	rates map[rateKey]*rate
}

type rateKey struct{ src, dst, code string }

func newStats() *stats {
	return &stats{start: time.Now(), links: map[linkKey]*link{}, rates: map[rateKey]*rate{}}
}

func (s *stats) link(from, to Peer) *link {
	key := linkKey{from.Service, from.Zone, to.Service, to.Zone}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.links[key]
	if l == nil {
		l = &link{
			key: key, labels: key.labels(), start: s.start, requests: map[string]*tally{},
			rate: func(code string) *rate { return s.rate(rateKey{key.src, key.dst, code}) },
		}
		s.links[key] = l
	}
	return l
}

func (s *stats) rate(key rateKey) *rate {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rates[key]
	if r == nil {
		r = &rate{labels: key.labels()}
		s.rates[key] = r
	}
	return r
}

const (
	rateSlot   = 100 * time.Millisecond
	rateWindow = 10 // slots in a sliding second
	rateMemory = 20 // window ends that peak looks at: two seconds, so that a scrape a second misses none
	rateSlots  = rateWindow + rateMemory
)

// rate counts requests in slots of 100 ms and knows the highest sliding second of late.
type rate struct {
	labels exposition.Labels
	mu     sync.Mutex
	slots  [rateSlots]struct {
		number int64 // slots since the start; a slot of an older lap is empty
		count  int64
	}
}

func (r *rate) add(since time.Duration) {
	number := int64(since / rateSlot)
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := &r.slots[number%rateSlots]
	if slot.number != number {
		slot.number, slot.count = number, 0
	}
	slot.count++
}

// peak returns the most requests in any second that ended within the last two.
func (r *rate) peak(since time.Duration) int64 {
	now := int64(since / rateSlot)
	r.mu.Lock()
	defer r.mu.Unlock()
	var peak int64
	for end := now; end > now-rateMemory && end >= 0; end-- {
		var sum int64
		for n := end; n > end-rateWindow && n >= 0; n-- {
			if slot := r.slots[n%rateSlots]; slot.number == n {
				sum += slot.count
			}
		}
		peak = max(peak, sum)
	}
	return peak
}
