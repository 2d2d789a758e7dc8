package judge

import (
	"context"
	"fmt"
	"strings"

	"github.com/gameday-dev/gameday"
)

var (
	_ gameday.Assertion = Proof{}
	_ gameday.Assertion = Healed{}
)

// Proof is the guard that a planned fault really bit: each injection was measured to be in effect, and the
// condition on metrics that the step states, if any, was seen. Without proof nothing was tested.
type Proof struct {
	Step gameday.Step
}

// Judge implements gameday.Assertion.
func (a Proof) Judge(ctx context.Context, r gameday.Run) (gameday.Finding, error) {
	f := gameday.Finding{
		Name: a.Step.Name + " was in effect", Kind: kindProof, Severity: gameday.SeverityFail,
		Expected: a.Step.Monkey + " is measured to be in effect", Source: a.Step.Source,
	}
	facts := factsOf(r)
	var episodes []episode
	for _, e := range facts.episodes {
		if e.fault.Step == a.Step.Name {
			episodes = append(episodes, e)
		}
	}
	if len(episodes) == 0 {
		return a.notInjected(f, r), nil
	}
	var seen []string
	f.From, f.To = episodes[0].injected, episodes[0].until(facts.end)
	for _, e := range episodes {
		f.From, f.To = min(f.From, e.injected), max(f.To, e.until(facts.end))
		what, err := a.proven(e)
		if err != nil {
			return f, err
		}
		seen = append(seen, what)
	}
	f.Observed = summary(seen) + late(episodes)
	if a.Step.Proof == nil {
		f.Outcome = gameday.Pass
		return f, nil
	}
	return a.byMetrics(ctx, r, f)
}

// late names the faults on links that took hold so long after their planned time that it is worth knowing. A busy
// machine does that; it makes no finding worse.
func late(episodes []episode) string {
	var names []string
	for _, e := range episodes {
		if e.onset.LateOnLink(e.fault) {
			names = append(names, fmt.Sprintf("%s took hold %s after its planned time, later than the %s that a link fault may take",
				e.fault.Target.Name, rounded(e.onset.Late()), gameday.OnsetTolerance))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; " + summary(names)
}

func (a Proof) notInjected(f gameday.Finding, r gameday.Run) gameday.Finding {
	f.Observed = "not injected"
	f.Why = "the run ended before it was injected"
	for _, e := range r.Events {
		if e.Kind == gameday.EventSkipped && e.Step == a.Step.Name {
			f.Observed, f.Why = "skipped", "it was skipped: "+e.Text
			if e.Outcome == gameday.Pass && len(factsOf(r).episodes) > 0 {
				f.Severity = gameday.SeverityWarn // the step allows it, and other faults were there to learn from
			}
		}
	}
	return f
}

// proven says what was measured of a fault in effect. Where the monkey cannot measure, the step's proof on
// metrics has to do, and byMetrics judges that.
func (a Proof) proven(e episode) (string, error) {
	name := e.fault.Monkey + " on " + e.fault.Target.Name
	switch {
	case e.unproven:
		return "", fmt.Errorf("%s was not seen in effect: %s", name, e.text)
	case e.active == never:
		return "", fmt.Errorf("%s was injected, but not seen in effect in time", name)
	case e.proof == nil, e.proof.Effect != gameday.InEffect && a.Step.Proof == nil:
		return "", fmt.Errorf("%s is journalled as active without a measurement", name)
	}
	return e.fault.Target.Name + ": " + e.proof.What, nil
}

// byMetrics looks for the step's own condition from the injection on.
func (a Proof) byMetrics(ctx context.Context, r gameday.Run, f gameday.Finding) (gameday.Finding, error) {
	spec := gameday.AssertionSpec{Name: f.Name, PromQL: a.Step.Proof.PromQL, Fault: a.Step.Name, Until: a.Step.Proof.Within, Once: true}
	g, err := Answer{spec}.Judge(ctx, r)
	f.Expr, f.Evidence = g.Expr, g.Evidence
	f.Expected += fmt.Sprintf(", and by %s within %s", g.Expr, a.Step.Proof.Within)
	f.Observed = strings.Join([]string{f.Observed, g.Observed}, "; ")
	switch {
	case err != nil:
		return f, err
	case g.Outcome == gameday.Pass:
		f.Outcome = gameday.Pass
	case g.Why != "":
		f.Why = g.Why
	default:
		f.Why = fmt.Sprintf("metrics did not show it within %s: %s", a.Step.Proof.Within, g.Observed)
	}
	return f, nil
}

// Healed judges that nothing is left behind: every fault that was about to be injected was measured to be
// gone, or, where its effect could not be measured in the first place, the platform held nothing for it any
// more. A fault that may still be there makes the run LEAKED, whatever else was found.
type Healed struct{}

// Judge implements gameday.Assertion.
func (Healed) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	f := gameday.Finding{
		Name: "every fault was healed", Kind: kindHeal, Severity: gameday.SeverityFail,
		Expected: "each fault is measured to be gone",
	}
	facts := factsOf(r)
	if open := gameday.OpenFaults(r.Events); len(open) > 0 {
		var names []string
		for _, fault := range open {
			names = append(names, fault.Monkey+" on "+fault.Target.Name)
		}
		f.Outcome = gameday.Fail
		f.Observed = fmt.Sprintf("%s still open: %s", plural(len(open), "fault"), summary(names))
		return f, nil
	}
	if len(facts.episodes) == 0 {
		f.Why = "no fault was injected"
		return f, nil
	}
	var gone []string
	for _, e := range facts.episodes {
		measured := e.proof != nil && e.proof.Effect == gameday.InEffect
		if e.gone == nil || e.gone.Effect == gameday.InEffect || e.gone.Effect == gameday.EffectUnknown && measured {
			f.Why = fmt.Sprintf("%s on %s is journalled as healed without a measurement", e.fault.Monkey, e.fault.Target.Name)
			return f, nil
		}
		gone = append(gone, fmt.Sprintf("%s: %s", e.fault.Target.Name, e.gone.What))
	}
	first, _ := facts.firstInjection()
	last, _ := facts.lastHeal()
	f.From, f.To, f.Outcome = first, last, gameday.Pass
	f.Observed = fmt.Sprintf("%s healed by %s: %s", plural(len(gone), "fault"), clock(last), summary(gone))
	return f, nil
}
