package judge

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
)

// What counts as the onset of trouble: a signal that leaves the band around its baseline for the worse and stays out.
const (
	madFactor   = 4  // half width of the band, in median absolute deviations of the baseline
	mustLeave   = 3  // seconds in a row outside of the band
	leastPoints = 5  // of baseline, to have one
	mostOnsets  = 20 // in a verdict
)

// signal is one series that may show trouble.
type signal struct {
	name    string // "checkout p99"
	subject string // flow or service
	unit    string
	floor   float64 // half width of the band at least, in the unit
	share   float64 // and as a share of the median
	falls   bool    // in trouble; others rise
	points  []gameday.Point
}

// worse is how much worse than the median a value is; negative when it is better.
func (s signal) worse(value, median float64) float64 {
	if s.falls {
		return median - value
	}
	return value - median
}

// onsets finds where signals of flows, links and services first left their baseline, in order of time, and
// the subjects of which none did. Metrics that cannot be asked add none; they never hide those of flows.
func onsets(ctx context.Context, r gameday.Run, f facts) (found []gameday.Onset, unaffected []string) {
	signals := flowSignals(r)
	if r.Metrics != nil {
		signals = append(signals, metricSignals(ctx, r)...)
	}
	from, to := f.window(r.Plan.Phases, gameday.Baseline)
	begin, ok := f.firstInjection()
	if !ok {
		begin = to
	}
	known, hit := map[string]bool{}, map[string]bool{}
	for _, s := range signals {
		median, band, ok := s.band(from, min(to, begin))
		if !ok {
			continue
		}
		known[s.subject] = true
		if o, ok := s.onset(median, band, begin); ok {
			hit[s.subject] = true
			found = append(found, o)
		}
	}
	for subject := range known {
		if !hit[subject] {
			unaffected = append(unaffected, subject)
		}
	}
	slices.Sort(unaffected)
	slices.SortStableFunc(found, func(a, b gameday.Onset) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(departure(b), departure(a)), strings.Compare(a.Signal, b.Signal))
	})
	return found[:min(len(found), mostOnsets)], unaffected
}

// departure is how far a signal went, as a multiple of where it came from.
func departure(o gameday.Onset) float64 {
	return math.Abs(o.Value-o.Baseline) / max(math.Abs(o.Baseline), 1e-3)
}

// band returns the median of the baseline and how far from it is still normal.
func (s signal) band(from, to gameday.Duration) (median, band float64, ok bool) {
	var values []float64
	for _, p := range s.points {
		if p.At >= from && p.At < to {
			values = append(values, p.Value)
		}
	}
	if len(values) < leastPoints {
		return 0, 0, false
	}
	median = middle(values)
	deviations := make([]float64, len(values))
	for i, v := range values {
		deviations[i] = math.Abs(v - median)
	}
	return median, max(madFactor*middle(deviations), s.floor, s.share*math.Abs(median)), true
}

func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// onset tells whether and where the signal left the band for good measure, from begin on.
func (s signal) onset(median, band float64, begin gameday.Duration) (gameday.Onset, bool) {
	after := slices.DeleteFunc(slices.Clone(s.points), func(p gameday.Point) bool { return p.At < begin/second*second })
	i := s.leaves(after, median, band)
	if i < 0 {
		return gameday.Onset{}, false
	}
	extreme := slices.MaxFunc(after[i:], func(a, b gameday.Point) int {
		return cmp.Compare(s.worse(a.Value, median), s.worse(b.Value, median))
	})
	return gameday.Onset{
		Signal: s.name, Subject: s.subject, At: after[i].At, Baseline: median, Value: extreme.Value, Unit: s.unit,
	}, true
}

// leaves returns the first of mustLeave points in a row, two seconds apart at most, that are worse than the band;
// -1 when there are none.
func (s signal) leaves(points []gameday.Point, median, band float64) int {
	run := 0
	for i, p := range points {
		switch {
		case s.worse(p.Value, median) <= band:
			run = 0
			continue
		case run > 0 && p.At-points[i-1].At > 2*second:
			run = 0
		}
		if run++; run == mustLeave {
			return i - mustLeave + 1
		}
	}
	return -1
}

