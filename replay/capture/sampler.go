package capture

import (
	"hash/fnv"
	"io"
	"math"
	"sync"
	"sync/atomic"
)

// A sampler chooses whole sessions. A session is in when the hash of its name, as a number from
// 0 to 1, is under the rate. So the same sessions are in whatever the order of arrival, a lower
// rate keeps a part of those that a higher one keeps, and a session that was left out once stays
// out: half of a session is of little use to a replay.
type sampler struct {
	share atomic.Uint64 // bits of a float64
	used  atomic.Bool   // some session was left out

	mu sync.RWMutex
	// Hashes of sessions that are out, and of the credentials by which their requests are known
	// before anything of them is copied. In two generations: when young is full it becomes old
	// and the old one is forgotten, so memory is bounded.
	young, old map[uint64]struct{}
}

const leftOutMax = 100_000

func newSampler(rate float64) *sampler {
	s := &sampler{young: make(map[uint64]struct{})}
	s.set(rate)
	return s
}

func (s *sampler) rate() float64    { return math.Float64frombits(s.share.Load()) }
func (s *sampler) set(rate float64) { s.share.Store(math.Float64bits(rate)) }

// idle reports whether nothing is, or was, left out.
func (s *sampler) idle() bool { return s.rate() >= 1 && !s.used.Load() }

// take says whether a session is in. credentials are how its requests show whose they are.
func (s *sampler) take(session string, credentials ...string) bool {
	if s.idle() {
		return true
	}
	h := fingerprint(session)
	if !s.knows(h) && float64(h>>11)/(1<<53) < s.rate() {
		return true
	}
	s.used.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember(h)
	for _, c := range credentials {
		if c != "" {
			s.remember(fingerprint(c))
		}
	}
	return false
}

// leftOut reports whether a credential is known to be that of a session that is out.
func (s *sampler) leftOut(credential string) bool {
	return credential != "" && s.knows(fingerprint(credential))
}

func (s *sampler) knows(h uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, ok := s.young[h]; ok {
		return true
	}
	_, ok := s.old[h]
	return ok
}

func (s *sampler) remember(h uint64) {
	if len(s.young) >= leftOutMax {
		s.old, s.young = s.young, make(map[uint64]struct{})
	}
	s.young[h] = struct{}{}
}

// fingerprint spreads well even where names differ in their last letter alone: FNV-1a, and the
// finalizer of MurmurHash3 behind it.
func fingerprint(s string) uint64 {
	f := fnv.New64a()
	_, _ = io.WriteString(f, s)
	h := f.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
