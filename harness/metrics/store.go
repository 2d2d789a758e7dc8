package metrics

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/gameday-dev/gameday"
)

// Limits bound what a store takes. Zero fields mean the defaults.
type Limits struct {
	Series     int   // distinct series; 200,000
	Samples    int64 // of all series together; 50 million, some 150 MB
	LabelBytes int   // names and values of one series together; 4096
}

func (l Limits) withDefaults() Limits {
	if l.Series == 0 {
		l.Series = 200_000
	}
	if l.Samples == 0 {
		l.Samples = 50_000_000
	}
	if l.LabelBytes == 0 {
		l.LabelBytes = 4096
	}
	return l
}

// Reason says why a sample was turned away.
type Reason string

// The reasons.
const (
	OverSeries  Reason = "series limit"
	OverSamples Reason = "sample limit"
	OverLabels  Reason = "label limit"
	BadLabels   Reason = "invalid labels"
	OutOfOrder  Reason = "out of order"
)

// Stats counts what a store holds and what it turned away.
type Stats struct {
	Series  int
	Samples int64
	Dropped map[Reason]int64
}

// Store keeps the samples of one run. Make one with NewStore or Load. All methods are safe for concurrent use.
type Store struct {
	start  time.Time
	limits Limits
	engine *promql.Engine

	mu      sync.RWMutex
	byHash  map[uint64][]*series
	byName  map[string][]*series // by metric name, the one label that nearly every selector fixes
	count   int
	dropped map[Reason]int64

	samples atomic.Int64
}

// NewStore returns an empty store for a run that starts at start. Offsets count from there by the
// monotonic clock where start has a reading of it, as time.Now gives.
func NewStore(start time.Time, limits Limits) *Store {
	return &Store{
		start:   start,
		limits:  limits.withDefaults(),
		engine:  newEngine(),
		byHash:  map[uint64][]*series{},
		byName:  map[string][]*series{},
		dropped: map[Reason]int64{},
	}
}

// Append adds one value of each sample's series at the given offset. What a limit or the order of time
// forbids is counted in Stats.
func (s *Store) Append(at gameday.Duration, samples ...gameday.Sample) {
	t := s.unixMilli(at)
	for _, sample := range samples {
		if series := s.series(labelsOf(sample)); series != nil {
			s.add(series, t, sample.Value)
		}
	}
}

// Stats returns the counts of this moment.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Stats{Series: s.count, Samples: s.samples.Load(), Dropped: maps.Clone(s.dropped)}
}

func labelsOf(sample gameday.Sample) labels.Labels {
	b := labels.NewScratchBuilder(len(sample.Labels) + 1)
	b.Add(model.MetricNameLabel, sample.Name)
	for name, value := range sample.Labels {
		if value != "" { // an empty label is no label
			b.Add(name, value)
		}
	}
	b.Sort()
	return b.Labels()
}

// series returns the series with these labels, new if need be; nil when a limit forbids it, which is counted.
func (s *Store) series(l labels.Labels) *series {
	hash := l.Hash()
	s.mu.RLock()
	found := find(s.byHash[hash], l)
	s.mu.RUnlock()
	if found != nil {
		return found
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := find(s.byHash[hash], l); found != nil {
		return found
	}
	name := l.Get(model.MetricNameLabel)
	_, duplicate := l.HasDuplicateLabelNames()
	switch {
	case name == "" || duplicate:
		s.dropped[BadLabels]++
		return nil
	case int(l.ByteSize()) > s.limits.LabelBytes:
		s.dropped[OverLabels]++
		return nil
	case s.count >= s.limits.Series:
		s.dropped[OverSeries]++
		return nil
	}
	added := &series{labels: l}
	s.byHash[hash] = append(s.byHash[hash], added)
	s.byName[name] = append(s.byName[name], added)
	s.count++
	return added
}

func find(candidates []*series, l labels.Labels) *series {
	for _, c := range candidates {
		if labels.Equal(c.labels, l) {
			return c
		}
	}
	return nil
}

func (s *Store) add(to *series, t int64, v float64) {
	if s.samples.Load() >= s.limits.Samples {
		s.drop(OverSamples, 1)
		return
	}
	if !to.add(t, v) {
		s.drop(OutOfOrder, 1)
		return
	}
	s.samples.Add(1)
}

// end writes a stale marker, even past the limit of samples: it bounds itself, and without it the last
// value would live on.
func (s *Store) end(to *series, t int64) {
	if to.end(t) {
		s.samples.Add(1)
	}
}

func (s *Store) drop(why Reason, n int64) {
	s.mu.Lock()
	s.dropped[why] += n
	s.mu.Unlock()
}

// all returns every series, ordered by labels.
func (s *Store) all() []*series {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*series, 0, s.count)
	for _, some := range s.byName {
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	return all
}

// now returns the present offset.
func (s *Store) now() gameday.Duration { return gameday.Duration(time.Since(s.start)) }

func (s *Store) unixMilli(at gameday.Duration) int64 {
	return s.start.UnixMilli() + at.Std().Milliseconds()
}
