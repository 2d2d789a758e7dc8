// Package expose serves the series of a collector to a Prometheus.
package expose

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/exposition"
)

// Serve answers GET /metrics with what the collector says at that moment, until ctx ends; then it closes the listener and
// returns nil. Names that end in _total are counters, those with _bucket, _sum and _count together are histograms,
// everything else is a gauge.
func Serve(ctx context.Context, l net.Listener, c gameday.Collector) error {
	var mu sync.Mutex // collectors are asked by one at a time
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", exposition.Handler(func(page *exposition.Page) {
		mu.Lock()
		samples := c.Collect()
		mu.Unlock()
		write(page, samples)
	}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody waits for a last answer
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// write puts the samples on a page, the families by name and each in the order of its samples.
func write(page *exposition.Page, samples []gameday.Sample) {
	families := make(map[string][]gameday.Sample)
	for _, s := range samples {
		name, _ := familyOf(s.Name)
		families[name] = append(families[name], s)
	}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		page.Family(name, kindOf(families[name][0].Name), help(name))
		for _, s := range families[name] {
			_, suffix := familyOf(s.Name)
			page.Add(suffix, labelsOf(s.Labels), s.Value)
		}
	}
}

// familyOf returns the family of a series, and what its name has beyond that of the family: the part of a histogram.
func familyOf(series string) (name, suffix string) {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if name, is := strings.CutSuffix(series, suffix); is {
			return name, suffix
		}
	}
	return series, ""
}

func kindOf(series string) exposition.Kind {
	switch _, suffix := familyOf(series); {
	case suffix != "":
		return exposition.Histogram
	case strings.HasSuffix(series, "_total"):
		return exposition.Counter
	}
	return exposition.Gauge
}

// help says what a family is, in the words of its name: gameday_traffic_in_flight is "traffic in flight".
func help(name string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(name, "gameday_"), "_total"), "_", " ") + "."
}

func labelsOf(labels map[string]string) exposition.Labels {
	pairs := make([]string, 0, 2*len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, name, labels[name])
	}
	return exposition.LabelsOf(pairs...)
}
