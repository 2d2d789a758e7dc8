package judge

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gameday-dev/gameday"
)

// fold makes one verdict of the findings.
func fold(ctx context.Context, r gameday.Run, findings []gameday.Finding) gameday.Verdict {
	facts := factsOf(r)
	flows, err := flowPhases(r)
	if err != nil {
		findings = append(findings, gameday.Finding{
			Name: "traffic can be read", Kind: kindGuard, Severity: gameday.SeverityFail, Expected: "every slice decodes", Why: err.Error(),
		})
	}
	v := gameday.Verdict{Result: result(facts, findings), Flows: flows}
	v.Findings = slices.Clone(findings)
	slices.SortStableFunc(v.Findings, func(a, b gameday.Finding) int { return cmp.Compare(weight(b), weight(a)) })
	if len(facts.episodes) > 0 {
		v.Onsets, v.Unaffected = onsets(ctx, r, facts)
		v.BrokeFirst = brokeFirst(v.Onsets, facts)
		v.Recovered = recoveredAll(r, facts)
		v.Detected = detected(v.Onsets, facts)
	}
	v.Sentence = sentence(r, facts, v)
	return v
}

// Worsen returns the verdict as it is with what the harness says against the run: the result that leaves open at best,
// and the reasons, the worst first. Where that is worse than what the findings say, the sentence tells it.
func Worsen(v gameday.Verdict, best gameday.Result, reasons []string) gameday.Verdict {
	if v.Result.Worse(best) == v.Result {
		return v
	}
	why := "no reason is known"
	if len(reasons) > 0 {
		why = reasons[0]
	}
	if more := len(reasons) - 1; more > 0 {
		why += fmt.Sprintf(" (and %d more)", more)
	}
	v.Result = best
	switch best {
	case gameday.ResultLeaked:
		v.Sentence = "A fault may still be open: " + why
	case gameday.ResultError:
		v.Sentence = "The harness failed: " + why
	case gameday.ResultAborted:
		v.Sentence = "Stopped early: " + why
	default:
		v.Sentence = "Nothing is proven: " + why
	}
	return v
}

// result folds by precedence: LEAKED, ERROR, ABORTED, FAIL, INCONCLUSIVE, PASS. A run without any
// finding has earned nothing.
func result(f facts, findings []gameday.Finding) gameday.Result {
	earned := gameday.ResultInconclusive
	if len(findings) > 0 {
		earned = gameday.ResultPass
	}
	for _, one := range findings {
		switch {
		case one.Kind == kindHeal && one.Outcome == gameday.Fail:
			earned = earned.Worse(gameday.ResultLeaked)
		case one.Severity == gameday.SeverityWarn:
		case one.Outcome == gameday.Fail:
			earned = earned.Worse(gameday.ResultFail)
		case one.Outcome != gameday.Pass:
			earned = earned.Worse(gameday.ResultInconclusive)
		}
	}
	if f.ended != nil {
		if f.ended.Kind == gameday.EventError {
			return earned.Worse(gameday.ResultError)
		}
		return earned.Worse(gameday.ResultAborted)
	}
	return earned
}

// weight orders findings for readers: failures, then what is not known, then what held; warnings after
// what counts.
func weight(f gameday.Finding) int {
	w := 2 * rank(f.Outcome)
	if f.Outcome != gameday.Pass && f.Severity != gameday.SeverityWarn {
		w += 10
	}
	return w
}

// recoveredAll is the time until the slowest core flow had recovered; of all flows where none is core. There
// is none while one has not, or cannot be told.
func recoveredAll(r gameday.Run, f facts) *gameday.Duration {
	flows := slices.DeleteFunc(slices.Clone(r.Plan.Flows), func(f gameday.Flow) bool { return f.Criticality != gameday.Core })
	if len(flows) == 0 {
		flows = r.Plan.Flows
	}
	var slowest *gameday.Duration
	for _, flow := range flows {
		if len(flow.Objectives) == 0 {
			continue
		}
		rec, err := recovery(r, f, flow)
		if err != nil || rec.why != "" || !rec.ok {
			return nil
		}
		if slowest == nil || rec.after > *slowest {
			slowest = &rec.after
		}
	}
	return slowest
}

func detected(found []gameday.Onset, f facts) *gameday.Duration {
	begin, ok := f.firstInjection()
	if !ok || len(found) == 0 {
		return nil
	}
	after := max(0, found[0].At-begin)
	return &after
}
