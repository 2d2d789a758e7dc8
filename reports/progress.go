package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
	"github.com/gameday-dev/gameday/internal/hist"
)

// Progress shows a run while it lasts: a panel redrawn in place on a terminal, else one line per event.
// Its methods may be called from any goroutine.
type Progress struct {
	w        io.Writer
	plan     gameday.Plan
	terminal bool
	started  time.Time

	mu     sync.Mutex
	phase  gameday.Phase
	open   map[string]openFault
	notes  []string // the last few events, for the panel
	flows  map[string]*recent
	drawn  int // lines of the panel on the screen
	status gameday.Duration
}

type openFault struct {
	text  string
	since gameday.Duration
}

// recent is the last seconds of one flow.
type recent struct {
	slices []gameday.Slice
	spark  []float64 // p99 per second
}

const (
	recentSeconds = 5
	sparkSeconds  = 30
	panelNotes    = 4
	panelFlows    = 6
	statusEvery   = gameday.Duration(10 * time.Second)
)

// NewProgress returns a display on w. started is offset 0.
func NewProgress(w io.Writer, plan gameday.Plan, terminal bool, started time.Time) *Progress {
	return &Progress{w: w, plan: plan, terminal: terminal, started: started, open: map[string]openFault{}, flows: map[string]*recent{}}
}

// Event takes in what happened.
func (p *Progress) Event(e gameday.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case gameday.EventPhase:
		p.phase = e.Phase
	case gameday.EventInjecting:
		if e.Fault != nil {
			p.open[e.Fault.ID] = openFault{text: e.Fault.Summary, since: e.At}
		}
	case gameday.EventActive:
		if f, ok := p.open[e.FaultID]; ok {
			f.text += "  proven ✓ " + evidence(e)
			p.open[e.FaultID] = f
		}
	case gameday.EventHealed:
		delete(p.open, e.FaultID)
	}
	text := eventText(e)
	if !p.terminal {
		fmt.Fprintf(p.w, "%s %s %s\n", p.started.Add(e.At.Std()).UTC().Format("15:04:05Z"), clock(e.At), text)
		return
	}
	p.notes = append(p.notes, clock(e.At)+" "+text)
	p.notes = p.notes[max(0, len(p.notes)-panelNotes):]
	p.draw(e.At)
}

func eventText(e gameday.Event) string {
	parts := []string{string(e.Kind)}
	if e.Kind == gameday.EventPhase {
		parts = append(parts, string(e.Phase))
	}
	if e.Step != "" {
		parts = append(parts, e.Step)
	}
	if e.Outcome != gameday.Unknown {
		parts = append(parts, e.Outcome.String())
	}
	switch {
	case e.Kind == gameday.EventInjecting && e.Fault != nil:
		parts = append(parts, e.Fault.Summary)
	case e.Text != "" || e.Evidence != nil:
		parts = append(parts, evidence(e))
	}
	return strings.Join(parts, " ")
}

// Slice takes in one second of one flow.
func (p *Progress) Slice(s gameday.Slice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.flows[s.Flow]
	if r == nil {
		r = &recent{}
		p.flows[s.Flow] = r
	}
	r.slices = append(r.slices, s)
	r.slices = r.slices[max(0, len(r.slices)-recentSeconds):]
	p99 := 0.0
	if h, err := hist.Decode(s.Latency); err == nil && len(s.Latency) > 0 {
		p99 = h.Quantile(0.99).Seconds()
	}
	r.spark = append(r.spark, p99)
	r.spark = r.spark[max(0, len(r.spark)-sparkSeconds):]
	at := gameday.Duration(s.Second) * gameday.Duration(time.Second)
	if p.terminal {
		p.draw(at)
		return
	}
	if at-p.status >= statusEvery {
		p.status = at
		fmt.Fprintf(p.w, "%s %s traffic %s\n", p.started.Add(at.Std()).UTC().Format("15:04:05Z"), clock(at), p.statusLine())
	}
}

func (p *Progress) statusLine() string {
	var parts []string
	for _, name := range p.shown() {
		rate, failed, p99 := p.flows[name].sum()
		parts = append(parts, fmt.Sprintf("%s %.0f/s p99 %s failed %s", name, rate, short(gameday.Duration(p99)), chart.Ratio.Format(failed)))
	}
	return strings.Join(parts, " · ")
}

// Done leaves the last state on the screen and ends the display.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drawn = 0
}

func (p *Progress) shown() []string {
	var names []string
	for _, f := range p.plan.Flows {
		if p.flows[f.Name] != nil && len(names) < panelFlows {
			names = append(names, f.Name)
		}
	}
	return names
}

// draw writes the panel over the last one: up, then each line cleared to its end.
func (p *Progress) draw(now gameday.Duration) {
	if now == 0 {
		now = gameday.Duration(time.Since(p.started))
	}
	lines := []string{fmt.Sprintf(" %s  ▶ %s  %s / %s   seed %d   Ctrl-C heals and ends", p.plan.Name, strings.ToUpper(string(p.phase)), clock(now), clock(p.plan.Phases.Total()), p.plan.Seed)}
	lines = append(lines, " "+p.bar(now))
	for _, id := range sortedNames(p.open) {
		lines = append(lines, " ⚡ "+p.open[id].text)
	}
	if names := p.shown(); len(names) > 0 {
		lines = append(lines, fmt.Sprintf(" %-14s %8s %8s %8s  %s", "FLOW", "req/s", "p99", "failed", "p99, last 30 s"))
		for _, name := range names {
			rate, failed, p99 := p.flows[name].sum()
			lines = append(lines, fmt.Sprintf(" %-14s %8.0f %8s %8s  %s", name, rate, short(gameday.Duration(p99)), chart.Ratio.Format(failed), bars(p.flows[name].spark)))
		}
	}
	for _, n := range p.notes {
		lines = append(lines, " "+n)
	}
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	for _, l := range lines {
		fmt.Fprintf(&b, "\x1b[2K%s\n", clip(l, 118))
	}
	for range p.drawn - len(lines) {
		b.WriteString("\x1b[2K\n")
	}
	p.drawn = max(p.drawn, len(lines))
	_, _ = io.WriteString(p.w, b.String())
}

// bar shows where in the phases the run is.
func (p *Progress) bar(now gameday.Duration) string {
	var b strings.Builder
	for _, phase := range []gameday.Phase{gameday.Warmup, gameday.Baseline, gameday.During, gameday.Recovery} {
		from, to := p.plan.Phases.Window(phase)
		if to <= from {
			continue
		}
		width := max(3, int(50*(to-from)/p.plan.Phases.Total()))
		done := int(float64(width) * min(1, max(0, float64(now-from)/float64(to-from))))
		fmt.Fprintf(&b, "%s %s%s  ", phase, strings.Repeat("█", done), strings.Repeat("░", width-done))
	}
	return b.String()
}

func (r *recent) sum() (rate, failed float64, p99 time.Duration) {
	all := hist.New()
	var total, bad int64
	for _, s := range r.slices {
		for class, n := range s.Classes {
			total += n
			if class != gameday.ClassOK && class != gameday.ClassDegraded {
				bad += n
			}
		}
		if h, err := hist.Decode(s.Latency); err == nil && len(s.Latency) > 0 {
			all.Merge(h)
		}
	}
	if total == 0 {
		return 0, 0, 0
	}
	return float64(total) / float64(len(r.slices)), float64(bad) / float64(total), all.Quantile(0.99)
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
		return string(r[:width-1]) + "…"
	}
	return s
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
