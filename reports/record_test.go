package reports

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// sample makes a run of 60 s whose zone z3 is gone from +15 s to +40 s, from a fixed seed. Its texts try to
// break out of every format.
func sample(t testing.TB) gameday.Record {
	t.Helper()
	second := gameday.Duration(time.Second)
	plan := gameday.Plan{
		Version: 1, Name: "zone-outage", Title: "The shop survives the loss of a zone", Seed: 424242, File: "scenarios/library/zone-outage.yaml",
		SHA256: "0123abcd", Hypothesis: "When z3 loses power, <b>core</b> flows go on in z1 and z2.",
		Environment: gameday.Environment{Platform: "local", Topology: "topology.yaml"},
		Phases:      gameday.Phases{Warmup: 5 * second, Baseline: 10 * second, Fault: 25 * second, Recovery: 20 * second},
		Flows: []gameday.Flow{
			{Name: "browse", Path: "/products/*", Criticality: gameday.Core, Objectives: []gameday.Objective{{Text: "p99 <= 300ms", Metric: "p99", Op: "<=", Limit: 0.3}}},
			{Name: "place_order", Path: "/orders", Criticality: gameday.Core, Objectives: []gameday.Objective{{Text: "error_rate <= 1%", Metric: "error_rate", Op: "<=", Limit: 0.01}}},
			{Name: "search", Path: "/search", Criticality: gameday.Degradable},
		},
		Links:   map[string]string{"runbook": "https://wiki.example/zone?a=1&b=2", "<b>chat": "javascript:alert(1)"},
		Traffic: gameday.TrafficPlan{Tape: "fixtures/tapes/shop.gdtape", Speed: 1, Amplify: 1},
	}
	fault := gameday.Fault{
		ID: "run-1", Run: "run", Step: "zone-power", Monkey: "zone", Config: json.RawMessage(`{}`), For: 25 * second,
		Target: gameday.Target{Kind: gameday.KindZone, Name: "z3"}, Summary: "kill 14 instances of z3 and cut its links; healed by starting them again",
	}
	r := gameday.Record{Run: gameday.Run{
		Meta: gameday.Meta{
			Run: "01KAM5E7QH", Version: "test", Started: time.Date(2026, 11, 20, 12, 20, 3, 0, time.UTC),
			Command: "gameday run scenarios/library/zone-outage.yaml --seed 424242", Host: map[string]string{"cpu": "2 cores", "os": "linux"},
		},
		Plan: plan,
		Events: []gameday.Event{
			{At: 0, Kind: gameday.EventStart, Text: "start"},
			{At: 15 * second, Kind: gameday.EventInjecting, FaultID: "run-1", Step: "zone-power", Fault: &fault},
			{At: 15*second + second/2, Kind: gameday.EventActive, FaultID: "run-1", Step: "zone-power", Onset: &gameday.Timing{Planned: 15 * second, Applied: 15*second + second/50}, Evidence: &gameday.Evidence{Effect: gameday.InEffect, What: "14 of 14 instances down, 3 of 3 probes refused"}},
			{At: 40 * second, Kind: gameday.EventHealing, FaultID: "run-1", Step: "zone-power"},
			{At: 42 * second, Kind: gameday.EventHealed, FaultID: "run-1", Step: "zone-power", Evidence: &gameday.Evidence{Effect: gameday.Gone, What: "14 of 14 instances healthy again"}},
			{At: 60 * second, Kind: gameday.EventEnd},
		},
	}}
	rng := rand.New(rand.NewPCG(plan.Seed, 1))
	var sent int64
	latency := hist.New() // one for all: an encoder of its own costs more than what it encodes
	for s := range 60 {
		for _, f := range plan.Flows {
			slice := sampleSlice(t, rng, latency, s, f.Name)
			sent += slice.Sent
			r.Traffic.Slices = append(r.Traffic.Slices, slice)
		}
	}
	r.Traffic.Fidelity = gameday.Fidelity{Due: sent, Sent: sent, LatenessP50: gameday.Duration(40 * time.Microsecond), LatenessP99: gameday.Duration(900 * time.Microsecond), Seconds: 60, Connections: 64, OwnCPU: 0.3}
	r.Traffic.Fidelity.Shifted = map[string]int64{"dates": 120, "unix times": 7}
	r.Traffic.Diff = sampleDiff(second)
	r.Traffic.Worst = []gameday.WorstRequest{
		{At: 17 * second, Flow: "browse", Method: "GET", Path: "/products/<script>alert(1)</script>", Class: gameday.ClassTimeout, Latency: 2 * second, Service: second, Error: "no answer in 2s", Trace: "4bf92f35"},
	}
	r.Verdict = sampleVerdict(second)
	return r
}