// flowSignals are p99, error rate and throughput of each flow, by the second.
func flowSignals(r gameday.Run) []signal {
	var found []signal
	for _, flow := range flowNames(r) {
		p99 := signal{name: flow + " p99", subject: flow, unit: "s", floor: 0.010, share: 0.5}
		errors := signal{name: flow + " error rate", subject: flow, unit: "ratio", floor: 0.02}
		rate := signal{name: flow + " successes", subject: flow, unit: "/s", floor: 5, share: 0.4, falls: true}
		for _, s := range slicesOf(r, flow, 0, r.Plan.Phases.Total()) {
			c, err := count(s, true)
			if err != nil {
				continue // the objectives of the flow say so
			}
			t := newTally()
			t.seconds = 1
			t.add(c)
			at := gameday.Duration(s.Second) * second
			for _, one := range []struct {
				to     *signal
				metric string
			}{{&p99, "p99"}, {&errors, "error_rate"}, {&rate, "rate"}} {
				if v, ok := t.value(one.metric); ok && (t.requests >= 5 || one.metric == "rate") {
					one.to.points = append(one.to.points, gameday.Point{At: at, Value: v})
				}
			}
		}
		found = append(found, p99, errors, rate)
	}
	return found
}

// watched are the series of links and services in which trouble shows first, over 3 s so that two scrapes
// are enough. They answer nothing where the system has no such metrics. What faults themselves change, such as
// the number of instances, is not among them: it would always be first.
var watched = []struct {
	expr    string
	what    string   // how the signal is called, after the subject
	name    []string // the labels that name it, joined by an arrow
	subject string   // the label that is to blame
	unit    string
	floor   float64
	share   float64
}{
	{`sum by (src, dst) (rate(gameday_link_requests_total{code=~"5..|none|grpc_(4|8|13|14)"}[3s]))`, "failed", []string{"src", "dst"}, "dst", "/s", 1, 0.5},
	{`sum by (src, dst) (rate(gameday_link_connections_total{outcome=~"refused|cut"}[3s]))`, "refused", []string{"src", "dst"}, "dst", "/s", 0.5, 0.5},
	{`sum by (service, dep) (rate(rpc_client_attempts_total{outcome!="ok"}[3s]))`, "failed attempts", []string{"service", "dep"}, "dep", "/s", 1, 0.5},
	{`sum by (dep) (circuit_breaker_state{state="open"})`, "open breakers", []string{"dep"}, "dep", "", 0.5, 0},
	{`sum by (service) (rate(http_server_requests_total{code=~"5.."}[3s]))`, "5xx", []string{"service"}, "service", "/s", 1, 0.5},
	{`sum by (service) (rate(load_shed_total[3s]))`, "shed", []string{"service"}, "service", "/s", 1, 0.5},
	{`sum by (service) (http_server_in_flight)`, "requests in flight", []string{"service"}, "service", "", 5, 1},
}

func metricSignals(ctx context.Context, r gameday.Run) []signal {
	var found []signal
	for _, w := range watched {
		series, err := r.Metrics.Range(ctx, w.expr, 0, r.Plan.Phases.Total(), second)
		if err != nil {
			continue // a signal more or less changes no outcome
		}
		for _, s := range series {
			var parts []string
			for _, label := range w.name {
				parts = append(parts, s.Labels[label])
			}
			found = append(found, signal{
				name: strings.Join(parts, " -> ") + " " + w.what, subject: s.Labels[w.subject],
				unit: w.unit, floor: w.floor, share: w.share, points: finite(s.Points),
			})
		}
	}
	return found
}

// brokeFirst tells the first onsets in a line: "order -> promotion failed 3s after the first fault, then ...".
func brokeFirst(found []gameday.Onset, f facts) string {
	begin, ok := f.firstInjection()
	if !ok || len(found) == 0 {
		return ""
	}
	const told = 3
	var parts []string
	seen := map[string]bool{}
	for _, o := range found {
		if seen[o.Subject] || len(parts) == told {
			continue // one sentence on each subject: how it showed first
		}
		seen[o.Subject] = true
		after := gameday.Duration(math.Round(max(0, o.At-begin).Seconds())) * second
		parts = append(parts, fmt.Sprintf("%s %s to %s after %s", o.Signal, say(o.Baseline, o.Unit), say(o.Value, o.Unit), after))
	}
	return strings.Join(parts, ", then ")
}
