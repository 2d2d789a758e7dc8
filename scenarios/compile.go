package scenarios

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// The defaults that follow from other fields. All others are in the tags of scenario.go.
const (
	recoveryLeast = gameday.Duration(15 * time.Second)
	recoverySpare = gameday.Duration(10 * time.Second) // to see that a recovery stays
	proofWithin   = gameday.Duration(10 * time.Second)
)

// Compile returns the plan of s. Every default is written in, offsets count from the start of the run, and
// the seed makes every random choice: the same seed gives the same plan.
func (s *Scenario) Compile(seed uint64) gameday.Plan {
	plan := gameday.Plan{
		Version:     gameday.PlanVersion,
		Name:        s.Metadata.Name,
		Title:       s.Metadata.Title,
		Owner:       s.Metadata.Owner,
		Labels:      maps.Clone(s.Metadata.Labels),
		Links:       maps.Clone(s.Metadata.Links),
		Hypothesis:  strings.TrimSpace(s.Spec.Hypothesis),
		File:        s.src.file,
		SHA256:      s.src.sha256,
		Seed:        seed,
		Environment: s.environment(),
		Metrics:     s.metrics(),
		Flows:       s.flows(),
		Traffic:     s.traffic(),
		Phases:      s.phases(),
		Steps:       s.steps(seed),
		Assertions:  s.assertions(),
		Aborts:      s.aborts(),
		Outputs:     gameday.Outputs(s.Spec.Outputs),
	}
	if l := s.Spec.Ledger; l != nil {
		ledger := gameday.LedgerPlan(*l)
		plan.Ledger = &ledger
	}
	return plan
}

func (s *Scenario) environment() gameday.Environment {
	env := s.Spec.Environment
	labels := maps.Clone(env.Guard.RequireLabels)
	if labels == nil {
		labels = map[string]string{"gameday": "allowed"}
	}
	return gameday.Environment{
		Platform:      env.Platform,
		Topology:      s.resolvePath(env.Topology),
		Replicas:      maps.Clone(env.Replicas),
		RequireLabels: labels,
		Deny:          slices.Clone(env.Guard.Deny),
		ReadyWithin:   env.ReadyWithin,
	}
}

func (s *Scenario) metrics() gameday.MetricsPlan {
	plan := gameday.MetricsPlan{Interval: s.Spec.Metrics.Interval}
	for _, target := range s.Spec.Metrics.Targets {
		if full, err := scrapeURL(target); err == nil { // checked by Parse
			plan.Targets = append(plan.Targets, full)
		}
	}
	if remote := s.Spec.Metrics.Prometheus.Remote; remote != nil {
		plan.Remote = redacted(remote.URL)
	}
	return plan
}

// Remote returns the URL of the remote Prometheus as the scenario has it, credentials included, or "". A plan, which is
// kept and shown, has it without them.
func (s *Scenario) Remote() string {
	if remote := s.Spec.Metrics.Prometheus.Remote; remote != nil {
		return remote.URL
	}
	return ""
}

// redacted hides who asks, and with what password or token.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // checked by Parse
	}
	if u.User != nil {
		u.User = url.User("xxxxx")
	}
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	return u.String()
}

func (s *Scenario) flows() []gameday.Flow {
	flows := []gameday.Flow{}
	for i, f := range s.Spec.Flows {
		flow := gameday.Flow{Name: f.Name, Method: f.Match.Method, Path: f.Match.Path, Criticality: f.Criticality}
		for j, slo := range f.SLO {
			objective, err := ParseObjective(slo.Expr)
			if err != nil {
				continue // checked by Parse
			}
			objective.During = s.during(objective, slo.During)
			objective.After = slo.After
			objective.Severity = slo.Severity
			objective.Source = s.src.line(fmt.Sprintf("spec.flows[%d].slo[%d]", i, j))
			flow.Objectives = append(flow.Objectives, objective)
		}
		flows = append(flows, flow)
	}
	return flows
}

// during returns the phases in which an objective is judged, each spelled out. A phase without length is left
// out of the default: nothing can be seen in it.
func (s *Scenario) during(o gameday.Objective, given PhaseList) []gameday.Phase {
	if o.Metric == "recovery" {
		return []gameday.Phase{gameday.Recovery}
	}
	phases := s.phases()
	during := []gameday.Phase{}
	for _, phase := range []gameday.Phase{gameday.Baseline, gameday.During, gameday.Recovery} {
		from, to := phases.Window(phase)
		if all := len(given) == 0 || slices.Contains(given, gameday.Always); all && to > from || slices.Contains(given, phase) {
			during = append(during, phase)
		}
	}
	return during
}

