package expose

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

type samples []gameday.Sample

func (s samples) Collect() []gameday.Sample { return s }

func TestServe(t *testing.T) {
	flow := func(more ...string) map[string]string {
		labels := map[string]string{"flow": "GET /products/{}"}
		for i := 0; i < len(more); i += 2 {
			labels[more[i]] = more[i+1]
		}
		return labels
	}
	from := samples{
		{Name: "gameday_traffic_in_flight", Value: 3},
		{Name: "gameday_client_requests_total", Labels: flow("outcome", "ok"), Value: 12},
		{Name: "gameday_client_duration_seconds_bucket", Labels: flow("le", "0.1"), Value: 4},
		{Name: "gameday_client_duration_seconds_bucket", Labels: flow("le", "+Inf"), Value: 12},
		{Name: "gameday_client_duration_seconds_sum", Labels: flow(), Value: 1.5},
		{Name: "gameday_client_duration_seconds_count", Labels: flow(), Value: 12},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, from) }()

	resp, err := http.Get("http://" + l.Addr().String() + "/metrics")
	require.NoError(t, err)
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, `# HELP gameday_client_duration_seconds client duration seconds.
# TYPE gameday_client_duration_seconds histogram
gameday_client_duration_seconds_bucket{flow="GET /products/{}",le="0.1"} 4
gameday_client_duration_seconds_bucket{flow="GET /products/{}",le="+Inf"} 12
gameday_client_duration_seconds_sum{flow="GET /products/{}"} 1.5
gameday_client_duration_seconds_count{flow="GET /products/{}"} 12
# HELP gameday_client_requests_total client requests.
# TYPE gameday_client_requests_total counter
gameday_client_requests_total{flow="GET /products/{}",outcome="ok"} 12
# HELP gameday_traffic_in_flight traffic in flight.
# TYPE gameday_traffic_in_flight gauge
gameday_traffic_in_flight 3
`, string(page))

	cancel()
	require.NoError(t, <-served)
}
