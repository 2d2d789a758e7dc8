package judge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Assertion = Answer{}

// Answer judges an expectation on metrics, second by second over its window. With Expect, the answer of
// every series must fulfil it, and an empty answer or NaN is not knowing. Without, the expression is a
// comparison, and an empty answer means that it does not hold, provided that the data it compares was
// there. A metric that the run never saw is Unknown in either form.
type Answer struct {
	Spec gameday.AssertionSpec
}

var errNoMetrics = errors.New("the run kept no metrics; give the scenario targets to scrape")

// Judge implements gameday.Assertion.
func (a Answer) Judge(ctx context.Context, r gameday.Run) (gameday.Finding, error) {
	f := a.finding()
	if r.Metrics == nil {
		return f, errNoMetrics
	}
	facts := factsOf(r)
	var err error
	if f.From, f.To, err = a.window(r, facts); err != nil {
		return f, err
	}
	// Events happen between the milliseconds that metrics count in; steps must meet the answers' times.
	q := question{Metrics: r.Metrics, from: wholeMillisecond(f.From), to: wholeMillisecond(f.To), end: r.Plan.Phases.Total()}
	var seconds []verdict
	if a.Spec.Expect != "" {
		seconds, err = q.expect(ctx, a.Spec.PromQL, a.Spec.Expect)
	} else {
		seconds, err = q.compare(ctx, a.Spec.PromQL)
	}
	f.Evidence = evidence(q.evidence)
	if err != nil {
		return f, err
	}
	stop, stopped := facts.stopped()
	stopped = stopped && stop < f.To
	if stopped { // what was seen of a system that is left alone says nothing
		seconds = slices.DeleteFunc(seconds, func(v verdict) bool { return v.at > stop })
	}
	a.conclude(&f, seconds)
	if stopped && !a.decided(f.Outcome) {
		f.Outcome, f.Why = gameday.Unknown, "the run was stopped at "+clock(stop)
	}
	if f.Outcome == gameday.Pass {
		err = q.mustHaveSeen(ctx, a.Spec.PromQL)
	}
	return f, err
}

func (a Answer) finding() gameday.Finding {
	s := a.Spec
	f := gameday.Finding{
		Name: s.Name, Kind: kindAssertion, Severity: s.Severity, Expr: s.PromQL, Source: s.Source, Expected: s.Expect,
	}
	if f.Expected == "" {
		f.Expected = "holds"
	}
	switch {
	case s.Once:
		f.Expected += " once"
	case s.Within > 0:
		f.Expected += fmt.Sprintf(" within %s, and stays", s.Within)
	default:
		f.Expected += " all the time"
	}
	return f
}

// window is the stretch in which the expectation is judged. One that speaks of faults must meet a fault
// that was seen to be in effect: on any other stretch it would show nothing.
func (a Answer) window(r gameday.Run, f facts) (from, to gameday.Duration, err error) {
	s := a.Spec
	phase := s.During
	if phase == "" {
		phase = gameday.Always
	}
	from, to = f.window(r.Plan.Phases, phase)
	if s.Fault != "" {
		episodes := f.of(r.Plan, s.Fault)
		if len(episodes) == 0 {
			return 0, 0, fmt.Errorf("fault %s was never injected, so there is no window to look at", s.Fault)
		}
		from, to = episodes[0].injected, never
		for _, e := range episodes {
			from, to = min(from, e.injected), max(to, e.until(f.end))
		}
	}
	begin := from
	from += s.After
	if s.Until > 0 {
		to = min(to, begin+s.Until)
	}
	switch {
	case from+s.Within >= to:
		return from, to, fmt.Errorf("the window from %s to %s is too short for after %s and within %s", clock(begin), clock(to), s.After, s.Within)
	case (s.Fault != "" || phase == gameday.During && len(r.Plan.Steps) > 0) && !f.activeIn(from, to):
		return from, to, fmt.Errorf("no fault was seen in effect between %s and %s, so the answer would show nothing", clock(from), clock(to))
	}
	return from, to, nil
}

// verdict is what one second says.
type verdict struct {
	at    gameday.Duration
	holds gameday.Outcome
	text  string // the value, or what is missing
}

// conclude folds the seconds. With Within, only what comes after it counts.
func (a Answer) conclude(f *gameday.Finding, seconds []verdict) {
	counted := seconds[:0:0]
	for _, s := range seconds {
		if s.at >= f.From+a.Spec.Within || a.Spec.Once {
			counted = append(counted, s)
		}
	}
	if a.Spec.Once {
		f.Outcome = eitherOf(counted)
	} else {
		f.Outcome = allOf(counted)
	}
	held := 0
	for _, s := range counted {
		switch s.holds {
		case gameday.Pass:
			held++
		case gameday.Fail:
			f.Over += second
		}
	}
	f.Observed = fmt.Sprintf("held in %d of %s", held, plural(len(counted), "second"))
	if decided := decider(counted, f.Outcome); decided != nil {
		if f.Outcome == gameday.Unknown {
			f.Why = fmt.Sprintf("at %s: %s", clock(decided.at), decided.text)
		} else {
			f.Observed = fmt.Sprintf("%s at %s; %s", decided.text, clock(decided.at), f.Observed)
		}
	}
}

// decided reports whether no further second could have changed the outcome.
func (a Answer) decided(outcome gameday.Outcome) bool {
	if a.Spec.Once {
		return outcome == gameday.Pass
	}
	return outcome == gameday.Fail
}

func allOf(seconds []verdict) gameday.Outcome {
	outcomes := make([]gameday.Outcome, len(seconds))
	for i, s := range seconds {
		outcomes[i] = s.holds
	}
	return worst(outcomes...)
}

func eitherOf(seconds []verdict) gameday.Outcome {
	result := gameday.Fail
	if len(seconds) == 0 {
		result = gameday.Unknown
	}
	for _, s := range seconds {
		switch s.holds {
		case gameday.Pass:
			return gameday.Pass
		case gameday.Unknown:
			result = gameday.Unknown
		}
	}
	return result
}

// decider is the first second that has the outcome; of those that hold, the last.
func decider(seconds []verdict, outcome gameday.Outcome) *verdict {
	var found *verdict
	for i := range seconds {
		if seconds[i].holds == outcome {
			found = &seconds[i]
			if outcome != gameday.Pass {
				break
			}
		}
	}
	return found
}
