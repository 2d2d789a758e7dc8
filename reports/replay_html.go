package reports

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
)

// ReplayHTML writes the report of a replay: the sections of [HTML] that speak of traffic, and a table of routes. It is one
// file under the same policy.
func ReplayHTML(w io.Writer, r Replayed) error {
	flows, all, err := r.totals()
	if err != nil {
		return err
	}
	record := gameday.Record{
		Run: gameday.Run{
			Meta:    gameday.Meta{Version: r.Version, Started: r.Started},
			Plan:    gameday.Plan{Name: "replay", Title: "Replay to " + r.Plan.To, Seed: r.Seed, Flows: r.Flows, Traffic: r.Plan},
			Traffic: r.Traffic,
		},
		Verdict: gameday.Verdict{Result: r.Result, Sentence: r.sentence(len(flows), all)},
	}
	s, err := Summarise(context.Background(), record)
	if err != nil {
		return err
	}
	s.Seconds = max(r.Length.Seconds(), 1)
	slices.SortStableFunc(s.Flows, func(a, b FlowLine) int { return cmp.Compare(b.Requests, a.Requests) })
	v := &replayView{view: newView(s), Replayed: r, Played: playedText(r.Plan)}
	v.totals(flows, all)
	v.Figures = r.figures(all)
	v.drawReplay()
	return v.write(w, replayPage, v)
}

// replayView is what the page of a replay shows.
type replayView struct {
	*view
	Replayed Replayed
	Totals   []total // the most requests first, then the sum
	Causes   []total // those of which not all was sent, and well
	Undrawn  int     // routes that have no lines
	Played   string  // how
}

func (v *replayView) totals(flows []total, all total) {
	v.Totals = slices.Clone(flows)
	slices.SortStableFunc(v.Totals, func(a, b total) int { return cmp.Compare(b.Due, a.Due) })
	for _, f := range v.Totals {
		if f.Sent > 0 {
			v.Undrawn++
		}
		if f.Failed > 0 || f.Sent < f.Due {
			v.Causes = append(v.Causes, f)
		}
	}
	v.Undrawn = max(0, v.Undrawn-maxLines)
	if len(flows) > 1 {
		v.Totals = append(v.Totals, all)
	}
}

// figures are the six numbers that a reader wants first.
func (r Replayed) figures(all total) []keyFigure {
	share := func(n, of int64) string { return chart.Ratio.Format(float64(n) / float64(max(of, 1))) }
	last := keyFigure{"Not sent", fmt.Sprintf("%s (%s)", count(all.Due-all.Sent), share(all.Due-all.Sent, all.Due))}
	if r.Diff != nil {
		last = keyFigure{"Wrong answers", chart.Ratio.Format(r.Diff.Wrong())}
	}
	return []keyFigure{
		{"Requests sent", count(all.Sent)},
		{"Failed", fmt.Sprintf("%s (%s)", count(all.Failed), share(all.Failed, all.Sent))},
		{"Latency, p99", milliseconds(all.Latency.P99)},
		{"Mean rate", chart.PerSec.Format(float64(all.Sent) / max(r.Length.Seconds(), 1e-9))},
		{"Sent late, p99", short(r.Fidelity.LatenessP99)},
		last,
	}
}

// playedText says how the tape was played.
func playedText(p gameday.TrafficPlan) string {
	parts := []string{fmt.Sprintf("speed %g", cmp.Or(p.Speed, 1))}
	if p.Shape != "" && p.Shape != "recorded" {
		parts[0] = "shape " + p.Shape
	}
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(p.Amplify != 0 && p.Amplify != 1, "amplified by %g", p.Amplify)
	add(p.Pace == "think", "with the recorded time to think")
	add(p.MaxWait > 0, "pauses of at most %s", p.MaxWait)
	add(p.RateCap > 0, "at most %g/s, by %s", p.RateCap, cmp.Or(p.CapBy, "slow"))
	add(p.Start > 0, "from %s on", p.Start)
	add(p.Loop, "looped")
	add(p.Connections == "recorded", "over connections as recorded")
	return strings.Join(parts, ", ")
}

// drawReplay draws the timeline of a replay.
func (v *replayView) drawReplay() {
	v.add(figure{Heading: "Latency of all requests", Note: "counted from the moment a request was due", Unit: chart.Seconds}, chart.Chart{
		ID: "all", Title: "p50 and p99 latency of all requests over the replay", Height: 220,
		Series: []chart.Series{{Name: "p50", Points: v.Total.P50}, {Name: "p99", Points: v.Total.P99}},
	})
	if len(v.Flows) > 1 {
		v.drawFlows()
	}
	v.drawTotals()
	late, flight := chart.Series{Name: "p99"}, chart.Series{Name: "in flight"}
	for _, g := range v.Traffic.Fidelity.Curve {
		x := float64(g.Second) + 0.5
		late.Points = append(late.Points, chart.Point{X: x, Y: g.Lateness.Seconds()})
		flight.Points = append(flight.Points, chart.Point{X: x, Y: float64(g.InFlight)})
	}
	bound := chart.Limit{Y: v.Plan.Traffic.MaxLate.Seconds(), Name: "bound"}
	v.add(figure{Heading: "Sent late, p99", Note: "the generator's own doing", Unit: chart.Seconds}, chart.Chart{
		ID: "late", Title: "p99 of how late requests were sent over the replay", Series: []chart.Series{late}, Limits: []chart.Limit{bound}, Height: 110,
	})
	v.add(figure{Heading: "Requests in flight", Note: "at most in each second"}, chart.Chart{
		ID: "flight", Title: "requests in flight over the replay", Series: []chart.Series{flight}, Height: 110,
	})
}
