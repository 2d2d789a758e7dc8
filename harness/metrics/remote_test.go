package metrics

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestRemoteAnswersInOffsets(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, r.ParseForm())
		require.Equal(t, "/api/v1/query_range", r.URL.Path)
		require.Equal(t, `up == 0`, r.Form.Get("query"))
		require.Equal(t, "1700000005.123", r.Form.Get("start"))
		require.Equal(t, "1700000007.123", r.Form.Get("end"))
		require.Equal(t, "1", r.Form.Get("step"))
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[1700000005.123,"0"],[1700000007.123,"NaN"]]}]}}`)
	}))
	defer server.Close()
	r, err := NewRemote(server.URL, runStart.Add(742*time.Microsecond), nil) // a Prometheus would round it up
	require.NoError(t, err)
	got, err := r.Range(context.Background(), `up == 0`, 5*second, 7*second, 0)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"job": "a"}, got[0].Labels)
	require.Equal(t, gameday.Point{At: 5 * second, Value: 0}, got[0].Points[0])
	require.Equal(t, 7*second, got[0].Points[1].At)
}

func TestRemoteNamesTheServerAndTheRemedy(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "tsdb is on fire", http.StatusInternalServerError)
	}))
	defer broken.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"unknown function"}`)
	}))
	defer refusing.Close()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for _, test := range []struct {
		sentence, url string
		want          []string
	}{
		{"a server that answers 500", broken.URL, []string{broken.URL, "500", "/-/ready", "metrics.prometheus.remote.url"}},
		{"a server that is not there", away.URL, []string{away.URL, "check that it runs"}},
		{"a query that it refuses", refusing.URL, []string{refusing.URL, "unknown function"}},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			r, err := NewRemote(test.url, runStart, nil)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_, err = r.Range(ctx, "up", 0, second, second)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
	for _, bad := range []string{"", "prometheus:9090", "ftp://host", "http://"} {
		_, err := NewRemote(bad, runStart, nil)
		require.ErrorContains(t, err, "want an address", bad)
	}
}

func TestRemoteLeavesTheHarnessOwnSeriesToTheStore(t *testing.T) {
	r, err := NewRemote("http://127.15.0.1:1", runStart, storeOf(t, `gameday_target_rps 100x10`))
	require.NoError(t, err)
	got, err := r.Range(context.Background(), "sum(gameday_target_rps)", second, second, 0)
	require.NoError(t, err)
	require.EqualValues(t, 100, got[0].Points[0].Value)
	_, err = r.Range(context.Background(), "sum(gameday_target_rps) / sum(up)", second, second, 0)
	require.ErrorContains(t, err, "cannot be mixed")
}
