package scenarios

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// shop returns a small scenario with the given phases, flows' objectives and faults, as YAML.
func shop(phases, slo, faults string) string {
	return fmt.Sprintf(`apiVersion: gameday/v1
kind: Scenario
metadata: {name: shop}
spec:
  environment: {topology: topology.yaml}
  flows:
    - {name: browse, match: {path: /}, slo: [%s]}
  traffic:
    replay: {capture: shop.tape, to: shop}
  phases: {%s}
  faults: [%s]
`, slo, phases, faults)
}

func compile(t testing.TB, text string, seed uint64) gameday.Plan {
	t.Helper()
	s, err := Parse("scenarios/shop.yaml", []byte(text), Options{Checks: testChecks()})
	require.NoError(t, err)
	return s.Compile(seed)
}

func TestEveryDefaultIsInThePlan(t *testing.T) {
	plan := compile(t, shop("", `"p99 <= 1s"`, "{name: a, type: latency, target: {from: order}, at: 2s, for: 2500ms}"), 7)
	require.Equal(t, gameday.PlanVersion, plan.Version)
	require.Equal(t, uint64(7), plan.Seed)
	require.Equal(t, gameday.Environment{
		Platform: "local", Topology: "scenarios/topology.yaml",
		RequireLabels: map[string]string{"gameday": "allowed"}, ReadyWithin: 30e9,
	}, plan.Environment)
	require.Equal(t, gameday.Duration(time.Second), plan.Metrics.Interval)
	require.Equal(t, gameday.TrafficPlan{
		Tape: "scenarios/shop.tape", To: "shop", Speed: 1, Amplify: 1, Timeout: 5e9, Pace: "tape", Busy: "wait", Connections: "pool", MaxLate: 100e6,
		MaxLimited: gameday.DefaultMaxLimited, MaxSkipped: gameday.DefaultMaxSkipped, MaxDropped: gameday.DefaultMaxDropped,
	}, plan.Traffic)
	require.Equal(t, gameday.Phases{Warmup: 5e9, Baseline: 10e9, Fault: 5e9, Recovery: 15e9}, plan.Phases)
	require.Equal(t, gameday.Core, plan.Flows[0].Criticality)
	require.Equal(t, []gameday.Phase{gameday.Baseline, gameday.During, gameday.Recovery}, plan.Flows[0].Objectives[0].During)
	require.Equal(t, gameday.SeverityFail, plan.Flows[0].Objectives[0].Severity)
	step := plan.Steps[0]
	require.JSONEq(t, `{"delay":"200ms"}`, string(step.Config), "the monkey's own default")
	require.Equal(t, gameday.Duration(17e9), step.At, "counted from the start of the run")
	require.Equal(t, gameday.Duration(10e9), step.Within)
	require.Equal(t, gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "order"}, Mode: gameday.ModeAll}, step.Selector)
}

func TestPhasesFollowFromFaultsAndObjectives(t *testing.T) {
	for _, row := range []struct{ why, phases, slo, faults, want string }{
		{"nothing given", "", "", "", "5s 10s 0s 15s"},
		{"the last fault ends within a second", "", "", "{name: a, type: kill, target: {service: order}, at: 1500ms, for: 2s}", "5s 10s 4s 15s"},
		{"repetitions end at until", "", "", "{name: a, type: kill, target: {service: order}, for: 1s, every: 3s, until: 30s}", "5s 10s 30s 15s"},
		{"recovery must be seen to stay", "", `"recovery <= 30s"`, "", "5s 10s 0s 40s"},
		{"what is given stays", "warmup: 0s, baseline: 1s, fault: 2s, recovery: 3s", "", "", "0s 1s 2s 3s"},
	} {
		t.Run(row.why, func(t *testing.T) {
			p := compile(t, shop(row.phases, row.slo, row.faults), 1).Phases
			require.Equal(t, row.want, fmt.Sprintf("%s %s %s %s", p.Warmup, p.Baseline, p.Fault, p.Recovery))
		})
	}
}

func TestAbsentPhasesAreNotJudged(t *testing.T) {
	plan := compile(t, shop("", `"p99 <= 1s"`, ""), 1)
	require.Equal(t, []gameday.Phase{gameday.Baseline, gameday.Recovery}, plan.Flows[0].Objectives[0].During)
}

