package judge

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/metrics"
	"github.com/gameday-dev/gameday/internal/hist"
)

// A world is a run of 70 s as it goes when all is well: baseline 5 s to 25 s, one fault from 25 s to 45 s in
// zone z3, recovery to 70 s. Tests change one thing and look what becomes of the verdict.
type world struct {
	run   gameday.Run
	store *metrics.Store
}

// hit is what one flow lives through in one second.
type hit struct {
	requests int
	latency  time.Duration
	slow     int           // of the requests, how many take slowness instead
	slowness time.Duration //
	errors   int           // of the requests
	rejected int
}

const (
	faultFrom = 25
	faultTo   = 45
	runEnds   = 70
)

func well(int) hit { return hit{requests: 50, latency: 80 * time.Millisecond} }

// newWorld returns a run in which everything is as it should be, with one objective of each kind.
func newWorld(t testing.TB) *world {
	t.Helper()
	step := gameday.Step{
		Name: "cut", Group: "cut", Monkey: "zone", At: faultFrom * second, For: (faultTo - faultFrom) * second, Within: 5 * second,
		Selector: gameday.Selector{Kind: gameday.KindZone, Zone: "z3"},
	}
	w := &world{}
	w.run = gameday.Run{
		Meta: gameday.Meta{Run: "01TEST", Started: time.UnixMilli(1_700_000_000_000)},
		Plan: gameday.Plan{
			Version: gameday.PlanVersion, Name: "zone-outage",
			Environment: gameday.Environment{Platform: "local", Topology: "topology.yaml"},
			Flows: []gameday.Flow{
				{Name: "checkout", Criticality: gameday.Core, Objectives: []gameday.Objective{
					objective("p99 <= 300ms", "p99", "<=", 0.3),
					objective("error_rate <= 1%", "error_rate", "<=", 0.01),
					objective("recovery <= 20s", "recovery", "<=", 20),
				}},
				{Name: "search", Criticality: gameday.Sheddable, Objectives: []gameday.Objective{
					objective("p99 <= 500ms", "p99", "<=", 0.5),
				}},
			},
			Traffic: gameday.TrafficPlan{MaxLate: gameday.Duration(50 * time.Millisecond)},
			Phases:  gameday.Phases{Warmup: 5 * second, Baseline: 20 * second, Fault: 20 * second, Recovery: 25 * second},
			Steps:   []gameday.Step{step},
		},
		Events: faultEvents(step),
	}
	w.traffic(t, "checkout", well)
	w.traffic(t, "search", well)
	w.run.Traffic.Fidelity = gameday.Fidelity{Due: 7000, Sent: 7000, Seconds: runEnds, LatenessP99: gameday.Duration(2 * time.Millisecond)}
	w.store = newStore(w.run)
	for at := gameday.Duration(0); at <= runEnds*second; at += second / 2 {
		w.store.Append(at, healthy(at)...)
	}
	w.run.Metrics = w.store
	return w
}

func objective(text, metric, op string, limit float64) gameday.Objective {
	return gameday.Objective{
		Text: text, Metric: metric, Op: op, Limit: limit, Severity: gameday.SeverityFail,
		During: []gameday.Phase{gameday.Baseline, gameday.During, gameday.Recovery},
	}
}

func faultEvents(s gameday.Step) []gameday.Event {
	fault := gameday.Fault{
		ID: "f1", Step: s.Name, Monkey: s.Monkey, For: s.For, Target: gameday.Target{Kind: gameday.KindZone, Name: "z3"}, Summary: "cut zone z3",
	}
	return []gameday.Event{
		{At: 0, Kind: gameday.EventStart},
		{At: s.At, Kind: gameday.EventInjecting, FaultID: "f1", Step: s.Name, Fault: &fault},
		{At: s.At + second, Kind: gameday.EventActive, FaultID: "f1", Evidence: &gameday.Evidence{Effect: gameday.InEffect, What: "5 of 5 probes refused"}},
		{At: s.At + s.For, Kind: gameday.EventHealing, FaultID: "f1"},
		{At: s.At + s.For + second/2, Kind: gameday.EventHealed, FaultID: "f1", Evidence: &gameday.Evidence{Effect: gameday.Gone, What: "5 of 5 probes answered"}},
		{At: runEnds * second, Kind: gameday.EventEnd},
	}
}

