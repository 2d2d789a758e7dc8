package metrics

import (
	"context"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

var _ storage.Queryable = (*Store)(nil)

// Querier lets the PromQL engine read the store. The bounds are not needed: the engine asks for what it wants.
func (s *Store) Querier(_, _ int64) (storage.Querier, error) { return querier{s}, nil }

// querier reads a store. Every Select sees the samples that were there when it was called.
type querier struct{ store *Store }

// Select returns the series that match all matchers.
func (q querier) Select(_ context.Context, sorted bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	matching := q.matching(matchers)
	if sorted {
		slices.SortFunc(matching, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	}
	return &set{series: matching}
}

func (q querier) matching(matchers []*labels.Matcher) []*series {
	q.store.mu.RLock()
	defer q.store.mu.RUnlock()
	var found []*series
	for _, candidates := range q.candidates(matchers) {
		for _, c := range candidates {
			if matches(c.labels, matchers) {
				found = append(found, c)
			}
		}
	}
	return found
}

// candidates narrows the search by metric name where a matcher fixes it.
func (q querier) candidates(matchers []*labels.Matcher) map[string][]*series {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return map[string][]*series{m.Value: q.store.byName[m.Value]}
		}
	}
	return q.store.byName
}

func matches(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// LabelValues returns the values of one label among the series that match, in order.
func (q querier) LabelValues(_ context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	var values []string
	for _, s := range q.matching(matchers) {
		if v := s.labels.Get(name); v != "" {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), nil, nil
}

// LabelNames returns the names of the labels of the series that match, in order.
func (q querier) LabelNames(_ context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	var names []string
	for _, s := range q.matching(matchers) {
		s.labels.Range(func(l labels.Label) { names = append(names, l.Name) })
	}
	slices.Sort(names)
	return slices.Compact(names), nil, nil
}

// Close does nothing: a querier holds nothing.
func (querier) Close() error { return nil }

// set walks over series.
type set struct {
	series []*series
	at     int // one past the current
}

// Next steps to the next series.
func (s *set) Next() bool {
	s.at++
	return s.at <= len(s.series)
}

// At returns the current series, as it is at this moment.
func (s *set) At() storage.Series { return s.series[s.at-1].view() }

// Err returns nil: memory does not fail.
func (*set) Err() error { return nil }

// Warnings returns nil.
func (*set) Warnings() annotations.Annotations { return nil }
