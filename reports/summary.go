// Package reports renders recorded runs for people and machines: HTML, terminal text, Markdown and JUnit.
// It reads a [gameday.Record] and nothing else, so that any old run can be rendered again.
package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
	"github.com/gameday-dev/gameday/internal/hist"
)

// Summary is one pass over a record: what every renderer needs, computed once.
type Summary struct {
	gameday.Record
	Faults     []FaultSpan
	Seconds    float64
	Flows      []FlowLine // by criticality, then name
	Total      FlowLine
	Saturation []chart.Series // the resources that moved most; empty without metrics
	Host       []chart.Series
}

// longestGap is how many seconds without a slice are drawn as such; nothing real is silent for longer.
const longestGap = 3600

// FaultSpan is the life of one fault.
type FaultSpan struct {
	Number          int // in the order of injection, from 1
	Fault           gameday.Fault
	Injecting       gameday.Duration
	Active, Healing *gameday.Duration
	Healed          *gameday.Duration
	Onset           string // when it was planned, took hold and was seen
	Proof           string // what showed it in effect
	HealProof       string // what showed it gone
	Unproven        string // why its effect is not proven
	Leaked          string // why it may still be there
}

// End returns when the fault was gone, or when the record ends.
func (f FaultSpan) End(total gameday.Duration) gameday.Duration {
	if f.Healed != nil {
		return *f.Healed
	}
	return total
}

// FlowLine is one flow, second by second.
type FlowLine struct {
	Flow        string
	Criticality gameday.Criticality
	Objectives  []gameday.Objective
	Requests    int64
	Failed      int64
	Due, OK     []chart.Point // per second
	P50, P99    []chart.Point
	Max         []chart.Point
	Classes     map[gameday.Class][]chart.Point
}

// Summarise computes the summary. Histograms that cannot be decoded are an error: the record is damaged.
func Summarise(ctx context.Context, r gameday.Record) (Summary, error) {
	s := Summary{Record: r, Seconds: r.Plan.Phases.Total().Seconds()}
	for _, e := range r.Events {
		s.Seconds = max(s.Seconds, e.At.Seconds())
	}
	s.Faults = spans(r.Events)
	if err := s.flows(); err != nil {
		return Summary{}, err
	}
	s.saturation(ctx)
	return s, nil
}

func spans(events []gameday.Event) []FaultSpan {
	var all []FaultSpan
	index := map[string]int{}
	for _, e := range events {
		if e.Kind == gameday.EventInjecting && e.Fault != nil {
			index[e.Fault.ID] = len(all)
			all = append(all, FaultSpan{Number: len(all) + 1, Fault: *e.Fault, Injecting: e.At})
			continue
		}
		i, ok := index[e.FaultID]
		if !ok {
			continue
		}
		f, at := &all[i], e.At
		switch e.Kind {
		case gameday.EventActive:
			f.Active, f.Proof, f.Onset = &at, evidence(e), onset(f.Fault, e)
		case gameday.EventUnproven:
			f.Unproven, f.Onset = evidence(e), onset(f.Fault, e)
		case gameday.EventHealing:
			f.Healing = &at
		case gameday.EventHealed:
			f.Healed, f.HealProof = &at, evidence(e)
		case gameday.EventLeaked:
			f.Leaked = evidence(e)
		}
	}
	return all
}

// onset says how exactly a fault came in its time. Records of older versions do not know.
func onset(f gameday.Fault, e gameday.Event) string {
	if e.Onset == nil {
		return ""
	}
	text := fmt.Sprintf("planned %s, took hold %s later", clock(e.Onset.Planned), short(e.Onset.Late()))
	if e.Onset.LateOnLink(f) {
		text += fmt.Sprintf(", more than the %s of a link fault in time", short(gameday.OnsetTolerance))
	}
	if e.Kind == gameday.EventActive {
		text += fmt.Sprintf(", seen after another %s", short(e.At-e.Onset.Applied))
	}
	return text
}

func evidence(e gameday.Event) string {
	switch {
	case e.Evidence != nil && e.Text != "" && e.Text != e.Evidence.What:
		return e.Evidence.What + "; " + e.Text
	case e.Evidence != nil:
		return e.Evidence.What
	}
	return e.Text
}

