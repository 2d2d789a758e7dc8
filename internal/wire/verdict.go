package wire

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/judge"
)

// verdict judges a run, right after it and from its directory alike: what the judge finds, made worse by what the
// harness says against the run; see harness.Summarize.
func verdict(ctx context.Context, run gameday.Run, best gameday.Result, reasons []string) gameday.Verdict {
	return judge.Worsen(judge.Judge(ctx, run), best, reasons)
}

// unjudged says that judging was stopped: no verdict was written, and the one that there was still stands.
func unjudged(ctx context.Context, run string) error {
	return fmt.Errorf("run %s is recorded and healed, but not judged: %w; judge it with: gameday judge %s", run, context.Cause(ctx), run)
}

// settled reports whether the verdict may be written; see RunOptions.Settle. When it may not, ctx has ended.
func settled(ctx context.Context, settle func(exit int) bool, exit int) bool {
	switch {
	case ctx.Err() != nil:
		return false
	case settle == nil || settle(exit):
		return true
	}
	<-ctx.Done() // the signal that was first is on its way
	return false
}
