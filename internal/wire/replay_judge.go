package wire

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
)

// judge says how a replay ended, and why not with a pass. A load that reached nobody is none: where nothing was sent nothing
// is proven, and where nothing succeeded the replay failed, unless a bound for wrong answers says what is well.
func (o ReplayOptions) judge(ctx context.Context, t gameday.Traffic) (gameday.Result, []string) {
	reasons := slices.Clone(t.Fidelity.Problems)
	switch {
	case ctx.Err() != nil:
		return gameday.ResultAborted, []string{fmt.Sprint(context.Cause(ctx))}
	case len(reasons) > 0:
		return gameday.ResultInconclusive, reasons
	case t.Fidelity.Sent == 0:
		return gameday.ResultInconclusive, []string{unsent(t.Fidelity.Skipped)}
	case t.Diff != nil && o.MaxWrong != nil:
		return judgeDiff(*t.Diff, *o.MaxWrong)
	}
	if succeeded, failures := outcomes(t.Slices); succeeded == 0 {
		return gameday.ResultFail, []string{"no request succeeded: " + byCause(failures)}
	}
	return gameday.ResultPass, nil
}

// unsent says why nothing was sent, and what helps.
func unsent(skipped map[string]int64) string {
	text := "nothing was sent: " + byCause(skipped)
	if skipped[gameday.SkipUnsafe] > 0 {
		text += "; methods with effects are sent when --unsafe names them"
	}
	return text
}

func judgeDiff(d gameday.Diff, maxWrong float64) (gameday.Result, []string) {
	switch {
	case d.Compared == 0:
		return gameday.ResultInconclusive, []string{"no answer could be compared"}
	case d.Wrong() > maxWrong:
		return gameday.ResultFail, []string{fmt.Sprintf("%.3g%% of the answers are wrong or errors, the bound is %.3g%%", 100*d.Wrong(), 100*maxWrong)}
	}
	return gameday.ResultPass, nil
}

// outcomes counts the requests that succeeded, and the others by cause.
func outcomes(slices []gameday.Slice) (succeeded int64, failures map[string]int64) {
	failures = map[string]int64{}
	for _, s := range slices {
		succeeded += s.Classes[gameday.ClassOK] + s.Classes[gameday.ClassDegraded]
		for cause, n := range s.Failures {
			failures[cause] += n
		}
	}
	return succeeded, failures
}

// byCause lists what there was, the most first: "78 connection refused, 2 timeout".
func byCause[N int64 | uint64](counts map[string]N) string {
	causes := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(causes, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	var list []string
	for _, cause := range causes {
		if counts[cause] > 0 {
			list = append(list, fmt.Sprintf("%d %s", counts[cause], cause))
		}
	}
	return strings.Join(list, ", ")
}