func (s *Summary) flows() error {
	lines := map[string]*FlowLine{}
	for _, f := range s.Plan.Flows {
		lines[f.Name] = &FlowLine{Flow: f.Name, Criticality: f.Criticality, Objectives: f.Objectives}
	}
	inOrder := slices.Clone(s.Traffic.Slices)
	slices.SortStableFunc(inOrder, func(a, b gameday.Slice) int { return cmp.Compare(a.Second, b.Second) })
	total, all, one := &FlowLine{Flow: "all"}, newSecond(), newSecond()
	for i, slice := range inOrder {
		line, ok := lines[slice.Flow]
		if !ok {
			line = &FlowLine{Flow: slice.Flow, Criticality: gameday.Sheddable}
			lines[slice.Flow] = line
		}
		one.reset()
		if err := errors.Join(one.add(slice), all.add(slice)); err != nil {
			return fmt.Errorf("summarise flow %s at second %d: %w", slice.Flow, slice.Second, err)
		}
		line.append(slice.Second, one)
		next := slice.Second + 1
		if i+1 < len(inOrder) {
			next = min(inOrder[i+1].Second, next+longestGap)
		}
		for at := slice.Second; at < next; at++ { // nothing happened in those between
			total.append(at, all)
			if at == slice.Second {
				all.reset()
			}
		}
	}
	s.Total = *total
	for _, l := range lines {
		s.Flows = append(s.Flows, *l)
	}
	rank := map[gameday.Criticality]int{gameday.Core: 1, gameday.Degradable: 2, gameday.Sheddable: 3}
	slices.SortFunc(s.Flows, func(a, b FlowLine) int {
		return cmp.Or(cmp.Compare(rank[a.Criticality], rank[b.Criticality]), strings.Compare(a.Flow, b.Flow))
	})
	return nil
}

// second is what fell due in one second.
type second struct {
	due     int64
	classes map[gameday.Class]int64
	latency *hist.Histogram
}

func newSecond() *second { return &second{classes: map[gameday.Class]int64{}, latency: hist.New()} }

func (s *second) reset() {
	s.due = 0
	clear(s.classes)
	s.latency.Reset()
}

func (s *second) add(slice gameday.Slice) error {
	s.due += slice.Due
	for class, n := range slice.Classes {
		s.classes[class] += n
	}
	return s.latency.MergeEncoded(slice.Latency)
}

func (l *FlowLine) append(at int, s *second) {
	x := float64(at) + 0.5
	if l.Classes == nil {
		l.Classes = map[gameday.Class][]chart.Point{}
	}
	for _, class := range gameday.Classes {
		n := s.classes[class]
		l.Classes[class] = append(l.Classes[class], chart.Point{X: x, Y: float64(n)})
		l.Requests += n
		if class != gameday.ClassOK && class != gameday.ClassDegraded {
			l.Failed += n
		}
	}
	l.Due = append(l.Due, chart.Point{X: x, Y: float64(s.due)})
	l.OK = append(l.OK, chart.Point{X: x, Y: float64(s.classes[gameday.ClassOK] + s.classes[gameday.ClassDegraded])})
	if s.latency.Count() > 0 {
		l.P50 = append(l.P50, chart.Point{X: x, Y: s.latency.Quantile(0.5).Seconds()})
		l.P99 = append(l.P99, chart.Point{X: x, Y: s.latency.Quantile(0.99).Seconds()})
		l.Max = append(l.Max, chart.Point{X: x, Y: s.latency.Max().Seconds()})
	}
}

// saturation asks the recorded metrics which services had the most work in progress, relative to before.
func (s *Summary) saturation(ctx context.Context) {
	if s.Metrics == nil {
		return
	}
	end := gameday.Duration(s.Seconds * 1e9)
	const step = gameday.Duration(1e9)
	ask := func(expr, label string) []chart.Series {
		series, err := s.Metrics.Range(ctx, expr, 0, end, step)
		if err != nil {
			return nil // the drawing is left out; findings carry their own evidence
		}
		var lines []chart.Series
		for _, one := range series {
			lines = append(lines, chart.Series{Name: cmp.Or(one.Labels[label], label), Points: Points(one)})
		}
		return lines
	}
	busy := ask(`sum by (service) (http_server_in_flight)`, "service")
	slices.SortFunc(busy, func(a, b chart.Series) int {
		return cmp.Or(cmp.Compare(movement(b), movement(a)), strings.Compare(a.Name, b.Name))
	})
	s.Saturation = busy[:min(3, len(busy))]
	s.Host = ask(`max(gameday_host_cpu_ratio)`, "host CPU")
}

// movement is how far a line rises above its median.
func movement(s chart.Series) float64 {
	if len(s.Points) == 0 {
		return 0
	}
	ys := make([]float64, len(s.Points))
	for i, p := range s.Points {
		ys[i] = p.Y
	}
	slices.Sort(ys)
	return ys[len(ys)-1] - ys[len(ys)/2]
}

// Points turns a recorded series into what charts draw.
func Points(s gameday.Series) []chart.Point {
	points := make([]chart.Point, len(s.Points))
	for i, p := range s.Points {
		points[i] = chart.Point{X: p.At.Seconds(), Y: p.Value}
	}
	return points
}
