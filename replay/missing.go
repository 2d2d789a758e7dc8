package replay

import (
	"maps"
	"sync"
)

// Why a session has no live value for a recorded one.
const (
	missFailed  = "the answer with it failed"
	missLate    = "the answer with it never came in time"
	missAbsent  = "the answer did not have it"
	missUnsent  = "the request for it was not sent"
	missUnknown = "no answer before it had one"
	missLimit   = "over limit"         // of values of one session
	missForm    = "cannot stand there" // a text where a number stood, say
)

// miss notes why there is no value.
func (b *bindings) miss(recorded, why string) {
	if len(b.missing) < maxKnown {
		b.missing.put(recorded, why)
	}
}

// why returns why the value of a live part is missing.
func (b *bindings) why(p part) string {
	if _, ok := b.live.get(p.value); ok {
		return missForm
	}
	if why, ok := b.missing.get(p.value); ok {
		return why
	}
	return missUnknown
}

// withhold notes that the answer to x gave only these values, and why no others.
func (x *shot) withhold(given map[string]string, why string) {
	for _, c := range x.req.captures {
		if _, ok := given[c.recorded]; !ok {
			x.sess.bound.miss(c.recorded, why)
		}
	}
}

// misses counts requests that lacked a value or were denied, by why. All shards may use it.
type misses struct {
	mu sync.Mutex
	by map[string]int64
}

func (m *misses) count(why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by = make(map[string]int64)
	}
	m.by[why]++
}

func (m *misses) report() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.by)
}
