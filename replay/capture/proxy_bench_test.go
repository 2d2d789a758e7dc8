package capture_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// BenchmarkProxy is what the recording proxy and the relay add to the latency of a request, beside httputil.ReverseProxy, which
// records nothing. All stand before one service, and requests alternate, so that what else goes on meets both alike.
func BenchmarkProxy(b *testing.B) {
	service := plain(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items":[{"id":17,"name":"tea, green, 250 g","price":"4.20"}],"total":"8.40"}`)
	}))
	to, err := url.Parse(service.URL)
	require.NoError(b, err)
	bare := httptest.NewServer(&httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
	})
	defer bare.Close()
	r, err := redact.New(redact.Rules{}, nil)
	require.NoError(b, err)
	w, err := tape.Create(filepath.Join(b.TempDir(), "x.gdtape"), tape.Meta{}, tape.Options{})
	require.NoError(b, err)
	w2, err := tape.Create(filepath.Join(b.TempDir(), "y.gdtape"), tape.Meta{}, tape.Options{})
	require.NoError(b, err)
	addr, p, stop := proxied(b, service.URL, w, capture.ProxyOptions{Options: capture.Options{Redact: r.Exchange}})
	relay, q, stopRelay := relayed(b, strings.TrimPrefix(service.URL, "http://"), w2, capture.Options{Redact: r.Exchange})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()

	doors := []string{service.URL, bare.URL, "http://" + addr, "http://" + relay}
	took := make([][]time.Duration, len(doors))
	i := 0
	for b.Loop() {
		door := i % len(doors)
		i++
		began := time.Now()
		resp, err := client.Get(doors[door] + "/cart")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		took[door] = append(took[door], time.Since(began))
	}
	require.NoError(b, errors.Join(stop(), stopRelay(), w.Close(), w2.Close()))
	require.Zero(b, p.Counts().Lost.Total()+q.Counts().Lost.Total())
	if b.N < 100 {
		return
	}
	at := func(door int, q float64) float64 {
		slices.Sort(took[door])
		return float64(took[door][int(q*float64(len(took[door])-1))]) / 1e3
	}
	b.ReportMetric(at(0, 0.5), "direct-p50-us")
	b.ReportMetric(at(1, 0.5)-at(0, 0.5), "reverseproxy-adds-p50-us")
	b.ReportMetric(at(2, 0.5)-at(0, 0.5), "proxy-adds-p50-us")
	b.ReportMetric(at(3, 0.5)-at(0, 0.5), "relay-adds-p50-us")
	b.ReportMetric(at(2, 0.99)/at(1, 0.99), "proxy/reverseproxy-p99")
	b.ReportMetric(at(3, 0.99)/at(1, 0.99), "relay/reverseproxy-p99")
}
