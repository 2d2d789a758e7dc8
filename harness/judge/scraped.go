package judge

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/gameday-dev/gameday"
)

var (
	_ gameday.Assertion = Scraped{}
	_ gameday.Assertion = HostSpare{}
)

// Scraped is the guard that metrics were read all the time: no second without a target, 95 % of the
// targets up before the first fault, one up at any time, scrapes that really took place, and no sample
// turned away.
type Scraped struct{}

const upShare = 0.95

// Judge implements gameday.Assertion.
func (Scraped) Judge(ctx context.Context, r gameday.Run) (gameday.Finding, error) {
	f := gameday.Finding{
		Name: "targets were scraped", Kind: kindGuard, Severity: gameday.SeverityFail,
		Expected: "95% of targets up before the first fault, and no gap", Expr: "count(up == 1) / count(up)",
	}
	if r.Metrics == nil {
		return f, errNoMetrics
	}
	f.From, f.To = scrapedWindow(r)
	q := question{Metrics: r.Metrics, from: f.From, to: f.To}
	share, err := q.ask(ctx, "(count(up == 1) or vector(0)) / count(up)")
	if err != nil {
		return f, err
	}
	f.Evidence = evidence(named(share, "up"))
	up := bySecond(share)
	_, baselineEnds := r.Plan.Phases.Window(gameday.Baseline)
	var problems []string
	lowest := math.Inf(1)
	for _, at := range q.seconds() {
		switch v := up[at]; {
		case len(v) == 0:
			problems = append(problems, "nothing was scraped at "+clock(at))
		case v[0] == 0:
			problems = append(problems, "no target was up at "+clock(at))
		case v[0] < upShare && at < baselineEnds:
			problems = append(problems, fmt.Sprintf("%s of the targets were down at %s, before any fault", say(1-v[0], "ratio"), clock(at)))
			lowest = min(lowest, v[0])
		default:
			lowest = min(lowest, v[0])
		}
	}
	if r.Plan.Metrics.Remote == "" { // what follows is known of our own scraper only
		more, err := frozenOrFull(ctx, q)
		if err != nil {
			return f, err
		}
		problems = append(problems, more...)
	}
	if len(problems) > 0 {
		f.Observed = plural(len(problems), "problem")
		f.Why = summary(problems) + "; look at the targets' logs and the free processor time"
		return f, nil
	}
	f.Observed = fmt.Sprintf("at least %s up, no gap", say(lowest, "ratio"))
	f.Outcome = gameday.Pass
	return f, nil
}

// firstScrapes is when, in a run without a warm-up, every target was asked once.
const firstScrapes = 3 * second

// scrapedWindow leaves out the first seconds of a run without a warm-up: the first scrapes are under way then.
func scrapedWindow(r gameday.Run) (from, to gameday.Duration) {
	from, to = r.Plan.Phases.Window(gameday.Always)
	return min(to, max(from, firstScrapes)), to
}

// frozenOrFull finds scrapes that are repeated instead of made, since no two of them take equally long,
// and samples that were turned away.
func frozenOrFull(ctx context.Context, q question) ([]string, error) {
	var problems []string
	const settle = 10 * second
	moving := q
	moving.from = min(q.to, q.from+settle)
	alive, err := moving.ask(ctx, "count(changes(scrape_duration_seconds[10s]) > 0)")
	if err != nil {
		return nil, err
	}
	seen := bySecond(alive)
	for _, at := range moving.seconds() {
		if len(seen[at]) == 0 {
			problems = append(problems, "the scraper stood still at "+clock(at))
		}
	}
	last := q
	last.from = q.to
	dropped, err := last.ask(ctx, `sum by (reason) (gameday_metrics_dropped_total{reason!="out of order"}) > 0`)
	if err != nil {
		return nil, err
	}
	for _, s := range dropped {
		problems = append(problems, fmt.Sprintf("%s samples were dropped: %s", trim(s.Points[0].Value), s.Labels["reason"]))
	}
	return problems, nil
}

// summary names the first problems and counts the rest.
func summary(problems []string) string {
	const shown = 2
	if len(problems) <= shown {
		return strings.Join(problems, "; ")
	}
	return strings.Join(problems[:shown], "; ") + fmt.Sprintf("; and %d more", len(problems)-shown)
}

// HostSpare is the guard that the machine was not the bottleneck: its processors were less than 95 % busy
// in every window of 5 seconds. On a saturated host, what broke may not be the system under test. A case that tests
// a system within its own process, where it runs on a machine that never says how busy it is, gets a warning.
type HostSpare struct{}

const cpuLimit = 0.95

// Judge implements gameday.Assertion.
func (HostSpare) Judge(ctx context.Context, r gameday.Run) (gameday.Finding, error) {
	limit := cpuLimit
	f := gameday.Finding{
		Name: "the host had spare capacity", Kind: kindGuard, Severity: gameday.SeverityFail,
		Expected: "processors less than 95% busy over 5s", Expr: "max(avg_over_time(gameday_host_cpu_ratio[5s]))", Limit: &limit, Unit: "ratio",
	}
	if r.Metrics == nil {
		return f, errNoMetrics
	}
	f.From, f.To = scrapedWindow(r)
	q := question{Metrics: r.Metrics, from: f.From, to: f.To}
	busy, err := q.ask(ctx, f.Expr)
	if err != nil {
		return f, err
	}
	f.Evidence = evidence(named(busy, "cpu"))
	got := bySecond(busy)
	missing, highest, when := 0, 0.0, f.From
	for _, at := range q.seconds() {
		if len(got[at]) == 0 || math.IsNaN(got[at][0]) {
			missing++
			continue
		}
		if v := got[at][0]; v > highest {
			highest, when = v, at
		}
		if got[at][0] > cpuLimit {
			f.Over += second
		}
	}
	f.Observed = fmt.Sprintf("%s at most", say(highest, "ratio"))
	switch {
	case missing > 0 && len(busy) == 0 && !scrapes(r.Plan):
		f.Severity, f.Observed = gameday.SeverityWarn, "not known"
		f.Why = "this system does not tell how busy its processors are"
	case missing > 0:
		f.Why = fmt.Sprintf("how busy the host was is not known for %s", plural(missing, "second"))
	case f.Over > 0:
		f.Why = fmt.Sprintf("processors were %s busy at %s; use a larger machine, fewer instances or less traffic", say(highest, "ratio"), clock(when))
	default:
		f.Outcome = gameday.Pass
	}
	return f, nil
}
