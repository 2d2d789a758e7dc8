package judge

import (
	"context"
	"fmt"
	"strings"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Assertion = Steady{}

// Steady judges whether the system was well: in the baseline, that is before the first fault; in recovery,
// that is after the last heal and the time allowed for it; or, in a run without faults, always. Well means
// that every objective of every flow held over that time, whatever phases it was written for; recovery
// objectives are judged elsewhere. Flows with next to no requests, none of them bad, are passed over as long
// as others can be judged. A plan without objectives is well while 99 % of all requests succeed.
//
// Not well before a fault is Unknown: then the run can show nothing. Afterwards it is Fail.
type Steady struct {
	Phase gameday.Phase
}

// Gate asks before the first fault, on the record so far, whether the system is steady, and says why when it
// is not. Only Pass should let the first fault through.
func Gate(ctx context.Context, soFar gameday.Run) (gameday.Outcome, string) {
	f := ask(ctx, Steady{gameday.Baseline}, soFar)
	if f.Outcome == gameday.Pass {
		return f.Outcome, f.Observed
	}
	return f.Outcome, f.Why
}

// Judge implements gameday.Assertion.
func (a Steady) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	facts := factsOf(r)
	f := gameday.Finding{Name: a.name(), Kind: kindSteady, Severity: gameday.SeverityFail}
	f.From, f.To = facts.window(r.Plan.Phases, a.Phase)
	flows := a.flows(r.Plan)
	var missed, unknown, rare []string
	judged := 0
	for _, flow := range flows {
		from := f.From
		if a.Phase == gameday.Recovery {
			if err := illBefore(r, facts, flow); err != nil {
				return f, err
			}
			settledFrom, err := settled(r, facts, flow)
			if err != nil {
				return f, err
			}
			from = max(from, settledFrom)
		}
		for _, o := range measures(flow) {
			v := phaseValue{phase: a.Phase, from: from, to: f.To}
			if err := (Objective{flow, o}).measure(r, &v); err != nil {
				return f, err
			}
			if v.rare {
				rare = append(rare, strings.TrimSpace(flow.Name+" "+o.Text)+": "+v.why)
				continue
			}
			judged++
			name := strings.TrimSpace(flow.Name + " " + o.Text)
			switch {
			case v.outcome == gameday.Fail, v.outcome == gameday.Unknown && v.known && !compare(v.value, o.Op, o.Limit):
				missed = append(missed, fmt.Sprintf("%s was %s", name, say(v.value, unitOf(o.Metric))))
			case v.outcome == gameday.Unknown:
				unknown = append(unknown, fmt.Sprintf("%s: %s", name, v.why))
			}
		}
	}
	if judged == 0 {
		unknown = rare
	}
	a.conclude(&f, judged, missed, unknown)
	return f, nil
}

func (a Steady) name() string {
	switch a.Phase {
	case gameday.Baseline:
		return "steady before the first fault"
	case gameday.Recovery:
		return "steady after the last heal"
	}
	return "steady throughout"
}

// flows are those that say whether the system is well.
func (a Steady) flows(p gameday.Plan) []gameday.Flow {
	var found []gameday.Flow
	for _, f := range p.Flows {
		for _, o := range f.Objectives {
			if o.Metric != "recovery" {
				found = append(found, f)
				break
			}
		}
	}
	if len(found) == 0 { // the nameless flow is all traffic
		found = []gameday.Flow{{Objectives: []gameday.Objective{{Text: "success_rate >= 99%", Metric: "success_rate", Op: ">=", Limit: 0.99}}}}
	}
	return found
}

func (a Steady) conclude(f *gameday.Finding, judged int, missed, unknown []string) {
	f.Expected = fmt.Sprintf("%s hold", plural(judged, "objective"))
	f.Observed = fmt.Sprintf("%d of %d held", max(0, judged-len(missed)-len(unknown)), judged)
	switch {
	case len(missed) > 0 && a.Phase == gameday.Baseline:
		f.Why = "the system was not well before the first fault: " + strings.Join(missed, "; ") + "; fix it, its size or the limits first"
	case len(missed) > 0:
		f.Outcome = gameday.Fail
		f.Observed += ": " + strings.Join(missed, "; ")
	case len(unknown) > 0:
		f.Why = strings.Join(unknown, "; ")
	default:
		f.Outcome = gameday.Pass
	}
}
