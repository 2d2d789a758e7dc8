//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is one measurement as the page shows it.
type table struct {
	title, text string
	head        []string
	rows        [][]string
}

func (t *table) row(cells ...any) {
	var row []string
	for _, c := range cells {
		if d, ok := c.(time.Duration); ok {
			c = short(d)
		}
		row = append(row, fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

func (t table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n| %s |\n|%s\n", t.title, t.text, strings.Join(t.head, " | "), strings.Repeat(" --- |", len(t.head)))
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String() + "\n"
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d)/1e3) }
func times(ratio float64) string    { return fmt.Sprintf("%.2f", ratio) }
func megabytes(n int64) string      { return fmt.Sprintf("%d MB", n>>20) }

// short rounds to three digits.
func short(d time.Duration) time.Duration {
	for unit := time.Duration(1); ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
}

// measure carries everything out and returns the page.
func (b *bench) measure(ctx context.Context) (string, error) {
	var page strings.Builder
	fmt.Fprintf(&page, `# Performance

What gameday costs beside the programs of its field on the same work. This page is written by `+"`make bench-peers`"+`, which
installs the peers and runs everything in turn: %d rounds of %d s each, medians, the client on one core and the server on
another, loopback. Machines differ, and this one (%d cores, %s) is shared: take the ratios, and measure the rest yourself.

`, b.rounds, b.seconds, runtime.NumCPU(), runtime.Version())
	measurements := []func(context.Context) (table, error){
		b.saturated,
		func(ctx context.Context) (table, error) { return b.openLoop(ctx, 2000) },
		func(ctx context.Context) (table, error) { return b.openLoop(ctx, 10_000) },
		b.stall, b.proxied, b.capturing,
	}
	for _, m := range measurements {
		t, err := m(ctx)
		if err != nil {
			return "", fmt.Errorf("%s: %w", t.title, err)
		}
		fmt.Fprint(os.Stderr, t)
		page.WriteString(t.String())
	}
	if len(b.missing) > 0 {
		slices.Sort(b.missing)
		fmt.Fprintf(&page, "Not there, and so not measured: %s.\n", strings.Join(slices.Compact(b.missing), ", "))
	}
	return page.String(), nil
}
