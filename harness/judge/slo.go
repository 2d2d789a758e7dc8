package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Assertion = Objective{}

// Objective judges one promise about one flow, such as "p99 <= 300ms", in each phase for which it was made.
// A phase is judged by its value as a whole; windows of 1 to 5 seconds say how long it was missed and how badly. In
// recovery it is judged from when the flow must have recovered, or earlier has.
//
// A flow that missed an objective in the baseline of a run with faults makes this one Unknown: a system that
// is not well before its fault shows nothing about the fault.
type Objective struct {
	Flow      gameday.Flow
	Objective gameday.Objective
}

// phaseValue is the objective in one phase.
type phaseValue struct {
	phase    gameday.Phase
	from, to gameday.Duration
	value    float64
	known    bool
	requests int64
	outcome  gameday.Outcome // Pass when the phase was promised nothing
	why      string
	rare     bool // too few requests for a claim, and none that was missed
	trouble
}

// Judge implements gameday.Assertion.
func (a Objective) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	o := a.Objective
	f := a.finding()
	facts := factsOf(r)
	from, to := facts.window(r.Plan.Phases, gameday.Always)
	ms, err := moments(r, a.Flow.Name, o, from, to, facts.borders(r.Plan.Phases)...)
	if err != nil {
		return f, err
	}
	var judged, all []phaseValue
	for _, phase := range judgedPhases {
		v, err := a.in(r, facts, phase)
		if err != nil {
			return f, err
		}
		v.trouble = sumUp(ms, o, v.from, v.to)
		all = append(all, v)
		if a.promised(phase) && v.to > v.from && !v.spared(r.Plan) {
			judged = append(judged, v)
		}
	}
	f.Before, f.During, f.After = all[0].pointer(), all[1].pointer(), all[2].pointer()
	f.Evidence = evidence([]gameday.Series{trace(a.Flow.Name, o.Metric, ms)})
	a.conclude(&f, judged)
	return f, illBefore(r, facts, a.Flow)
}

// illBefore returns an error that names the objective of the flow that was missed before the first fault.
func illBefore(r gameday.Run, f facts, flow gameday.Flow) error {
	if len(r.Plan.Steps) == 0 {
		return nil
	}
	from, to := f.window(r.Plan.Phases, gameday.Baseline)
	t, err := over(r, flow.Name, from, to, true)
	if err != nil {
		return err
	}
	for _, o := range measures(flow) {
		if v, ok := t.value(o.Metric); ok && sufficient(t, o, v) && !compare(v, o.Op, o.Limit) {
			return fmt.Errorf("%s %s was missed at %s before any fault, so that the faults show nothing; fix the system, its size or the limit first",
				flow.Name, o.Text, say(v, unitOf(o.Metric)))
		}
	}
	return nil
}

func (a Objective) finding() gameday.Finding {
	o := a.Objective
	limit := o.Limit
	return gameday.Finding{
		Name: a.Flow.Name + " " + o.Text, Kind: kindObjective, Flow: a.Flow.Name, Severity: o.Severity,
		Expected: o.Text, Source: o.Source, Limit: &limit, Unit: unitOf(o.Metric),
	}
}

func (a Objective) promised(phase gameday.Phase) bool {
	return slices.Contains(a.Objective.During, phase) || slices.Contains(a.Objective.During, gameday.Always)
}

// in measures and judges the objective in one phase.
func (a Objective) in(r gameday.Run, f facts, phase gameday.Phase) (phaseValue, error) {
	v := phaseValue{phase: phase}
	var err error
	if v.from, v.to, err = a.window(r, f, phase); err != nil {
		return v, err
	}
	return v, a.measure(r, &v)
}

// window is the part of a phase in which the objective is judged.
func (a Objective) window(r gameday.Run, f facts, phase gameday.Phase) (from, to gameday.Duration, err error) {
	from, to = f.window(r.Plan.Phases, phase)
	switch phase {
	case gameday.During:
		from += a.Objective.After
	case gameday.Recovery:
		well, err := settled(r, f, a.Flow)
		if err != nil {
			return from, to, err
		}
		from = max(from, well)
	}
	return from, to, nil
}

func (a Objective) measure(r gameday.Run, v *phaseValue) error {
	o := a.Objective
	t, err := over(r, a.Flow.Name, v.from, v.to, timed(o.Metric))
	if err != nil {
		return err
	}
	v.value, v.known = t.value(o.Metric)
	v.requests = t.requests
	switch {
	case !v.known || !sufficient(t, o, v.value):
		v.rare = v.requests == 0 || v.known && t.requests < few && compare(v.value, o.Op, o.Limit)
		v.why = fmt.Sprintf("only %s in the %s phase, and %s needs %d; replay more traffic (amplify, speed) or make the phase longer",
			plural(int(t.requests), "request"), v.phase, o.Metric, minimumOf(o.Metric))
	case compare(v.value, o.Op, o.Limit):
		v.outcome = gameday.Pass
		if v.why = skippedIn(r, a.Flow.Name, v.phase, v.from, v.to).problem(r.Plan.Traffic); v.why != "" {
			v.outcome = gameday.Unknown
		}
	case v.phase == gameday.Baseline && len(r.Plan.Steps) > 0:
		v.why = "missed before any fault"
	default:
		v.outcome = gameday.Fail
	}
	return nil
}

// spared reports whether a baseline with too few requests for a claim can be left out: it is no promise but
// a precondition, and none of its requests spoke against it.
func (v phaseValue) spared(p gameday.Plan) bool {
	return v.phase == gameday.Baseline && len(p.Steps) > 0 && v.outcome == gameday.Unknown && v.rare
}

func (v phaseValue) pointer() *float64 {
	if !v.known {
		return nil
	}
	value := v.value
	return &value
}

// conclude folds the phases into the finding; the worst phase is the one that is shown.
func (a Objective) conclude(f *gameday.Finding, judged []phaseValue) {
	if len(judged) == 0 {
		f.Why = fmt.Sprintf("there was nothing to judge it by during %v; make the phase longer or replay more traffic", a.Objective.During)
		return
	}
	shown := judged[0]
	outcomes := make([]gameday.Outcome, len(judged))
	for i, v := range judged {
		outcomes[i] = v.outcome
		f.Over += v.over
		if rank(v.outcome) > rank(shown.outcome) || v.outcome == shown.outcome && v.known && worse(v.value, shown.value, a.Objective.Op) {
			shown = v
		}
	}
	f.Outcome = worst(outcomes...)
	f.From, f.To, f.Why = shown.from, shown.to, shown.why
	f.Observed = a.observed(shown, f.Over)
}

func (a Objective) observed(v phaseValue, over gameday.Duration) string {
	if !v.known {
		return "nothing"
	}
	unit := unitOf(a.Objective.Metric)
	parts := []string{fmt.Sprintf("%s in %s", say(v.value, unit), v.phase)}
	if v.requests < minimumOf(a.Objective.Metric) {
		parts[0] += fmt.Sprintf(" (of only %s)", plural(int(v.requests), "request"))
	}
	if over > 0 {
		parts = append(parts, fmt.Sprintf("over for %s", over), fmt.Sprintf("worst %s at %s", say(v.worst.value, unit), clock(v.worst.from())))
	}
	return strings.Join(parts, "; ")
}

func rank(o gameday.Outcome) int {
	return map[gameday.Outcome]int{gameday.Pass: 0, gameday.Unknown: 1, gameday.Fail: 2}[o]
}
