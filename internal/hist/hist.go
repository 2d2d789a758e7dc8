// Package hist counts durations with three significant digits, from a microsecond to an hour: a thin layer
// over HdrHistogram with one fixed geometry, so that any two histograms merge without loss and encodings
// are read by every HdrHistogram tool.
package hist

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// The geometry of every histogram: what lies outside is counted at the nearer end.
const (
	Lowest  = time.Microsecond
	Highest = time.Hour
	digits  = 3
)

// Histogram is a distribution of durations. Make one with New or Decode. It takes some 200 kB whatever it
// holds, and is not safe for concurrent use.
type Histogram struct{ h *hdr.Histogram }

// New returns an empty histogram.
func New() *Histogram {
	return &Histogram{h: hdr.New(int64(Lowest/time.Microsecond), int64(Highest/time.Microsecond), digits)}
}

// Record counts d, to the nearest microsecond and within Lowest and Highest.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts d n times.
func (h *Histogram) RecordN(d time.Duration, n int64) {
	d = min(max(d.Round(time.Microsecond), Lowest), Highest)
	_ = h.h.RecordValues(int64(d/time.Microsecond), n) // the value is in range; only a total past 2^63 errs
}

// Quantile returns the duration that the share q of all is at most, q from 0 to 1; 0 when empty.
func (h *Histogram) Quantile(q float64) time.Duration {
	return time.Duration(h.h.ValueAtQuantile(100*q)) * time.Microsecond
}

// Mean returns the arithmetic mean; 0 when empty.
func (h *Histogram) Mean() time.Duration {
	return time.Duration(h.h.Mean() * float64(time.Microsecond))
}

// Max returns the largest duration, as exact as the three digits; 0 when empty.
func (h *Histogram) Max() time.Duration { return time.Duration(h.h.Max()) * time.Microsecond }

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// AtMost returns how many of the durations are at most d, as exact as the three digits.
func (h *Histogram) AtMost(d time.Duration) int64 {
	var n int64
	limit := int64(d / time.Microsecond)
	for _, bar := range h.h.Distribution() {
		if bar.To > limit && bar.From > limit {
			break
		}
		n += bar.Count
	}
	return n
}

// Distance returns the Kolmogorov-Smirnov distance of two distributions, from 0 (the same) to 1: the largest difference
// between the shares of what is at most d, over all d. Durations that differ by the tolerance at most count as equal.
// It is 0 when one of them is empty.
func Distance(a, b *Histogram, tolerance time.Duration) float64 {
	if a.Count() == 0 || b.Count() == 0 {
		return 0
	}
	return max(above(a, b, tolerance), above(b, a, tolerance))
}

// above returns by how much at most the share of a up to some duration exceeds that of b up to tolerance more.
func above(a, b *Histogram, tolerance time.Duration) (most float64) {
	slack := int64(tolerance / time.Microsecond)
	others, seen, sum := b.h.Distribution(), int64(0), int64(0)
	for _, bar := range a.h.Distribution() {
		for len(others) > 0 && others[0].From <= bar.To+slack {
			seen += others[0].Count
			others = others[1:]
		}
		sum += bar.Count
		most = max(most, float64(sum)/float64(a.Count())-float64(seen)/float64(b.Count()))
	}
	return most
}

// Merge adds the counts of other, without loss.
func (h *Histogram) Merge(other *Histogram) { h.h.Merge(other.h) }

// Reset forgets everything.
func (h *Histogram) Reset() { h.h.Reset() }
