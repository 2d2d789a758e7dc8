package harness

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gameday-dev/gameday"
)

// Times of watching: stop conditions are asked every second, one question may take watchLimit, and a run whose
// conditions could not be asked for blindLimit is stopped, because nothing guards it any more.
const (
	watchPause = time.Second
	watchLimit = 2 * time.Second
	blindLimit = 10 * time.Second
)

// windowMin is the shortest window for a rate: two scrapes a second apart, and one that came late.
const windowMin = gameday.Duration(3 * time.Second)

// watch asks every stop condition each second from the end of the warm-up on, and stops the run when one has held
// for its time.
func (e *engine) watch(ctx context.Context) {
	if len(e.Plan.Aborts) == 0 || !sleepUntil(ctx, e.at(e.Plan.Phases.Warmup)) {
		return
	}
	guards := make([]guard, len(e.Plan.Aborts))
	for i, a := range e.Plan.Aborts {
		query, err := AbortQuery(a)
		if err != nil {
			e.fail(err)
			return
		}
		guards[i] = guard{abort: a, query: query, seen: time.Now()}
	}
	for sleep(ctx, watchPause) {
		for i := range guards {
			if !e.ask(ctx, &guards[i]) {
				return
			}
		}
	}
}

// guard is a stop condition under watch.
type guard struct {
	abort gameday.Abort
	query string
	since time.Time // when it began to hold; zero while it does not
	seen  time.Time // when it last had an answer
}

// ask evaluates one condition, and reports whether the run may go on.
func (e *engine) ask(ctx context.Context, g *guard) bool {
	limited, cancel := context.WithTimeout(ctx, watchLimit)
	holds, err := e.holdsNow(limited, g.query)
	cancel()
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		if now.Sub(g.seen) >= blindLimit {
			e.fail(fmt.Errorf("stop condition %q cannot be evaluated: %w", g.abort.Text, err))
			return false
		}
		return true
	}
	g.seen = now
	if !holds {
		g.since = time.Time{}
		return true
	}
	if g.since.IsZero() {
		g.since = now
	}
	if g.abort.PromQL != "" && now.Sub(g.since) < g.abort.For.Std() {
		return true
	}
	e.abort(fmt.Errorf("stop condition %q fired", g.abort.Text))
	return false
}

// holdsNow reports whether expr has an answer at this moment.
func (e *engine) holdsNow(ctx context.Context, expr string) (bool, error) {
	now := gameday.Duration(time.Since(e.start))
	series, err := e.Metrics.Range(ctx, expr, now, now, gameday.Duration(time.Second))
	if err != nil {
		return false, fmt.Errorf("evaluate %s: %w", expr, err)
	}
	return slices.ContainsFunc(series, func(s gameday.Series) bool { return len(s.Points) > 0 }), nil
}

// AbortQuery returns the PromQL that has an answer when the condition holds. A condition on a flow is one on the
// series that the load itself counts, over the last For of the run, but at least 3s; so it needs no time to hold.
func AbortQuery(a gameday.Abort) (string, error) {
	if a.PromQL != "" {
		return a.PromQL, nil
	}
	if !slices.Contains([]string{"<=", "<", ">=", ">", "=="}, a.Op) {
		return "", fmt.Errorf("stop condition %q: operator %q: want <=, <, >=, > or ==", a.Text, a.Op)
	}
	flow := fmt.Sprintf("flow=%q", a.Flow)
	window := gameday.Duration(max(a.For, windowMin).Std().Round(time.Second))
	rate := func(series, labels string) string {
		return fmt.Sprintf("sum(rate(%s{%s}[%s]))", series, labels, window)
	}
	const requests, took = "gameday_client_requests_total", "gameday_client_duration_seconds"
	good := flow + `,outcome=~"ok|degraded"`
	var value string
	switch a.Metric {
	case "error_rate":
		value = fmt.Sprintf("1 - (%s or vector(0)) / %s", rate(requests, good), rate(requests, flow))
	case "success_rate":
		value = fmt.Sprintf("(%s or vector(0)) / %s", rate(requests, good), rate(requests, flow))
	case "rate":
		value = rate(requests, flow)
	case "mean":
		value = fmt.Sprintf("%s / %s", rate(took+"_sum", flow), rate(took+"_count", flow))
	default:
		q, _, ok := gameday.Quantile(a.Metric)
		if a.Metric == "max" {
			q, ok = 1, true
		}
		if !ok {
			return "", fmt.Errorf("stop condition %q: metric %q is not one that can be watched", a.Text, a.Metric)
		}
		value = fmt.Sprintf("histogram_quantile(%g, sum by (le) (rate(%s_bucket{%s}[%s])))", q, took, flow, window)
	}
	return fmt.Sprintf("(%s) %s %g", value, a.Op, a.Limit), nil
}