func sampleSlice(t testing.TB, rng *rand.Rand, latency *hist.Histogram, second int, flow string) gameday.Slice {
	latency.Reset()
	slice := gameday.Slice{Second: second, Flow: flow, Due: 20, Sent: 20, Classes: map[gameday.Class]int64{}}
	for range 20 {
		d := time.Duration(float64(40*time.Millisecond) * math.Exp(rng.NormFloat64()*0.4))
		class := gameday.ClassOK
		if second >= 15 && second < 19 && rng.IntN(8) == 0 {
			class, d = gameday.ClassError, d+600*time.Millisecond
		} else if second >= 19 && second < 42 && flow == "search" {
			class = gameday.ClassDegraded
		}
		slice.Classes[class]++
		latency.Record(d)
	}
	var err error
	slice.Latency, err = latency.Encode()
	require.NoError(t, err)
	slice.Service = slice.Latency
	return slice
}

func sampleDiff(second gameday.Duration) *gameday.Diff {
	return &gameday.Diff{
		Against: "recording", Compared: 3000, NotCompared: map[string]int64{"from a log, without an answer": 12},
		Classes: map[gameday.DiffClass]int64{gameday.DiffIdentical: 2900, gameday.DiffNoisy: 60, gameday.DiffFallback: 10, gameday.DiffWrong: 20, gameday.DiffError: 10},
		Routes: []gameday.DiffRoute{
			{Route: "browse", Classes: map[gameday.DiffClass]int64{gameday.DiffIdentical: 1900, gameday.DiffNoisy: 60}, Fields: []gameday.DiffField{
				{Path: "$.served_at", Kind: "value", Count: 60, Noisy: "times"},
			}},
			{Route: "place_order", Classes: map[gameday.DiffClass]int64{gameday.DiffIdentical: 1000, gameday.DiffFallback: 10, gameday.DiffWrong: 20, gameday.DiffError: 10}, Fields: []gameday.DiffField{
				{Path: "$.items[*].price", Kind: "type", Count: 20, Examples: []gameday.DiffExample{{At: 17 * second, Request: "POST /orders", Trace: "4bf92f35", Want: "1", Got: "<script>alert(2)</script>"}}},
			}},
		},
	}
}

func sampleVerdict(second gameday.Duration) gameday.Verdict {
	f := func(v float64) *float64 { return &v }
	detected, recovered := 2*second, 4*second
	return gameday.Verdict{
		Result: gameday.ResultFail, Sentence: "1 of 2 objectives broke while zone z3 was gone; recovered by itself in 4 s",
		BrokeFirst: "Broke first: browse p99 at +0:15, then place_order errors 1 s later.",
		Detected:   &detected, Recovered: &recovered, Unaffected: []string{"search"},
		Findings: []gameday.Finding{
			{Name: "browse p99 <= 300ms", Kind: "objective", Flow: "browse", Outcome: gameday.Fail, Severity: gameday.SeverityFail, Expected: "p99 <= 300ms", Observed: "712ms in the worst 5 s", Before: f(0.09), During: f(0.712), After: f(0.1), Limit: f(0.3), Unit: "s", Over: 4 * second, Source: "zone-outage.yaml:34"},
			{Name: "place_order error_rate", Kind: "objective", Flow: "place_order", Outcome: gameday.Pass, Severity: gameday.SeverityFail, Expected: "error_rate <= 1%", Observed: "0.4%", Before: f(0), During: f(0.004), After: f(0), Limit: f(0.01), Unit: "ratio"},
			{Name: "no-traffic-to-z3", Kind: "assertion", Outcome: gameday.Unknown, Severity: gameday.SeverityFail, Expected: "== 0", Observed: "no samples", Why: "no series named lb_picks_total was scraped; check metrics.targets", Expr: `sum(rate(lb_picks_total{target_zone="z3"}[5s])) or vector(0)`, From: 15 * second, To: 40 * second, Source: "zone-outage.yaml:51"},
			{Name: "breaker", Kind: "assertion", Outcome: gameday.Pass, Severity: gameday.SeverityWarn, Expected: ">= 1", Observed: "3", From: 15 * second, To: 40 * second, Limit: f(1), Evidence: []gameday.Series{{Labels: map[string]string{"dep": "a|b"}, Points: []gameday.Point{{At: 15 * second, Value: 0}, {At: 20 * second, Value: 3}, {At: 40 * second, Value: 2}}}}},
			{Name: "traffic flowed", Kind: "guard", Outcome: gameday.Pass, Severity: gameday.SeverityFail, Expected: ">= 95% of the target", Observed: "100%"},
		},
		Onsets: []gameday.Onset{{Signal: "browse p99", Subject: "browse", At: 15 * second, Baseline: 0.09, Value: 0.712, Unit: "s"}},
		Flows:  []gameday.FlowPhase{{Flow: "browse", Phase: gameday.Baseline, Requests: 200, Classes: map[gameday.Class]int64{gameday.ClassOK: 200}, P50: second / 25, P90: second / 15, P99: second / 10, P999: second / 9, Max: second / 8, Service99: second / 11}},
	}
}

