package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/reports"
)

// replayOutput is what is told of a replay when it has ended.
type replayOutput struct {
	json        bool   // instead of the summary
	hdr, report string // paths; empty when not wanted
}

func (o replayOutput) write(w io.Writer, done reports.Replayed) error {
	summary := reports.Replay
	if o.json {
		summary = reports.ReplayJSON
	}
	return errors.Join(
		summary(w, done),
		writeTo(o.hdr, func(w io.Writer) error { return reports.HDRLog(w, done.Started, done.Traffic) }),
		writeTo(o.report, func(w io.Writer) error { return reports.ReplayHTML(w, done) }),
	)
}

// writeTo writes a file; nothing without a path.
func writeTo(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// endOfReplay says how the process ends: by its signal, or by the result.
func endOfReplay(ctx context.Context, done reports.Replayed) error {
	var signal harness.Interrupted
	reasons := strings.Join(done.Reasons, "; ")
	switch {
	case errors.As(context.Cause(ctx), &signal):
		return exitError{code: signal.ExitCode()} // whoever sent it knows
	case done.Result == gameday.ResultPass:
		return nil
	case len(done.Fidelity.Problems) > 0:
		reasons = "the load was not offered as planned: " + reasons
	}
	return exitError{code: done.Result.ExitCode(), err: fmt.Errorf("%s", reasons)}
}
