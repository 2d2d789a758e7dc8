package harness

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/gameday-dev/gameday"
)

// Interrupted is the cause to cancel a run's context with when the process was asked to end:
//
//	cancel(harness.Interrupted{Signal: sig})
type Interrupted struct{ Signal os.Signal }

// Error names the signal.
func (i Interrupted) Error() string { return "stopped by signal: " + i.Signal.String() }

// ExitCode returns 143 for SIGTERM, else 130.
func (i Interrupted) ExitCode() int {
	if i.Signal == syscall.SIGTERM {
		return gameday.ExitTerminated
	}
	return gameday.ExitInterrupt
}

// interrupted returns the signal that ended ctx, or nil.
func interrupted(ctx context.Context) *Interrupted {
	var signal Interrupted
	if errors.As(context.Cause(ctx), &signal) {
		return &signal
	}
	return nil
}
