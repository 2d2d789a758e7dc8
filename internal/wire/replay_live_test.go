package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// accessLog writes one of n requests for products, one each 100 ms.
func accessLog(t *testing.T, n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "10.0.0.%d - - [01/Mar/2026:10:00:%02d +0000] \"GET /products/%d HTTP/1.1\" 200 5\n", i%9, i, i)
	}
	path := filepath.Join(t.TempDir(), "shop.log")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func TestReplayServesMetricsWhileItLasts(t *testing.T) {
	var address string
	var page []byte
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { // the replay waits for this answer
			resp, err := http.Get("http://" + address + "/metrics")
			if err == nil {
				page, _ = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
		})
	}))
	defer server.Close()
	o := ReplayOptions{
		Traffic: gameday.TrafficPlan{
			Tape: accessLog(t, 5), To: server.URL, Speed: 20, Amplify: 1, Timeout: gameday.Duration(time.Minute),
			MaxLate: gameday.Duration(time.Minute), MaxLimited: 1,
		},
		Metrics: "127.0.0.1:0", Serving: func(addr string) { address = addr },
	}
	done, err := Replay(t.Context(), o)
	require.NoError(t, err)
	require.EqualValues(t, 5, done.Fidelity.Sent)
	require.Contains(t, string(page), `gameday_client_requests_total{criticality="core",flow="GET /products/{}",outcome="ok",phase="baseline"}`)
	require.Contains(t, string(page), `gameday_client_duration_seconds_bucket{criticality="core",flow="GET /products/{}",le="0.005"}`)
	require.Contains(t, string(page), "gameday_traffic_in_flight ")
	require.NotContains(t, string(page), `phase="fault"`)
	require.NotContains(t, string(page), "/products/1", "no raw URL is a label")
	_, err = http.Get("http://" + address + "/metrics")
	require.Error(t, err, "it is over")
}

func TestMetricsAreForThisMachineUnlessTold(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		_, err := ReplayOptions{Metrics: address}.expose(nil)
		require.ErrorContains(t, err, "add --allow-remote", address)
	}
	_, err := ReplayOptions{Metrics: "nonsense"}.expose(nil)
	require.ErrorContains(t, err, "metrics")
	stop, err := ReplayOptions{Metrics: "0.0.0.0:0", Remote: true}.expose(nil)
	require.NoError(t, err)
	require.NoError(t, stop())
}

func TestTheLengthOfAReplayIsKnownWhereTheScheduleIs(t *testing.T) {
	for _, c := range []struct {
		because string
		plan    gameday.TrafficPlan
		span    time.Duration
		want    time.Duration
	}{
		{"as recorded", gameday.TrafficPlan{Speed: 1}, 0, time.Minute},
		{"twice as fast", gameday.TrafficPlan{Speed: 2}, 0, 30 * time.Second},
		{"as long as it was told", gameday.TrafficPlan{Speed: 2, Loop: true}, time.Hour, time.Hour},
		{"answers decide", gameday.TrafficPlan{Speed: 1, Pace: "think"}, 0, 0},
		{"a cap stretches", gameday.TrafficPlan{Speed: 1, RateCap: 5}, 0, 0},
		{"pauses may be shortened", gameday.TrafficPlan{Speed: 1, MaxWait: gameday.Duration(time.Second)}, 0, 0},
		{"a cap that thins does not", gameday.TrafficPlan{Speed: 1, RateCap: 5, CapBy: "thin"}, 0, time.Minute},
		{"a shape has its own", gameday.TrafficPlan{Speed: 1, Shape: "steady:5/s"}, 0, 0},
	} {
		require.Equal(t, c.want, ReplayOptions{Traffic: c.plan, For: c.span}.length(survey{Length: time.Minute}), c.because)
	}
}
