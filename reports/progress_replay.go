package reports

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
	"github.com/gameday-dev/gameday/internal/hist"
)

// lone is what the display of a replay without a run knows beyond flows.
type lone struct {
	length       gameday.Duration // of the replay; 0 when nobody knows
	sent, failed int64
	second       int // the latest that is known of
}

// loneEvery is the time between two lines off a terminal.
const loneEvery = gameday.Duration(5 * time.Second)

// NewReplayProgress returns a display of a replay without a run, that takes length; 0 when nobody knows. It is told by Slice;
// Event is for the signal that ends it. The caller ends it with Done.
func NewReplayProgress(w io.Writer, plan gameday.Plan, terminal bool, started time.Time, length gameday.Duration) *Progress {
	p := newProgress(w, plan, terminal, started)
	p.lone = &lone{length: length}
	p.begin()
	return p
}

// take counts a slice.
func (l *lone) take(s gameday.Slice) {
	l.sent += s.Sent
	l.second = max(l.second, s.Second)
	for _, class := range gameday.Classes[2:] {
		l.failed += s.Classes[class]
	}
}

// loneLines is the panel of a replay, of at most most lines.
func (p *Progress) loneLines(most int) []string {
	now, ends := clock(p.now), "Ctrl-C ends"
	if p.lone.length > 0 {
		now += " / " + clock(p.lone.length)
	}
	if p.stopping {
		ends = "■ ENDING, waiting for the answers that are open"
	}
	lines := []string{fmt.Sprintf(" ▶ %s to %s   %s   seed %d   %s", p.plan.Traffic.Tape, p.plan.Traffic.To, now, p.plan.Seed, ends)}
	if p.lone.length > 0 {
		const width = 40
		done := int(width * min(1, p.now.Seconds()/p.lone.length.Seconds()))
		lines = append(lines, " "+strings.Repeat("█", done)+strings.Repeat("░", width-done))
	}
	lines = append(lines, " "+p.loneText())
	names := p.busiest()
	room := max(0, most-len(lines)-1)
	if len(names) == 0 || room == 0 {
		return lines[:min(len(lines), max(1, most))]
	}
	wide := 14
	for _, name := range names[:min(len(names), room)] {
		wide = min(40, max(wide, len([]rune(name))))
	}
	lines = append(lines, fmt.Sprintf(" %-*s %8s %8s %8s  %s", wide, "FLOW", "req/s", "p99", "failed", "p99, last 30 s"))
	for i, name := range names {
		if i == room-1 && len(names) > room {
			return append(lines, fmt.Sprintf(" and %d more", len(names)-i))
		}
		rate, failed, p99, _ := p.lately(name)
		lines = append(lines, fmt.Sprintf(" %-*s %8.0f %8s %8s  %s", wide, clip(name, wide), rate, short(p99), chart.Ratio.Format(failed), bars(p.flows[name].spark)))
	}
	return lines
}

// loneText is the state of a replay in one line.
func (p *Progress) loneText() string {
	rate, failed, p99, late := p.lately(sortedNames(p.flows)...)
	return fmt.Sprintf("%d sent, %.0f/s lately, %d failed (%s lately), p99 %s, sent late p99 %s",
		p.lone.sent, rate, p.lone.failed, chart.Ratio.Format(failed), short(p99), short(late))
}

// busiest names the flows, those with the most requests lately first.
func (p *Progress) busiest() []string {
	names := sortedNames(p.flows)
	rates := make(map[string]float64, len(names))
	for _, name := range names {
		rates[name], _, _, _ = p.lately(name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rates[b], rates[a]) })
	return names
}

// lately sums up the last seconds of flows. A flow without requests in a second has no slice of it.
func (p *Progress) lately(names ...string) (rate, failed float64, p99, late gameday.Duration) {
	latency, lateness := hist.New(), hist.New()
	var sent, bad int64
	last := max(0, p.lone.second-1) // the latest second may not be whole
	for _, name := range names {
		for _, s := range p.flows[name].slices {
			if s.Second > last || s.Second <= last-recentSeconds {
				continue
			}
			sent += s.Sent
			for _, class := range gameday.Classes[2:] {
				bad += s.Classes[class]
			}
			_ = latency.MergeEncoded(s.Latency) // what is damaged is missing from the display alone
			_ = lateness.MergeEncoded(s.Lateness)
		}
	}
	rate = float64(sent) / float64(min(recentSeconds, last+1))
	return rate, float64(bad) / float64(max(sent, 1)), gameday.Duration(latency.Quantile(0.99)), gameday.Duration(lateness.Quantile(0.99))
}
