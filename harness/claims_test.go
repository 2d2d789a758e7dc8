package harness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestClaimsThatOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"instance product-z1-1", "instance product-z1-1", true},
		{"instance product-z1-1", "instance product-z1-10", false},
		{"link order->promotion latency", "link order->promotion latency", true},
		{"link order->promotion latency", "link order->promotion cut", false},
		{"link order->promotion cut", "link order@z3->promotion cut", true},
		{"link order@z1->promotion cut", "link order@z3->promotion cut", false},
		{"link *->promotion cut", "link order->*  cut", true},
		{"link order->promotion cut", "link promotion->order cut", false},
		{"link order->@z3 cut", "link order->promotion cut", true},
		{"link @z3 cut", "link order->promotion cut", true},
		{"link @z3 cut", "link order@z1->promotion@z2 cut", false},
		{"link @z3 cut", "link order@z1->promotion@z3 cut", true},
		{"link @z3 cut", "link @z1 cut", false},
		{"link @z3 cut", "link order->promotion latency", false},
		{"traffic surge", "service product switch promo_loop", false},
	} {
		require.Equal(t, c.want, overlap(c.a, c.b), "%s | %s", c.a, c.b)
		require.Equal(t, c.want, overlap(c.b, c.a), "%s | %s", c.b, c.a)
	}
}

func TestAbortQuery(t *testing.T) {
	for _, c := range []struct {
		name  string
		abort gameday.Abort
		want  string
	}{
		{"PromQL is taken as it is", gameday.Abort{PromQL: "up == 0"}, "up == 0"},
		{
			"an error rate counts everything that is no success",
			gameday.Abort{Flow: "checkout", Metric: "error_rate", Op: ">", Limit: 0.2, For: 10e9},
			`(1 - (sum(rate(gameday_client_requests_total{flow="checkout",outcome=~"ok|degraded"}[10s])) or vector(0)) / sum(rate(gameday_client_requests_total{flow="checkout"}[10s]))) > 0.2`,
		},
		{
			"a quantile comes from the load's histogram, over 3s at least",
			gameday.Abort{Flow: "browse", Metric: "p99", Op: ">", Limit: 2, For: 1e9},
			`(histogram_quantile(0.99, sum by (le) (rate(gameday_client_duration_seconds_bucket{flow="browse"}[3s])))) > 2`,
		},
		{"a rate", gameday.Abort{Flow: "browse", Metric: "rate", Op: "<", Limit: 1, For: 90e9}, `(sum(rate(gameday_client_requests_total{flow="browse"}[1m30s]))) < 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AbortQuery(c.abort)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := AbortQuery(gameday.Abort{Metric: "p99", Op: "~"})
	require.ErrorContains(t, err, "operator")
}
