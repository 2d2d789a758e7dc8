package wire

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestHowAReplayEnds(t *testing.T) {
	ended, end := context.WithCancelCause(t.Context())
	end(errors.New("somebody pressed Ctrl-C"))
	sent := func(ok, refused, timeout int64) gameday.Traffic {
		return gameday.Traffic{
			Fidelity: gameday.Fidelity{Due: ok + refused + timeout, Sent: ok + refused + timeout},
			Slices: []gameday.Slice{
				{Classes: map[gameday.Class]int64{gameday.ClassDegraded: ok, gameday.ClassError: refused}, Failures: map[string]int64{"connection refused": refused}},
				{Classes: map[gameday.Class]int64{gameday.ClassTimeout: timeout}, Failures: map[string]int64{"timeout": timeout}},
			},
		}
	}
	late := sent(0, 80, 0)
	late.Fidelity.Problems = []string{"requests left late"}
	as := func(t gameday.Traffic, wrong, compared int64) gameday.Traffic {
		t.Diff = &gameday.Diff{Compared: compared, Classes: map[gameday.DiffClass]int64{gameday.DiffWrong: wrong, gameday.DiffIdentical: compared - wrong}}
		return t
	}
	bound := 0.1
	for _, row := range []struct {
		why      string
		ctx      context.Context
		maxWrong *float64
		traffic  gameday.Traffic
		want     gameday.Result
		reason   string
	}{
		{"one answer is enough", nil, nil, sent(1, 79, 0), gameday.ResultPass, ""},
		{"nobody was reached", nil, nil, sent(0, 78, 2), gameday.ResultFail, "no request succeeded: 78 connection refused, 2 timeout"},
		{"nothing was sent", nil, nil, gameday.Traffic{Fidelity: gameday.Fidelity{Due: 3, Skipped: map[string]int64{"unsafe method": 3}}}, gameday.ResultInconclusive, "nothing was sent: 3 unsafe method; methods with effects are sent when --unsafe names them"},
		{"the load was not as planned, whoever was reached", nil, nil, late, gameday.ResultInconclusive, "requests left late"},
		{"somebody ended it", ended, nil, sent(0, 80, 0), gameday.ResultAborted, "somebody pressed Ctrl-C"},
		{"failures are what was recorded, and the bound says so", nil, &bound, as(sent(0, 80, 0), 0, 80), gameday.ResultPass, ""},
		{"failures are compared, and there is no bound", nil, nil, as(sent(0, 80, 0), 0, 80), gameday.ResultFail, "no request succeeded: 80 connection refused"},
		{"too much is wrong", nil, &bound, as(sent(80, 0, 0), 40, 80), gameday.ResultFail, "50% of the answers are wrong or errors, the bound is 10%"},
		{"nothing could be compared", nil, &bound, as(sent(80, 0, 0), 0, 0), gameday.ResultInconclusive, "no answer could be compared"},
	} {
		t.Run(row.why, func(t *testing.T) {
			ctx := row.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			got, reasons := ReplayOptions{MaxWrong: row.maxWrong}.judge(ctx, row.traffic)
			require.Equal(t, row.want, got)
			if row.reason == "" {
				require.Empty(t, reasons)
				return
			}
			require.Equal(t, []string{row.reason}, reasons)
		})
	}
}
