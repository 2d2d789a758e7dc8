package judge

import (
	"time"

	"github.com/gameday-dev/gameday"
)

// The sliding windows in which an objective is looked at second by second.
const (
	widest    = 5  // seconds; narrower where requests are many
	enough    = 20 // requests that make a window wide enough
	tolerated = 2  // requests over the limit that are no breach yet: in a small window, one slow request is more than 1 %
)

// moment is the state of one objective at one second, over the window that ends with it.
type moment struct {
	second int
	value  float64
	known  bool // there were requests to judge by
	breach bool
}

func (m moment) from() gameday.Duration { return gameday.Duration(m.second) * second }

// moments follows an objective of a flow through the whole seconds from from to to. No window reaches back
// over one of the borders, so that what was before a heal is not held against what came after it.
func moments(r gameday.Run, flow string, o gameday.Objective, from, to gameday.Duration, borders ...gameday.Duration) ([]moment, error) {
	bySecond := map[int]gameday.Slice{}
	for _, s := range slicesOf(r, flow, from, to) {
		bySecond[s.Second] = s
	}
	first := int((from + second - 1) / second)
	last := first + wholeSeconds(from, to)
	var ring []counted
	sum := newTally()
	result := make([]moment, 0, last-first)
	for at := first; at < last; at++ {
		for _, b := range borders {
			if int((b+second-1)/second) == at {
				ring = ring[:0]
			}
		}
		c, err := count(bySecond[at], timed(o.Metric))
		if err != nil {
			return nil, err
		}
		if len(ring) == widest {
			copy(ring, ring[1:])
			ring = ring[:widest-1]
		}
		ring = append(ring, c)
		sum.narrow(ring)
		m := moment{second: at}
		m.value, m.known = sum.value(o.Metric)
		m.breach = m.known && breaches(sum, o, m.value)
		result = append(result, m)
	}
	return result, nil
}

// narrow sums the newest seconds of the ring, as few as hold enough requests.
func (t *tally) narrow(ring []counted) {
	t.reset()
	for i := len(ring) - 1; i >= 0 && (t.requests < enough || t.seconds == 0); i-- {
		t.add(ring[i])
		t.seconds++
	}
}

// breaches reports whether a window misses the objective by more than the tolerated requests.
func breaches(t *tally, o gameday.Objective, value float64) bool {
	if compare(value, o.Op, o.Limit) {
		return false
	}
	atMost := o.Op == "<=" || o.Op == "<"
	switch _, _, quantile := gameday.Quantile(o.Metric); {
	case quantile && atMost:
		return t.latency.Count()-t.latency.AtMost(time.Duration(o.Limit*float64(time.Second))) > tolerated
	case o.Metric == "error_rate" && atMost && o.Limit > 0, o.Metric == "success_rate" && !atMost && o.Limit < 1:
		return t.bad() > tolerated
	}
	return true
}

// few is how many requests, without one exception, stand for a promise that is else measured on more.
const few = 5

// sufficient reports whether the requests are enough to judge the objective by. Fewer than the metric's
// minimum are only where they leave no doubt: not one was over the limit, or more than single ones were.
// A p999 of fewer than its minimum is no claim at all.
func sufficient(t *tally, o gameday.Objective, value float64) bool {
	switch {
	case t.requests >= minimumOf(o.Metric) || o.Metric == "rate":
		return true
	case o.Metric == "p999" || t.requests < few:
		return false
	case !compare(value, o.Op, o.Limit):
		return breaches(t, o, value)
	case o.Metric == "error_rate" || o.Metric == "success_rate":
		return t.bad() == 0
	}
	return compare(t.latency.Max().Seconds(), o.Op, o.Limit)
}

// trouble sums up the moments of a window.
type trouble struct {
	known int
	over  gameday.Duration
	worst moment
}

func sumUp(ms []moment, o gameday.Objective, from, to gameday.Duration) trouble {
	var t trouble
	for _, m := range ms {
		if !m.known || m.from() < from || m.from()+second > to {
			continue
		}
		if t.known == 0 || worse(m.value, t.worst.value, o.Op) {
			t.worst = m
		}
		t.known++
		if m.breach {
			t.over += second
		}
	}
	return t
}

func worse(a, b float64, op string) bool {
	if op == ">=" || op == ">" {
		return a < b
	}
	return a > b
}

// trace is the evidence that moments make.
func trace(flow, metric string, ms []moment) gameday.Series {
	s := gameday.Series{Labels: map[string]string{"flow": flow, "metric": metric}}
	for _, m := range ms {
		if m.known {
			s.Points = append(s.Points, gameday.Point{At: m.from(), Value: m.value})
		}
	}
	return thin(s)
}