func TestTargetsGetAKindAndALimit(t *testing.T) {
	for _, row := range []struct{ why, monkey, target, want string }{
		{"one instance of a service unless more is asked for", "kill", "{service: order}", "one instance service=order"},
		{"a named instance is itself", "kill", "{instance: order-z1-1}", "all instance instance=order-z1-1"},
		{"a count says its mode", "kill", "{service: order, count: 2}", "2 instance service=order"},
		{"a percentage says its mode", "kill", "{service: order, percent: 50}", "50% instance service=order"},
		{"both ends of a link", "latency", `{from: order, to: "@z3"}`, "all link order->@z3"},
		{"the monkey knows its kind", "zone", "{zone: z3}", "all zone zone=z3"},
		{"a service as a whole", "kill", "{kind: service, service: order}", "all service service=order"},
		{"traffic has no fields", "kill", "{}", "all traffic"},
	} {
		t.Run(row.why, func(t *testing.T) {
			plan := compile(t, shop("", "", fmt.Sprintf("{name: a, type: %s, target: %s, for: 1s}", row.monkey, row.target)), 1)
			require.Equal(t, row.want, plan.Steps[0].Selector.String())
		})
	}
}

func TestRepetitionKeepsItsMeanAndItsGap(t *testing.T) {
	const every, gap = 4.0, 1.5
	text := shop("fault: 24m", "", "{name: a, type: kill, target: {service: order}, at: 5s, for: 1s, every: 4s, minGap: 1500ms}")
	plan := compile(t, text, 3)
	first := plan.Steps[0]
	require.Equal(t, gameday.Duration(20e9), first.At, "the first is at its start")
	require.Equal(t, "a-1", first.Name)
	require.Equal(t, "a", first.Group)
	for i := 1; i < len(plan.Steps); i++ {
		require.GreaterOrEqual(t, (plan.Steps[i].At - plan.Steps[i-1].At).Seconds(), gap-0.001)
	}
	last := plan.Steps[len(plan.Steps)-1]
	require.LessOrEqual(t, last.At+last.For, plan.Phases.Total()-plan.Phases.Recovery)
	mean := (last.At - first.At).Seconds() / float64(len(plan.Steps)-1)
	require.InDelta(t, every, mean, 0.4, "of %d gaps", len(plan.Steps)-1)
}

func TestSeedDecidesRepetitionAlone(t *testing.T) {
	kill := "{name: a, type: kill, target: {service: order}, for: 1s, every: 4s}"
	text := shop("fault: 60s", "", kill)
	require.Equal(t, compile(t, text, 1), compile(t, text, 1))
	require.NotEqual(t, compile(t, text, 1).Steps, compile(t, text, 2).Steps)

	var starts []gameday.Duration
	both := shop("fault: 60s", "", "{name: b, type: kill, target: {service: cart}, for: 1s, every: 5s}, "+kill)
	for _, s := range compile(t, both, 1).Steps {
		if s.Group == "a" {
			starts = append(starts, s.At)
		}
	}
	var alone []gameday.Duration
	for _, s := range compile(t, text, 1).Steps {
		alone = append(alone, s.At)
	}
	require.Equal(t, alone, starts, "another fault changes nothing")
}

func TestPlanSurvivesJSON(t *testing.T) {
	for seed := range uint64(50) {
		s, err := Parse("testdata/full.yaml", full(t), Options{Checks: testChecks()})
		require.NoError(t, err)
		plan := s.Compile(seed)
		text, err := json.Marshal(plan)
		require.NoError(t, err)
		var again gameday.Plan
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, plan, again)
	}
}

func TestThePlanHasTheLinksForPeople(t *testing.T) {
	s, err := Parse("testdata/full.yaml", full(t), Options{Checks: testChecks()})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"runbook": "https://wiki.example/runbooks/order"}, s.Compile(1).Links)
}

func TestPlanSharesNothingWithTheScenario(t *testing.T) {
	s, err := Parse("testdata/full.yaml", full(t), Options{Checks: testChecks()})
	require.NoError(t, err)
	before := s.Compile(1)
	spoilt := s.Compile(1)
	spoilt.Environment.RequireLabels["gameday"] = "no"
	spoilt.Traffic.Unsafe[0] = "X"
	spoilt.Steps[0].Config[0] = 'X'
	require.Equal(t, before, s.Compile(1))
}

func TestSourcesNameLines(t *testing.T) {
	text := full(t)
	s, err := Parse("full.yaml", text, Options{Checks: testChecks()})
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	at := func(source string) string {
		var line int
		_, err := fmt.Sscanf(source, "full.yaml:%d", &line)
		require.NoError(t, err)
		return lines[line-1]
	}
	plan := s.Compile(1)
	require.Contains(t, at(plan.Flows[0].Objectives[1].Source), "p99 <= 800ms")
	require.Contains(t, at(plan.Assertions[0].Source), "no-lost-orders")
	require.Contains(t, at(plan.Aborts[1].Source), "up{job=")
	require.Contains(t, at(plan.Steps[0].Source), "slow-promotion")
}
