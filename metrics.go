package gameday

import "context"

// Sample is one value of one series at one moment.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Collector gives series of its own, read at each scrape. It is called from one goroutine at a time and
// must be safe beside the owner's other work.
type Collector interface {
	Collect() []Sample
}

// Point is one value in time.
type Point struct {
	At    Duration `json:"at"` // offset from the start of the run
	Value float64  `json:"value"`
}

// Series is a labelled sequence of points in time order.
type Series struct {
	Labels map[string]string `json:"labels,omitempty"`
	Points []Point           `json:"points"`
}

// Metrics answers PromQL over one run.
type Metrics interface {
	// Range evaluates expr at each step from from to to, offsets from the start of the run, both ends
	// included. A step without an answer has no point; no series at all is an empty result, not an error.
	Range(ctx context.Context, expr string, from, to, step Duration) ([]Series, error)
}
