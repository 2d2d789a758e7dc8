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
	lone     *lone         // of a replay without a run; else nil
	done     chan struct{} // closed by Done
	ticking  sync.WaitGroup

	mu       sync.Mutex
	now      gameday.Duration // the latest offset that is known of
	phase    gameday.Phase
	open     []openFault // in the order of injection
	notes    []string    // the last few events, for the panel
	flows    map[string]*recent
	drawn    int  // lines of the panel on the screen
	stopping bool // somebody or something has asked for the end
	status   gameday.Duration
}

// openFault is a fault on the panel: what it does, and how far it is.
type openFault struct{ id, does, state string }

// recent is the last seconds of one flow.
type recent struct {
	slices []gameday.Slice
	spark  []float64 // p99 per second
}

const (
	recentSeconds = 5
	sparkSeconds  = 30
	statusEvery   = gameday.Duration(10 * time.Second)
)

// NewProgress returns a display on w. started is offset 0. The caller ends it with Done.
func NewProgress(w io.Writer, plan gameday.Plan, terminal bool, started time.Time) *Progress {
	p := newProgress(w, plan, terminal, started)
	p.begin()
	return p
}

func newProgress(w io.Writer, plan gameday.Plan, terminal bool, started time.Time) *Progress {
	return &Progress{w: w, plan: plan, terminal: terminal, started: started, done: make(chan struct{}), flows: map[string]*recent{}}
}

func (p *Progress) begin() {
	if p.terminal {
		p.ticking.Go(p.tick)
	}
}

// Done leaves the last state on the screen and ends the display. Where a panel is left, an empty line keeps the summary of a
// replay apart from it; that of a run begins with one.
func (p *Progress) Done() {
	close(p.done)
	p.ticking.Wait()
	if p.terminal && p.lone != nil {
		fmt.Fprintln(p.w)
	}
}

// Event takes in what happened.
func (p *Progress) Event(e gameday.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case gameday.EventPhase:
		p.phase = e.Phase
	case gameday.EventAbort, gameday.EventSignal, gameday.EventError:
		p.stopping = true
	}
	p.follow(e)
	text := eventText(e)
	if !p.terminal {
		fmt.Fprintf(p.w, "%s %s %s\n", p.started.Add(e.At.Std()).UTC().Format("15:04:05Z"), clock(e.At), text)
		return
	}
	p.notes = append(p.notes, clock(e.At)+" "+text)
	p.notes = p.notes[max(0, len(p.notes)-panelNotes):]
	p.draw(e.At)
}

// follow keeps the list of open faults.
func (p *Progress) follow(e gameday.Event) {
	if e.Kind == gameday.EventInjecting && e.Fault != nil {
		does, _, _ := strings.Cut(e.Fault.Summary, "; ") // how it is healed comes behind
		p.open = append(p.open, openFault{e.Fault.ID, does, "not seen yet"})
		return
	}
	i := slices.IndexFunc(p.open, func(f openFault) bool { return f.id == e.FaultID })
	if i < 0 {
		return
	}
	switch e.Kind {
	case gameday.EventActive:
		p.open[i].state = "✓ " + evidence(e)
	case gameday.EventUnproven:
		p.open[i].state = "? " + evidence(e)
	case gameday.EventHealing:
		p.open[i].state = "healing"
	case gameday.EventLeaked:
		p.open[i].state = "✗ may still be there: " + evidence(e)
	case gameday.EventHealed:
		p.open = slices.Delete(p.open, i, i+1)
	}
}

func eventText(e gameday.Event) string {
	parts := []string{string(e.Kind)}
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
	keep := recentSeconds
	if p.lone != nil {
		p.lone.take(s)
		keep++ // the latest second may not be whole
	}
	r.slices = append(r.slices, s)
	r.slices = r.slices[max(0, len(r.slices)-keep):]
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
	every := statusEvery
	if p.lone != nil {
		every = loneEvery
	}
	if at-p.status >= every {
		p.status = at
		fmt.Fprintf(p.w, "%s %s traffic %s\n", p.started.Add(at.Std()).UTC().Format("15:04:05Z"), clock(at), p.statusLine())
	}
}

func (p *Progress) statusLine() string {
	if p.lone != nil {
		return p.loneText()
	}
	var parts []string
	for _, name := range p.shown() {
		rate, failed, p99 := p.flows[name].sum()
		parts = append(parts, fmt.Sprintf("%s %.0f/s p99 %s failed %s", name, rate, short(gameday.Duration(p99)), chart.Ratio.Format(failed)))
	}
	return strings.Join(parts, " · ")
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

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
