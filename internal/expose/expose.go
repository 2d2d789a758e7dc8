// Package expose serves the series of a collector to a Prometheus.
package expose

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gameday-dev/gameday"
)

// Serve answers GET /metrics with what the collector says at that moment, until ctx ends; then it closes the listener and
// returns nil. Names that end in _total are counters, those with _bucket, _sum and _count together are histograms,
// everything else is a gauge.
func Serve(ctx context.Context, l net.Listener, c gameday.Collector) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{from: c})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody waits for a last answer
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// collector turns samples into metrics.
type collector struct {
	from gameday.Collector
	mu   sync.Mutex // collectors are asked by one at a time
}

var _ prometheus.Collector = (*collector)(nil)

// Describe describes nothing: collectors tell what they have when they are asked.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends what there is at this moment. What is no metric makes the page an error.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	samples := c.from.Collect()
	c.mu.Unlock()
	histograms := make(histograms)
	for _, s := range samples {
		if !histograms.take(s) {
			to <- single(s)
		}
	}
	for _, h := range histograms {
		to <- h.metric()
	}
}
