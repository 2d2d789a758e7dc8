package judge

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Assertion = Answered{}

// Answered judges a promise about the answers that were compared, such as "wrong <= 0.1%", over the whole run: also what
// was answered under a fault has to be right, or to say that it is a fallback.
type Answered struct{ gameday.DiffBound }

// comparedShare of the answers must have been compared for a share of them to speak for all.
const comparedShare = 0.5

// Judge implements gameday.Assertion.
func (a Answered) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	limit := a.Limit
	f := gameday.Finding{
		Name: "answers " + a.Text, Kind: kindAssertion, Flow: a.Flow, Severity: a.Severity,
		Expected: a.Text, Source: a.Source, Limit: &limit, Unit: "ratio",
	}
	if a.Flow != "" {
		f.Name = "answers of " + a.Flow + " " + a.Text
	}
	f.From, f.To = 0, r.Plan.Phases.Total()
	d := r.Traffic.Diff
	if d == nil {
		f.Why = "no comparison is on record; did the run end early?"
		return f, nil
	}
	share, compared := d.Share(a.Flow, a.Class)
	left, cause := notCompared(d)
	if compared > 0 {
		f.Observed = fmt.Sprintf("%s of %s compared with the %s", say(share, "ratio"), plural(int(compared), "answer"), against(d))
	}
	switch {
	case compared == 0:
		f.Why = "no answer was compared"
		if left > 0 {
			f.Why += fmt.Sprintf(", %d were not: %s", left, cause)
		}
	case !compare(share, a.Op, a.Limit):
		f.Outcome = gameday.Fail
		f.Observed += worstField(d, a)
	case float64(d.Compared) < comparedShare*float64(d.Compared+left):
		f.Why = fmt.Sprintf("only %d of %d answers were compared, and they say nothing about the others: %s", d.Compared, d.Compared+left, cause)
	default:
		f.Outcome = gameday.Pass
	}
	return f, nil
}

func against(d *gameday.Diff) string {
	if d.Against == "recording" {
		return d.Against
	}
	return "primary"
}

// notCompared counts what was not compared, with its most frequent cause.
func notCompared(d *gameday.Diff) (n int64, cause string) {
	for _, name := range slices.Sorted(maps.Keys(d.NotCompared)) {
		n += d.NotCompared[name]
		if cause == "" || d.NotCompared[name] > d.NotCompared[cause] {
			cause = name
		}
	}
	return n, cause
}

// worstField names where most answers differed, for a promise about wrong ones.
func worstField(d *gameday.Diff, a Answered) string {
	if a.Class != gameday.DiffWrong {
		return ""
	}
	var worst gameday.DiffField
	var route string
	for _, one := range d.Routes {
		for _, field := range one.Fields {
			if (a.Flow == "" || a.Flow == one.Route) && field.Noisy == "" && field.Count > worst.Count {
				worst, route = field, one.Route
			}
		}
	}
	if worst.Count == 0 {
		return ""
	}
	return fmt.Sprintf("; most often %s of %s", worst.Path, route)
}