func summary(t testing.TB) Summary {
	s, err := Summarise(context.Background(), sample(t))
	require.NoError(t, err)
	return s
}

// replayed is a replay with the traffic of sample, and routes whose names try to break out of a page.
func replayed(t testing.TB) Replayed {
	r := sample(t)
	for i := range r.Traffic.Slices {
		s := &r.Traffic.Slices[i]
		s.Flow = map[string]string{"browse": "GET /products/{}", "place_order": "POST /orders", "search": `GET /"><script>`}[s.Flow]
		if n := s.Classes[gameday.ClassError]; n > 0 {
			s.Failures = map[string]int64{"status 500": n - n/2}
			if n > 1 {
				s.Failures["connection reset"] = n / 2
			}
		}
	}
	for second := range 60 {
		r.Traffic.Fidelity.Curve = append(r.Traffic.Fidelity.Curve, gameday.GeneratorSecond{Second: second, Due: 60, Sent: 60, InFlight: int64(3 + second%4), Lateness: gameday.Duration(400+second) * gameday.Duration(time.Microsecond)})
	}
	r.Traffic.Fidelity.Waited, r.Traffic.Fidelity.Spilled, r.Traffic.Fidelity.Resent = 12, 3, 1
	r.Traffic.Fidelity.Closed = &gameday.Closed{Longest: gameday.Duration(time.Second), Pauses: 4, By: gameday.Duration(90 * time.Second)}
	r.Traffic.Fidelity.Middleware = &gameday.Detour{Shown: 3_600, Returned: 3_598, Late: 2, LateMax: gameday.Duration(3 * time.Millisecond)}
	r.Traffic.Fidelity.LockedOut = map[string]int64{"POST /orders": 17, "login": 3}
	r.Traffic.Fidelity.UnresolvedBy = map[string]int64{"the answer did not have it": 2}
	problem := "requests left late: p99 900µs after their due time, the bound is 500µs; slow the replay down or give it more CPU"
	r.Traffic.Fidelity.Problems = []string{problem}
	return Replayed{
		Traffic: r.Traffic, Seed: 424242, Version: "test", Sender: "HTTP/1.1 pre-serialised on pooled connections",
		Plan: gameday.TrafficPlan{
			Tape: "shop.gdtape", To: "http://127.0.0.1:8080", Speed: 2, Amplify: 1.5, RateCap: 500, CapBy: "slow", Unsafe: []string{"POST"},
			MaxLate: gameday.Duration(500 * time.Microsecond),
		},
		Flows:   []gameday.Flow{{Name: "GET /products/{}", Method: "GET", Path: "/products/*"}, {Name: "POST /orders", Method: "POST", Path: "/orders"}},
		Started: r.Meta.Started, Length: 60 * gameday.Duration(time.Second),
		Capture: map[string]Recording{"proxy 127.0.0.1:8081": {Captured: 20_000, Filtered: map[string]uint64{"--match": 120}, Lost: map[string]uint64{"queue full": 3}, Truncated: 2}},
		Result:  gameday.ResultInconclusive, Reasons: []string{problem},
	}
}
