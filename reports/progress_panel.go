package reports

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
)

// The panel never takes more than panelLines of a terminal, whatever happens in the run.
const (
	panelLines  = 12
	panelFaults = 3
	panelFlows  = 5
	panelNotes  = 4
)

// tick redraws the panel each second, so that its clock goes on while nothing else does.
func (p *Progress) tick() {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-every.C:
			p.mu.Lock()
			p.draw(gameday.Duration(time.Since(p.started)))
			p.mu.Unlock()
		}
	}
}

// draw writes the panel over the last one: up, then each line cleared to its end. Seconds of traffic are told of
// late, so the clock takes the latest offset.
func (p *Progress) draw(now gameday.Duration) {
	p.now = max(p.now, now)
	width, height := size(p.w)
	lines := p.panel(min(panelLines, height-1))
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", p.drawn)
	}
	for _, l := range lines {
		fmt.Fprintf(&b, "\x1b[2K%s\n", clip(l, width-1))
	}
	for range p.drawn - len(lines) {
		b.WriteString("\x1b[2K\n")
	}
	p.drawn = max(p.drawn, len(lines))
	_, _ = io.WriteString(p.w, b.String()) // a display that is gone stops nothing
}

// size returns the columns and rows of a terminal.
func size(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 120, 40
}

// panel returns at most most lines: where the run is, the faults, the flows, and in what is left the last events.
func (p *Progress) panel(most int) []string {
	if p.lone != nil {
		return p.loneLines(most)
	}
	now, ends := "▶ "+strings.ToUpper(string(p.phase)), "Ctrl-C heals and ends"
	if p.stopping {
		now, ends = "■ ENDING", "healing what is open; Ctrl-C again stops waiting"
	}
	lines := []string{
		fmt.Sprintf(" %s  %s  %s / %s   seed %d   %s", p.plan.Name, now, clock(p.now), clock(p.plan.Phases.Total()), p.plan.Seed, ends),
		" " + p.bar(p.now),
	}
	lines = append(lines, p.faultLines()...)
	if names := p.shown(); len(names) > 0 {
		lines = append(lines, fmt.Sprintf(" %-14s %8s %8s %8s  %s", "FLOW", "req/s", "p99", "failed", "p99, last 30 s"))
		for _, name := range names {
			rate, failed, p99 := p.flows[name].sum()
			lines = append(lines, fmt.Sprintf(" %-14s %8.0f %8s %8s  %s", name, rate, short(gameday.Duration(p99)), chart.Ratio.Format(failed), bars(p.flows[name].spark)))
		}
	}
	for _, n := range p.notes[max(0, len(p.notes)-max(0, most-len(lines))):] {
		lines = append(lines, " "+n)
	}
	return lines[:min(len(lines), max(1, most))]
}

// faultLines are the open faults, the oldest first.
func (p *Progress) faultLines() []string {
	var lines []string
	for i, f := range p.open {
		if i == panelFaults-1 && len(p.open) > panelFaults {
			return append(lines, fmt.Sprintf(" ⚡ and %d more", len(p.open)-i))
		}
		lines = append(lines, fmt.Sprintf(" ⚡ %s   %s", f.does, f.state))
	}
	return lines
}

// bar shows where in the phases the run is.
func (p *Progress) bar(now gameday.Duration) string {
	var b strings.Builder
	for _, phase := range []gameday.Phase{gameday.Warmup, gameday.Baseline, gameday.During, gameday.Recovery} {
		from, to := p.plan.Phases.Window(phase)
		if to <= from {
			continue
		}
		width := max(3, int(40*(to-from)/p.plan.Phases.Total()))
		done := int(float64(width) * min(1, max(0, float64(now-from)/float64(to-from))))
		fmt.Fprintf(&b, "%s %s%s  ", phase, strings.Repeat("█", done), strings.Repeat("░", width-done))
	}
	return b.String()
}

// bars draws values as block characters, the largest as the highest.
func bars(values []float64) string {
	top := slices.Max(append([]float64{1e-9}, values...))
	var b strings.Builder
	for _, v := range values {
		b.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(7, int(v/top*8))])
	}
	return b.String()
}

func clip(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:max(0, width-1)]) + "…"
	}
	return s
}
