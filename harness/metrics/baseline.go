package metrics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Collector = (*Baseline)(nil)

// Rule says how one figure of the healthy system is measured.
type Rule struct {
	Metric string // value of the label metric: "core_goodput_rps"
	PromQL string // each series of its answer becomes one series of gameday_baseline, with its labels
}

// BaselineRules are the figures that assertions compare with:
//
//	{metric="core_goodput_rps"}        successful requests of core flows, degraded ones too, per second
//	{metric="replicas",subject}        what the autoscaler wants, or else the instances that run
//	{metric="zone_rps",zone,dep}       calls that load balancers sent to a service in a zone, per second
//	{metric="fanout",dep}              requests at a service per request of a client
//
// Each is measured over 10 s.
func BaselineRules() []Rule {
	return []Rule{
		{"core_goodput_rps", `sum(rate(gameday_client_requests_total{criticality="core",outcome=~"ok|degraded"}[10s]))`},
		{"replicas", `max by (subject) (autoscaler_desired_replicas) or max by (subject) (gameday_truth_instances{alive="true"})`},
		{"zone_rps", `sum by (zone, dep) (label_replace(rate(lb_picks_total[10s]), "zone", "$1", "target_zone", "(.*)"))`},
		{"fanout", `sum by (dep) (label_replace(rate(http_server_requests_total[10s]), "dep", "$1", "service", "(.*)"))` +
			` / on () group_left () sum(rate(gameday_client_requests_total[10s]))`},
	}
}

// Baseline gives gameday_baseline{metric,...}: figures frozen at the end of the baseline, from then to the
// end of the run. Before Freeze it gives nothing.
type Baseline struct {
	Metrics gameday.Metrics
	Rules   []Rule // BaselineRules() when nil

	mu     sync.Mutex
	frozen []gameday.Sample
}

// Freeze evaluates the rules at the given offset and keeps the answers. A rule without an answer keeps
// nothing, so that what compares with it learns that nothing is known. When rules fail, the answers of the
// others are kept all the same, and the errors are joined. A second call replaces what the first one kept.
func (b *Baseline) Freeze(ctx context.Context, at gameday.Duration) error {
	rules := b.Rules
	if rules == nil {
		rules = BaselineRules()
	}
	var frozen []gameday.Sample
	var errs []error
	for _, rule := range rules {
		answer, err := b.Metrics.Range(ctx, rule.PromQL, at, at, 0)
		if err != nil {
			errs = append(errs, fmt.Errorf("freeze baseline %s: %w", rule.Metric, err))
			continue
		}
		for _, s := range answer {
			if v := s.Points[len(s.Points)-1].Value; !math.IsNaN(v) && !math.IsInf(v, 0) {
				frozen = append(frozen, frozenSample(rule.Metric, s.Labels, v))
			}
		}
	}
	b.mu.Lock()
	b.frozen = frozen
	b.mu.Unlock()
	return errors.Join(errs...)
}

func frozenSample(metric string, from map[string]string, v float64) gameday.Sample {
	l := maps.Clone(from)
	if l == nil {
		l = map[string]string{}
	}
	delete(l, "__name__")
	l["metric"] = metric
	return gameday.Sample{Name: "gameday_baseline", Labels: l, Value: v}
}

// Collect implements gameday.Collector.
func (b *Baseline) Collect() []gameday.Sample {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.frozen
}
