//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// bench holds what the measurements share.
type bench struct {
	bin, gameday, dir string
	rounds, seconds   int
	results           int  // that a report is made of
	requests          int  // on the tape of the measurement of memory
	long              bool // what takes many minutes, or the whole machine, is measured too
	missing           []string
	commands          []command

	log   io.Writer // where progress goes
	begun time.Time
	now   string // the measurement under way
}

// measurement is one part of the page.
type measurement struct {
	name string
	take func(context.Context) (section, error)
}

// measurements lists them in the order of the page: what is wanted most comes first.
func (b *bench) measurements() []measurement {
	return []measurement{
		{"limit", func(ctx context.Context) (section, error) { return b.limit(ctx, false) }},
		{"open", func(ctx context.Context) (section, error) { return b.openLoop(ctx, 5000) }},
		{"open10", func(ctx context.Context) (section, error) { return b.openLoop(ctx, 10_000) }},
		{"highest", b.highest},
		{"drift", func(ctx context.Context) (section, error) { return b.drifting(ctx, driftLength) }},
		{"stall", b.stall},
		{"memory", b.memory},
		{"tape", b.taped},
		{"proxy", b.proxied},
		{"capture", b.capturing},
		{"recorder", b.recording},
		{"report", b.reported},
		{"beside", b.burned},
		{"http2", func(ctx context.Context) (section, error) { return b.limit(ctx, true) }},
	}
}

// longTime is how much longer the long measurements may take together.
const longTime = 25 * time.Minute

// longMeasurements lists those that are only made when they are asked for.
func (b *bench) longMeasurements() []measurement {
	return []measurement{
		{"start", b.starts},
		{"drift10m", func(ctx context.Context) (section, error) { return b.drifting(ctx, driftLong) }},
	}
}

// chosen returns all measurements, and which of them are to be made: those that are named, or all but the long ones, unless
// these are asked for.
func (b *bench) chosen(only []string) (all []measurement, chosen []string, err error) {
	all = slices.Concat(b.measurements(), b.longMeasurements())
	for _, name := range only {
		if !slices.Contains(namesOf(all), name) {
			return nil, nil, fmt.Errorf("no measurement %q: there are %s", name, strings.Join(namesOf(all), ", "))
		}
	}
	switch {
	case len(only) > 0:
		return all, only, nil
	case b.long:
		return all, namesOf(all), nil
	}
	return all, namesOf(b.measurements()), nil
}

// errTimeUp ends what is still under way at the limit.
var errTimeUp = errors.New("the time is up")

// measure carries out the measurements that are chosen and returns the page. One that comes to nothing does not
// keep the others from being made: the page names it, and so does the error. What has not ended at the limit is left
// out.
func (b *bench) measure(ctx context.Context, only []string, limit time.Duration) (page, error) {
	p := page{rounds: b.rounds, seconds: b.seconds, machine: fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version())}
	all, chosen, err := b.chosen(only)
	if err != nil {
		return p, err
	}
	if slices.ContainsFunc(b.longMeasurements(), func(m measurement) bool { return slices.Contains(chosen, m.name) }) {
		limit += longTime
	}
	limited, cancel := context.WithTimeoutCause(ctx, limit, errTimeUp)
	defer cancel()
	var errs []error
	b.begun = time.Now()
	for _, m := range all {
		if !slices.Contains(chosen, m.name) {
			p.broken = append(p.broken, m.name+": was not asked for")
			continue
		}
		b.now = m.name
		b.progress("begins")
		s, err := m.take(limited)
		if ctx.Err() != nil {
			return p, context.Cause(ctx)
		}
		if err != nil {
			if limited.Err() != nil {
				err = errTimeUp // what it did to the measurement does not matter
			}
			err = fmt.Errorf("%s: %w", m.name, err)
			b.progress("%v", err)
			p.broken, errs = append(p.broken, err.Error()), append(errs, err)
			continue
		}
		fmt.Fprint(b.log, s)
		p.sections = append(p.sections, s)
	}
	p.missing, p.commands = b.missing, b.commands
	return p, errors.Join(errs...)
}

func namesOf(all []measurement) (names []string) {
	for _, m := range all {
		names = append(names, m.name)
	}
	return names
}

// progress says what is under way, and since when.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(b.log, "%4.0fs %s: %s\n", time.Since(b.begun).Seconds(), b.now, fmt.Sprintf(format, args...))
}

func (b *bench) duration() time.Duration { return time.Duration(b.seconds) * time.Second }

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// find returns the path of a peer, from the directory of peers or from the system; empty, and noted, when there is none.
func (b *bench) find(name string) string {
	if path := filepath.Join(b.bin, name); executable(path) {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		b.missing = append(b.missing, name)
		return ""
	}
	return path
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0 && !info.IsDir()
}
