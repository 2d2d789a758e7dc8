package wire

import (
	"context"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/judge"
)

// steady is the gate before the first fault: the judge's word on the baseline so far.
func steady(ctx context.Context, soFar gameday.Run) (gameday.Outcome, string) {
	f, err := judge.Steady{Phase: gameday.Baseline}.Judge(ctx, soFar)
	if err != nil {
		return gameday.Unknown, err.Error()
	}
	if f.Why != "" {
		return f.Outcome, f.Observed + ": " + f.Why
	}
	return f.Outcome, f.Observed
}