func (s *Scenario) traffic() gameday.TrafficPlan {
	r := s.Spec.Traffic.Replay
	plan := gameday.TrafficPlan{
		Tape:        s.resolvePath(r.Capture),
		To:          r.To,
		Speed:       r.Speed,
		Amplify:     r.Amplify,
		Loop:        r.Loop,
		Start:       r.Start,
		Timeout:     r.Timeout,
		Retries:     r.Habit.Retries,
		Shape:       r.Shape,
		Pace:        r.Pace,
		MaxWait:     r.MaxWait,
		CapBy:       r.CapBy,
		Busy:        r.Busy,
		Connections: r.Connections,
		MaxLate:     r.MaxLateness,
		MaxLimited:  r.MaxLimited,
		MaxSkipped:  r.MaxSkipped,
		MaxDropped:  r.MaxDropped,
		Unsafe:      slices.Clone(r.Unsafe),
		Identity:    slices.Clone(r.Identity),

		ShiftTime:  r.ShiftTime,
		SignTokens: r.SignTokens,
		Diff:       s.diff(r.Diff),

		NotProduction: slices.Clone(r.NotProduction),
		Canary:        r.Canary,
	}
	if r.RateCap != "" {
		plan.RateCap, _ = gameday.ParseRate(r.RateCap) // checked by Parse
		plan.CapBy = cmp.Or(r.CapBy, "slow")
	}
	if r.Habit.Retries > 0 {
		plan.RetryGap = r.Habit.Gap
	}
	for _, f := range r.Filter {
		rule := gameday.Filter{Kind: f.Kind, Name: f.Name, Match: f.Match}
		if f.Percent != nil {
			rule.Percent = *f.Percent
		}
		plan.Filter = append(plan.Filter, rule)
	}
	for _, w := range r.Rewrite {
		plan.Rewrite = append(plan.Rewrite, gameday.Rewrite(w))
	}
	for _, text := range r.Bind {
		if b, err := gameday.ParseBind(text); err == nil { // the checks have reported the others
			plan.Bind = append(plan.Bind, b)
		}
	}
	return plan
}

func (s *Scenario) diff(d *Diff) (plan gameday.DiffPlan) {
	if d == nil {
		return plan
	}
	plan = gameday.DiffPlan{Secondary: d.Secondary, Ignore: slices.Clone(d.Ignore), Fallback: slices.Clone(d.Fallback)}
	if plan.Recording = d.Against == againstRecording; !plan.Recording {
		plan.Primary = d.Against
	}
	for i, e := range d.Expect {
		bound, _ := ParseDiffBound(e.Expr) // checked by Parse
		bound.Flow, bound.Severity = e.Flow, e.Severity
		bound.Source = s.src.line(fmt.Sprintf("spec.traffic.replay.diff.expect[%d]", i))
		plan.Bounds = append(plan.Bounds, bound)
	}
	return plan
}

// phases returns the lengths of all phases, those that follow from faults and objectives included.
func (s *Scenario) phases() gameday.Phases {
	given := s.Spec.Phases
	phases := gameday.Phases{Warmup: given.Warmup, Baseline: given.Baseline, Recovery: recoveryLeast}
	if given.Fault != nil {
		phases.Fault = *given.Fault
	} else {
		for _, f := range s.Spec.Faults {
			phases.Fault = max(phases.Fault, wholeSeconds(max(f.At+f.For, f.until(0))))
		}
	}
	if given.Recovery != nil {
		phases.Recovery = *given.Recovery
		return phases
	}
	for _, f := range s.Spec.Flows {
		for _, slo := range f.SLO {
			if o, err := ParseObjective(slo.Expr); err == nil && o.Metric == "recovery" {
				phases.Recovery = max(phases.Recovery, wholeSeconds(seconds(o.Limit))+recoverySpare)
			}
		}
	}
	return phases
}

// wholeSeconds rounds up.
func wholeSeconds(d gameday.Duration) gameday.Duration {
	const second = gameday.Duration(time.Second)
	return (d + second - 1) / second * second
}

func (s *Scenario) assertions() []gameday.AssertionSpec {
	specs := []gameday.AssertionSpec{}
	for i, a := range s.Spec.Assertions {
		spec := gameday.AssertionSpec{
			Name:     a.Name,
			PromQL:   a.PromQL,
			Expect:   joinWords(tokens(a.Expect)),
			During:   a.During,
			Fault:    a.Fault,
			After:    a.After,
			Until:    a.Until,
			Within:   a.Within,
			Once:     a.Once,
			Severity: a.Severity,
			Source:   s.src.line(fmt.Sprintf("spec.assertions[%d]", i)),
		}
		if spec.During == "" && spec.Fault == "" {
			spec.During = gameday.Always
		}
		specs = append(specs, spec)
	}
	return specs
}

func (s *Scenario) aborts() []gameday.Abort {
	var aborts []gameday.Abort
	for i, a := range s.Spec.Abort {
		abort := gameday.Abort{Text: a.PromQL, PromQL: a.PromQL, For: abortFor}
		if a.When != "" {
			abort, _ = ParseAbort(a.When) // checked by Parse
		} else if a.For != nil {
			abort.For = *a.For
		}
		abort.Source = s.src.line(fmt.Sprintf("spec.abort[%d]", i))
		aborts = append(aborts, abort)
	}
	return aborts
}

// config returns the monkey's fields with its defaults written in, when the monkeys are known.
func (f Fault) config(monkeys gameday.Catalog) json.RawMessage {
	given := f.With.json()
	if m, err := monkeys.New(f.Type, given); err == nil {
		if full, err := json.Marshal(m); err == nil {
			return full
		}
	}
	if given == nil {
		return json.RawMessage("{}")
	}
	return given
}
