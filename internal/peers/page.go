//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// section is one measurement as the page shows it.
type section struct {
	title, text string
	head        []string
	rows        [][]string
	findings    []finding
}

func (s *section) row(cells ...any) {
	var row []string
	for _, c := range cells {
		if d, ok := c.(time.Duration); ok {
			c = short(d)
		}
		row = append(row, fmt.Sprint(c))
	}
	s.rows = append(s.rows, row)
}

// find notes what the measurement says of a goal.
func (s *section) find(goal string, value float64, why string) {
	s.findings = append(s.findings, finding{goal: goal, value: value, why: why})
}

// findRatio notes a ratio, if there was something to compare with.
func (s *section) findRatio(goal string, ratio spread, why string) {
	if ratio.runs > 0 {
		s.findings = append(s.findings, finding{goal: goal, value: ratio.median, shown: ratio.String(), why: why})
	}
}

func (s section) String() string {
	return fmt.Sprintf("## %s\n\n%s\n\n%s\n", s.title, s.text, grid(s.head, s.rows))
}

func grid(head []string, rows [][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// page is a whole run of measurements.
type page struct {
	rounds, seconds int
	machine         string
	sections        []section
	commands        []command
	broken          []string // measurements that came to nothing, with the reason
	missing         []string // programs that are not there
}

func (p page) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Performance

What gameday costs beside the programs of its field on the same work. This page is written by `+"`make bench-peers`"+`, and
by nothing else: it installs the peers and runs everything in turn. %d rounds of %d s each; the order of the programs
is turned round every time; the client has one core and the server another; loopback. Ratios are of the two runs of one
round: their median, and the ends. CPU per request is without what the program costs to start, which is measured by
itself and taken off.

Machines differ (this one: %s): take the ratios, and measure the rest yourself. The last column of a table
is what the machine did besides, at most, in cores: time stolen by the hypervisor and processes that do not belong to the
measurement. † marks runs during which that was more than %.2f cores; they are counted all the same.

`, p.rounds, p.seconds, p.machine, quietCores)
	p.targets(&b)
	for _, s := range p.sections {
		b.WriteString(s.String())
	}
	p.calls(&b)
	if len(p.broken)+len(p.missing) > 0 {
		b.WriteString("## What is not here\n\n")
	}
	for _, text := range p.broken {
		fmt.Fprintf(&b, "- %s\n", text)
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(p.missing))) {
		fmt.Fprintf(&b, "- %s: not on this machine\n", name)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// calls writes the command lines.
func (p page) calls(b *strings.Builder) {
	if len(p.commands) == 0 {
		return
	}
	b.WriteString("## The commands\n\nSERVER is an address of the moment, TMP a temporary directory; peers is `go run ./internal/peers`. A program that was called with other values of " +
		"the same arguments is shown as it was called last. All but `gameday up` are behind `taskset -c CORE`.\n\n```\n")
	last := ""
	for _, c := range p.commands {
		if c.measurement != last {
			fmt.Fprintf(b, "# %s\n", c.measurement)
			last = c.measurement
		}
		fmt.Fprintln(b, c.line)
	}
	b.WriteString("```\n\n")
}

// targets writes every goal with what came of it.
func (p page) targets(b *strings.Builder) {
	var rows [][]string
	for _, g := range goals() {
		result, why := p.outcome(g)
		rows = append(rows, []string{g.what, g.must(), result, why})
	}
	fmt.Fprintf(b, `## Against the targets

What a measurement below does not show is not said here. Of CPU time it shows what a program spends in its own code and
what in the kernel; which part of the code costs what it does not.

%s
`, grid([]string{"what", "target", "this run", "why it is missed"}, rows))
}

// outcome is the worst of what the measurements say of a goal.
func (p page) outcome(g goal) (result, why string) {
	if g.unit == nil {
		return g.elsewhere, ""
	}
	var worst *finding
	for _, s := range p.sections {
		for _, f := range s.findings {
			if f.goal == g.id && (worst == nil || (f.value > worst.value) != g.least) {
				worst = &f
			}
		}
	}
	switch {
	case worst == nil && g.long:
		return "not measured in this run: it takes `make bench-peers LONG=-long`", ""
	case worst == nil:
		return "not measured in this run", ""
	}
	return g.verdict(*worst)
}
