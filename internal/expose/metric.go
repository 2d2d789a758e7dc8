package expose

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gameday-dev/gameday"
)

// single is the metric of one sample.
func single(s gameday.Sample) prometheus.Metric {
	kind := prometheus.GaugeValue
	if strings.HasSuffix(s.Name, "_total") {
		kind = prometheus.CounterValue
	}
	desc := prometheus.NewDesc(s.Name, help(s.Name), nil, s.Labels)
	m, err := prometheus.NewConstMetric(desc, kind, s.Value)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return m
}

// help says what a series is, in the words of its name: gameday_traffic_in_flight is "traffic in flight".
func help(name string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(name, "gameday_"), "_total"), "_", " ") + "."
}

// A histogram is put together from the samples of its classic form.
type histogram struct {
	name    string
	labels  map[string]string
	buckets map[float64]uint64 // up to each bound
	count   uint64
	sum     float64
}

// histograms by name and labels.
type histograms map[string]*histogram

// take adds a sample to its histogram, and reports whether it is of one.
func (hs histograms) take(s gameday.Sample) bool {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		name, is := strings.CutSuffix(s.Name, part)
		if !is {
			continue
		}
		h := hs.of(name, s.Labels)
		switch part {
		case "_sum":
			h.sum = s.Value
		case "_count":
			h.count = uint64(s.Value)
		default:
			if bound, err := strconv.ParseFloat(s.Labels["le"], 64); err == nil {
				h.buckets[bound] = uint64(s.Value)
			}
		}
		return true
	}
	return false
}

func (hs histograms) of(name string, labels map[string]string) *histogram {
	own := maps.Clone(labels)
	delete(own, "le")
	parts := []string{name}
	for _, label := range slices.Sorted(maps.Keys(own)) {
		parts = append(parts, label, own[label])
	}
	key := strings.Join(parts, "\x00")
	if hs[key] == nil {
		hs[key] = &histogram{name: name, labels: own, buckets: make(map[float64]uint64)}
	}
	return hs[key]
}

func (h *histogram) metric() prometheus.Metric {
	desc := prometheus.NewDesc(h.name, help(h.name), nil, h.labels)
	m, err := prometheus.NewConstHistogram(desc, h.count, h.sum, h.buckets)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return m
}
