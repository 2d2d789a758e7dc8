package judge

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// line is one series of a scenario: a value at each moment.
type line struct {
	name   string
	labels map[string]string
	value  func(gameday.Duration) (float64, bool)
}

func l(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// counter grows by rate per second, and by another rate from at on.
func counter(rate float64, changes ...float64) func(gameday.Duration) (float64, bool) {
	return func(at gameday.Duration) (float64, bool) {
		v, r, since := 0.0, rate, 0.0
		for i := 0; i+1 < len(changes) && changes[i] <= at.Seconds(); i += 2 {
			v, r, since = v+r*(changes[i]-since), changes[i+1], changes[i]
		}
		return v + r*(at.Seconds()-since), true
	}
}

// Ten assertions of the catalogue, each on a system that does right and on one that does wrong. The fault
// lasts from 25 s to 45 s.
func TestAssertionsOfTheCatalogue(t *testing.T) {
	breaker := func(instance, state string, value func(gameday.Duration) (float64, bool)) line {
		return line{"circuit_breaker_state", l("dep", "promotion", "instance", instance, "state", state), value}
	}
	breakers := func(open func(gameday.Duration) (float64, bool), halfOpen func(gameday.Duration) (float64, bool)) []line {
		var lines []line
		for _, i := range []string{"a", "b"} {
			lines = append(lines, breaker(i, "open", open), breaker(i, "half_open", halfOpen))
		}
		return lines
	}
	decisions := func(caller, decision string, value func(gameday.Duration) (float64, bool)) line {
		return line{"rate_limiter_requests_total", l("service", "promotion", "caller", caller, "decision", decision), value}
	}
	limit := line{"rate_limiter_limit", l("service", "promotion", "limiter", "global", "caller", ""), always(100)}
	picks := func(zone, target string, value func(gameday.Duration) (float64, bool)) line {
		return line{"lb_picks_total", l("zone", zone, "target_zone", target), value}
	}
	for _, test := range []struct {
		id, sentence string
		spec         gameday.AssertionSpec
		good, bad    []line
	}{
		{
			"A10", "breakers open within 5 s of the fault",
			gameday.AssertionSpec{PromQL: `sum(circuit_breaker_state{dep="promotion",state=~"open|half_open"}) / count(circuit_breaker_state{dep="promotion",state="open"}) >= 0.9`, Fault: "cut", Within: 5 * second},
			breakers(between(28, 45, 1, 0), always(0)), breakers(always(0), always(0)),
		},
		{
			"A13", "half-open lets three probes through",
			gameday.AssertionSpec{PromQL: `max(circuit_breaker_half_open_inflight_max{dep="promotion"}) <= 3`, Fault: "cut"},
			[]line{{"circuit_breaker_half_open_inflight_max", l("dep", "promotion"), always(3)}},
			[]line{{"circuit_breaker_half_open_inflight_max", l("dep", "promotion"), between(0, 35, 3, 17)}},
		},
		{
			"A14", "breakers close again after the heal",
			gameday.AssertionSpec{PromQL: `max(circuit_breaker_state{dep="promotion",state=~"open|half_open"}) == 0 and sum(rate(rpc_client_calls_total{dep="promotion",result="ok"}[5s])) > 0`, During: gameday.Recovery, Within: 5 * second},
			append(breakers(between(28, 47, 1, 0), between(47, 48, 1, 0)), line{"rpc_client_calls_total", l("dep", "promotion", "result", "ok"), counter(10, 28, 0, 47, 10)}),
			append(breakers(between(28, 99, 1, 0), always(0)), line{"rpc_client_calls_total", l("dep", "promotion", "result", "ok"), counter(10, 28, 0)}),
		},
		{
			"A15", "no breaker opens without cause",
			gameday.AssertionSpec{PromQL: `(sum(increase(circuit_breaker_transitions_total{to="open"}[60s])) or vector(0)) == 0`, During: gameday.During},
			[]line{{"circuit_breaker_transitions_total", l("to", "open"), always(0)}},
			[]line{{"circuit_breaker_transitions_total", l("to", "open"), between(0, 33, 0, 1)}},
		},
		{
			"A40", "the global limit is a ceiling",
			gameday.AssertionSpec{PromQL: `sum(rate(rate_limiter_requests_total{service="promotion",decision="allow"}[10s])) <= 1.1 * max(rate_limiter_limit{service="promotion",limiter="global"})`, Fault: "cut"},
			[]line{limit, decisions("product", "allow", counter(95))},
			[]line{limit, decisions("product", "allow", counter(95, 25, 300))},
		},
		{
			"A42", "innocent callers are not cut",
			gameday.AssertionSpec{PromQL: `(sum(rate(rate_limiter_requests_total{service="promotion",caller="order",decision="deny"}[10s])) or vector(0)) / sum(rate(rate_limiter_requests_total{service="promotion",caller="order"}[10s])) < 0.01`, Fault: "cut"},
			[]line{decisions("order", "allow", counter(20)), decisions("product", "deny", counter(500))},
			[]line{decisions("order", "allow", counter(20, 30, 2)), decisions("order", "deny", counter(0, 30, 18))},
		},
		{
			"A77", "one direction up and one down is no flapping",
			gameday.AssertionSpec{PromQL: `round(max(increase(autoscaler_direction_changes_total{subject="product"}[2m]))) <= 2`},
			[]line{{"autoscaler_direction_changes_total", l("subject", "product"), between(30, 99, 1, 0)}},
			[]line{{"autoscaler_direction_changes_total", l("subject", "product"), counter(0, 30, 0.5)}},
		},
		{
			"A89", "the registry protects itself",
			gameday.AssertionSpec{PromQL: `min(registry_instances{subject="product",status="up"}) >= 0.85 * max(gameday_truth_instances{subject="product",alive="true"}) and max(registry_self_preservation_active) == 1`, Fault: "cut", Within: 5 * second},
			[]line{
				{"registry_instances", l("subject", "product", "status", "up"), always(6)},
				{"gameday_truth_instances", l("subject", "product", "alive", "true"), always(6)},
				{"registry_self_preservation_active", nil, between(28, 50, 1, 0)},
			},
			[]line{
				{"registry_instances", l("subject", "product", "status", "up"), between(28, 50, 0, 6)},
				{"gameday_truth_instances", l("subject", "product", "alive", "true"), always(6)},
				{"registry_self_preservation_active", nil, always(0)},
			},
		},
		{
			"A101", "nobody calls the dead zone",
			gameday.AssertionSpec{PromQL: `(sum(rate(lb_picks_total{target_zone="z3"}[5s])) or vector(0)) == 0`, Fault: "cut", Within: 10 * second},
			[]line{picks("z1", "z1", counter(30)), picks("z1", "z3", counter(30, 27, 0, 47, 30))},
			[]line{picks("z1", "z1", counter(30)), picks("z1", "z3", counter(30))},
		},
		{
			"A102", "survivors share the load",
			gameday.AssertionSpec{PromQL: `max(sum by (zone) (rate(http_server_requests_total{zone!="z3"}[10s]))) / min(sum by (zone) (rate(http_server_requests_total{zone!="z3"}[10s]))) < 1.4`, Fault: "cut", After: 12 * second},
			[]line{{"http_server_requests_total", l("zone", "z1"), counter(30, 26, 45)}, {"http_server_requests_total", l("zone", "z2"), counter(30, 26, 45)}, {"http_server_requests_total", l("zone", "z3"), lives(0, 26, 5)}},
			[]line{{"http_server_requests_total", l("zone", "z1"), counter(30, 26, 60)}, {"http_server_requests_total", l("zone", "z2"), counter(30)}},
		},
	} {
		t.Run(test.id+" "+test.sentence, func(t *testing.T) {
			for _, system := range []struct {
				lines   []line
				outcome gameday.Outcome
			}{{test.good, gameday.Pass}, {test.bad, gameday.Fail}, {nil, gameday.Unknown}} {
				w := newWorld(t)
				for _, one := range system.lines {
					w.series(one.name, one.labels, one.value)
				}
				spec := test.spec
				spec.Name = test.id
				f := ask(context.Background(), Answer{spec}, w.run)
				require.Equal(t, system.outcome, f.Outcome, "%s %s", f.Observed, f.Why)
			}
		})
	}
}
