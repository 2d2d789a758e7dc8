package judge

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestPromisesAboutAnswersAreJudgedFromTheRecord(t *testing.T) {
	classes := func(identical, wrong, failed int64) map[gameday.DiffClass]int64 {
		return map[gameday.DiffClass]int64{gameday.DiffIdentical: identical, gameday.DiffWrong: wrong, gameday.DiffError: failed}
	}
	for _, row := range []struct {
		why     string
		flow    string
		diff    *gameday.Diff
		outcome gameday.Outcome
		says    string
	}{
		{"few are wrong", "", &gameday.Diff{Against: "recording", Compared: 10_000, Classes: classes(9_999, 1, 0)}, gameday.Pass, "0.01% of 10000 answers compared with the recording"},
		{
			"too many are wrong or errors", "",
			&gameday.Diff{
				Against: "http://127.0.0.1:8081", Compared: 1000, Classes: classes(998, 1, 1),
				Routes: []gameday.DiffRoute{{Route: "checkout", Fields: []gameday.DiffField{{Path: "$.total", Count: 1}, {Path: "$.id", Count: 7, Noisy: "an id"}}}},
			},
			gameday.Fail, "0.2% of 1000 answers compared with the primary; most often $.total of checkout",
		},
		{"nothing was compared", "", &gameday.Diff{NotCompared: map[string]int64{"the recording has no answer": 12}}, gameday.Unknown, "no answer was compared, 12 were not: the recording has no answer"},
		{"nothing of the flow was compared", "search", &gameday.Diff{Compared: 10, Classes: classes(10, 0, 0)}, gameday.Unknown, "no answer was compared"},
		{
			"what was not compared is the larger part", "",
			&gameday.Diff{Compared: 10, Classes: classes(10, 0, 0), NotCompared: map[string]int64{"the primary failed": 90}},
			gameday.Unknown, "only 10 of 100 answers were compared, and they say nothing about the others: the primary failed",
		},
		{
			"the flow alone counts", "checkout",
			&gameday.Diff{Compared: 200, Classes: classes(100, 100, 0), Routes: []gameday.DiffRoute{{Route: "checkout", Classes: classes(100, 0, 0)}}},
			gameday.Pass, "0% of 100 answers",
		},
		{"no comparison is on record", "", nil, gameday.Unknown, "no comparison is on record"},
	} {
		t.Run(row.why, func(t *testing.T) {
			w := newWorld(t)
			w.run.Plan.Traffic.Diff = gameday.DiffPlan{Recording: true, Bounds: []gameday.DiffBound{{
				Text: "wrong <= 0.1%", Flow: row.flow, Class: gameday.DiffWrong, Op: "<=", Limit: 0.001, Severity: gameday.SeverityFail,
			}}}
			w.run.Traffic.Diff = row.diff
			v := Judge(context.Background(), w.run)
			require.Equal(t, map[gameday.Outcome]gameday.Result{
				gameday.Pass: gameday.ResultPass, gameday.Fail: gameday.ResultFail, gameday.Unknown: gameday.ResultInconclusive,
			}[row.outcome], v.Result, v.Sentence)
			f, err := Answered{w.run.Plan.Traffic.Diff.Bounds[0]}.Judge(context.Background(), w.run)
			require.NoError(t, err)
			require.Equal(t, row.outcome, f.Outcome)
			require.Contains(t, f.Observed+f.Why, row.says)
		})
	}
}