// healthy are the series that every run has.
func healthy(at gameday.Duration) []gameday.Sample {
	samples := []gameday.Sample{
		{Name: "gameday_host_cpu_ratio", Value: 0.4},
		{Name: "gameday_metrics_dropped_total", Labels: map[string]string{"reason": "series limit"}},
	}
	for i := range 4 {
		l := map[string]string{"instance": fmt.Sprint("product-z1-", i)}
		samples = append(samples, gameday.Sample{Name: "up", Labels: l, Value: 1},
			gameday.Sample{Name: "scrape_duration_seconds", Labels: l, Value: 0.001 + float64(at/second%7)/1e4})
	}
	return samples
}

// traffic replaces the slices of one flow.
func (w *world) traffic(t testing.TB, flow string, each func(second int) hit) {
	t.Helper()
	var kept []gameday.Slice
	for _, s := range w.run.Traffic.Slices {
		if s.Flow != flow {
			kept = append(kept, s)
		}
	}
	encoded := map[hit][]byte{}
	for s := range runEnds {
		h := each(s)
		if h.requests == 0 {
			continue
		}
		if encoded[h] == nil {
			encoded[h] = h.encode(t)
		}
		raw := encoded[h]
		kept = append(kept, gameday.Slice{
			Second: s, Flow: flow, Due: int64(h.requests), Sent: int64(h.requests), Timings: gameday.Timings{Latency: raw, Service: raw},
			Classes: map[gameday.Class]int64{
				gameday.ClassOK: int64(h.requests - h.errors - h.rejected), gameday.ClassError: int64(h.errors), gameday.ClassRejected: int64(h.rejected),
			},
		})
	}
	w.run.Traffic.Slices = kept
}

// skip adds requests of the flow that were due and skipped, so many in each of the seconds.
func (w *world) skip(flow, cause string, n int64, when func(second int) bool) {
	for i := range w.run.Traffic.Slices {
		s := &w.run.Traffic.Slices[i]
		if s.Flow == flow && when(s.Second) {
			s.Due, s.Skipped, s.Skips = s.Due+n, s.Skipped+n, map[string]int64{cause: n}
		}
	}
}

func (h hit) encode(t testing.TB) []byte {
	t.Helper()
	latency := hist.New()
	latency.RecordN(h.latency, int64(h.requests-h.slow))
	latency.RecordN(h.slowness, int64(h.slow))
	raw, err := latency.Encode()
	require.NoError(t, err)
	return raw
}

// series adds samples every half second.
func (w *world) series(name string, l map[string]string, value func(at gameday.Duration) (float64, bool)) {
	for at := gameday.Duration(0); at <= runEnds*second; at += second / 2 {
		if v, ok := value(at); ok {
			w.store.Append(at, gameday.Sample{Name: name, Labels: l, Value: v})
		}
	}
}

func (w *world) judge() gameday.Verdict { return Judge(context.Background(), w.run) }

// finding returns the finding of that name.
func finding(t testing.TB, v gameday.Verdict, name string) gameday.Finding {
	t.Helper()
	var names []string
	for _, f := range v.Findings {
		if f.Name == name {
			return f
		}
		names = append(names, f.Name)
	}
	t.Fatalf("no finding %q among %q", name, names)
	return gameday.Finding{}
}

func inFault(s int) bool { return s >= faultFrom && s < faultTo }

func newStore(r gameday.Run) *metrics.Store {
	return metrics.NewStore(r.Meta.Started, metrics.Limits{})
}
