package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/harness/metrics"
	"github.com/gameday-dev/gameday/harness/store"
	"github.com/gameday-dev/gameday/reports"
)

// renderers are the forms of a report by name.
func renderers() map[string]func(io.Writer, reports.Summary) error {
	return map[string]func(io.Writer, reports.Summary) error{
		"html":     reports.HTML,
		"markdown": reports.Markdown,
		"junit":    reports.JUnit,
		"text":     func(w io.Writer, s reports.Summary) error { return reports.Text(w, s, "") },
	}
}

// Load reads a recorded run with its metrics. A run that kept none has none; that is for the judge to say.
func Load(dir string) (gameday.Record, error) {
	record, err := store.Load(dir)
	if err != nil {
		return gameday.Record{}, err
	}
	samples, err := metrics.Load(filepath.Join(dir, "metrics"))
	switch {
	case err == nil:
		record.Metrics = samples
	case !errors.Is(err, os.ErrNotExist):
		return gameday.Record{}, err
	}
	if record.Plan.Metrics.Remote != "" {
		if record.Metrics, err = answersOf(record, filepath.Join(dir, "metrics"), samples); err != nil {
			return gameday.Record{}, err
		}
	}
	return record, nil
}

// Judge judges a recorded run again and writes its verdict and reports anew. When ctx ends first, nothing is written;
// for settle see RunOptions.Settle.
func Judge(ctx context.Context, dir string, settle func(exit int) bool) (Done, error) {
	record, err := Load(dir)
	if err != nil {
		return Done{}, err
	}
	best, reasons := harness.Summarize(record.Plan, record.Events)
	record.Verdict = verdict(ctx, record.Run, best, reasons)
	done := Done{Record: record, Dir: dir, Result: record.Verdict.Result, ExitCode: record.Verdict.Result.ExitCode()}
	if !settled(ctx, settle, done.ExitCode) {
		return Done{}, unjudged(ctx, record.Meta.Run)
	}
	if err := store.SaveVerdict(dir, record.Verdict); err != nil {
		return Done{}, err
	}
	err = writeReports(context.WithoutCancel(ctx), &done, gameday.Outputs{})
	return done, errors.Join(err, keepAnswers(record.Metrics, filepath.Join(dir, "metrics")))
}

// Render writes a recorded and judged run in one form, to a file or, when out is empty, to w.
func Render(ctx context.Context, dir, format, out string, w io.Writer) error {
	render, ok := renderers()[format]
	if !ok {
		return Refused{fmt.Errorf("render run: unknown format %q: html, text, markdown or junit", format)}
	}
	record, err := Load(dir)
	if err != nil {
		return err
	}
	if record.Verdict.Result == "" {
		return fmt.Errorf("render run %s: it has no verdict yet; run: gameday judge %s", record.Meta.Run, record.Meta.Run)
	}
	s, err := reports.Summarise(ctx, record)
	if err != nil {
		return err
	}
	if out == "" {
		return render(w, s)
	}
	return writeTo(out, func(w io.Writer) error { return render(w, s) })
}

// writeReports writes the report files of a run's directory, and the copies that were asked for.
func writeReports(ctx context.Context, d *Done, extra gameday.Outputs) error {
	s, err := reports.Summarise(ctx, d.Record)
	if err != nil {
		return err
	}
	d.Report = relative(filepath.Join(d.Dir, "report.html"))
	files := []struct{ path, format string }{
		{d.Report, "html"},
		{filepath.Join(d.Dir, "junit.xml"), "junit"},
		{filepath.Join(d.Dir, "summary.md"), "markdown"},
		{extra.Report, "html"},
		{extra.JUnit, "junit"},
	}
	var errs []error
	for _, f := range files {
		if f.path == "" {
			continue
		}
		render := renderers()[f.format]
		errs = append(errs, writeTo(f.path, func(w io.Writer) error { return render(w, s) }))
	}
	return errors.Join(errs...)
}

func writeTo(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}
