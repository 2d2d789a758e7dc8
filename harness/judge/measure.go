package judge

import (
	"fmt"
	"slices"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// minimumOf is how many requests a metric needs before it says anything.
func minimumOf(metric string) int64 {
	if _, enough, ok := gameday.Quantile(metric); ok {
		return enough
	}
	switch metric {
	case "error_rate", "success_rate":
		return 20
	}
	return 1
}

// unitOf returns the unit that values of the metric are in.
func unitOf(metric string) string {
	switch metric {
	case "error_rate", "success_rate":
		return "ratio"
	case "rate":
		return "/s"
	}
	return "s"
}

// timed reports whether the metric is one of latencies.
func timed(metric string) bool { return unitOf(metric) == "s" }

// tally adds up slices.
type tally struct {
	requests int64 // answered in whatever way, timeouts included
	good     int64
	seconds  int
	latency  *hist.Histogram
}

func newTally() *tally { return &tally{latency: hist.New()} }

func (t *tally) reset() {
	t.requests, t.good, t.seconds = 0, 0, 0
	if t.latency.Count() > 0 {
		t.latency.Reset()
	}
}

// bad is how many requests did not succeed. Being turned away counts: who asked got nothing.
func (t *tally) bad() int64 { return t.requests - t.good }

func (t *tally) add(s counted) {
	t.requests += s.requests
	t.good += s.good
	if s.latency != nil {
		t.latency.Merge(s.latency)
	}
}

// value returns the metric's value, in seconds, as a ratio or per second, and false when there is none.
func (t *tally) value(metric string) (float64, bool) {
	if metric == "rate" {
		return float64(t.good) / float64(max(t.seconds, 1)), t.seconds > 0
	}
	if t.requests == 0 {
		return 0, false
	}
	switch metric {
	case "error_rate":
		return float64(t.bad()) / float64(t.requests), true
	case "success_rate":
		return float64(t.good) / float64(t.requests), true
	}
	if t.latency.Count() == 0 {
		return 0, false
	}
	switch metric {
	case "max":
		return t.latency.Max().Seconds(), true
	case "mean":
		return t.latency.Mean().Seconds(), true
	}
	if q, _, ok := gameday.Quantile(metric); ok {
		return t.latency.Quantile(q).Seconds(), true
	}
	return 0, false
}

// counted is what one slice holds, read.
type counted struct {
	requests, good int64
	latency        *hist.Histogram // nil when empty
}

func count(s gameday.Slice, latencies bool) (counted, error) {
	var c counted
	for class, n := range s.Classes {
		c.requests += n
		if class == gameday.ClassOK || class == gameday.ClassDegraded {
			c.good += n
		}
	}
	if latencies && len(s.Latency) > 0 {
		h, err := hist.Decode(s.Latency)
		if err != nil {
			return c, fmt.Errorf("read latency of flow %s in second %d: %w", s.Flow, s.Second, err)
		}
		c.latency = h
	}
	return c, nil
}

// sliceIn reports whether the second of s lies wholly in the window: a second that is half a fault and
// half none belongs to neither.
func sliceIn(s gameday.Slice, from, to gameday.Duration) bool {
	at := gameday.Duration(s.Second) * second
	return at >= from && at+second <= to
}

// slicesOf returns the slices of one flow, or of all when flow is empty, in the window.
func slicesOf(r gameday.Run, flow string, from, to gameday.Duration) []gameday.Slice {
	var found []gameday.Slice
	for _, s := range r.Traffic.Slices {
		if (flow == "" || s.Flow == flow) && sliceIn(s, from, to) {
			found = append(found, s)
		}
	}
	return found
}

// wholeSeconds is how many seconds of the clock lie wholly in the window.
func wholeSeconds(from, to gameday.Duration) int {
	first := (from + second - 1) / second
	return int(max(0, to/second-first))
}

// over measures a flow in a window; latencies only if asked for, since they are most of the work.
func over(r gameday.Run, flow string, from, to gameday.Duration, latencies bool) (*tally, error) {
	t := newTally()
	t.seconds = wholeSeconds(from, to)
	for _, s := range slicesOf(r, flow, from, to) {
		c, err := count(s, latencies)
		if err != nil {
			return nil, err
		}
		t.add(c)
	}
	return t, nil
}

// flowNames returns the flows of the plan, and those that only the traffic knows, such as "other".
func flowNames(r gameday.Run) []string {
	var names []string
	for _, f := range r.Plan.Flows {
		names = append(names, f.Name)
	}
	for _, s := range r.Traffic.Slices {
		if !slices.Contains(names, s.Flow) {
			names = append(names, s.Flow)
		}
	}
	return names
}
