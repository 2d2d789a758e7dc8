package metrics

import (
	"math"
	"sync"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// samplesPerChunk is where a new chunk is begun: what Prometheus does, for the same reason, that reading
// one sample decodes no more than one chunk.
const samplesPerChunk = 120

// unixMilli is a time in milliseconds since 1970 UTC, as Prometheus counts.
type unixMilli = int64

// series is one labelled sequence of samples. Its chunks but the last are never written again.
type series struct {
	labels labels.Labels

	mu     sync.Mutex
	chunks []*chunkenc.XORChunk
	open   chunkenc.Appender // of the last chunk
	last   unixMilli         // time of the last sample
	stale  bool              // the last sample is a stale marker
}

// add appends one sample and reports whether it was taken: one that is not newer than the last is not.
func (s *series) add(t unixMilli, v float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.chunks) > 0 && t <= s.last {
		return false
	}
	if s.full() && !s.begin() {
		return false
	}
	s.open.Append(0, t, v)
	s.last, s.stale = t, value.IsStaleNaN(v)
	return true
}

// end marks the series as gone from t on. A second mark, or one on an empty series, is left out.
func (s *series) end(t unixMilli) bool {
	s.mu.Lock()
	done := s.stale || len(s.chunks) == 0
	s.mu.Unlock()
	return !done && s.add(t, math.Float64frombits(value.StaleNaN))
}

func (s *series) full() bool {
	if len(s.chunks) == 0 {
		return true
	}
	c := s.chunks[len(s.chunks)-1]
	return c.NumSamples() >= samplesPerChunk || len(c.Bytes()) > chunkenc.MaxBytesPerXORChunkBeforeAppend
}

func (s *series) begin() bool {
	chunk := chunkenc.NewXORChunk()
	open, err := chunk.Appender()
	if err != nil { // only a chunk with damaged content has none
		return false
	}
	if n := len(s.chunks); n > 0 {
		s.chunks[n-1].Compact()
	}
	s.chunks, s.open = append(s.chunks, chunk), open
	return true
}

// snapshot returns the encoded chunks as they are now. Only the last one is still written to, in place,
// and is therefore copied.
func (s *series) snapshot() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	chunks := make([][]byte, len(s.chunks))
	for i, c := range s.chunks {
		chunks[i] = c.Bytes()
	}
	if n := len(chunks); n > 0 {
		chunks[n-1] = append([]byte(nil), chunks[n-1]...)
	}
	return chunks
}

// view is what a query sees of s, as it is now.
func (s *series) view() storage.Series {
	chunks := s.snapshot()
	return &storage.SeriesEntry{
		Lset:             s.labels,
		SampleIteratorFn: func(chunkenc.Iterator) chunkenc.Iterator { return &chain{chunks: chunks} },
	}
}

// chain reads chunks one after the other.
type chain struct {
	chunks  [][]byte
	current chunkenc.Iterator // nil before the first sample
}

// Next steps to the next sample.
func (c *chain) Next() chunkenc.ValueType {
	for {
		if c.current != nil {
			if kind := c.current.Next(); kind != chunkenc.ValNone || c.current.Err() != nil {
				return kind
			}
		}
		if len(c.chunks) == 0 {
			return chunkenc.ValNone
		}
		var chunk chunkenc.XORChunk
		chunk.Reset(c.chunks[0])
		c.current, c.chunks = chunk.Iterator(c.current), c.chunks[1:]
	}
}

// Seek steps to the first sample at t or later, and stays where that is already so.
func (c *chain) Seek(t unixMilli) chunkenc.ValueType {
	if c.current != nil {
		if kind := c.current.Seek(t); kind != chunkenc.ValNone || c.current.Err() != nil {
			return kind
		}
	}
	for kind := c.Next(); kind != chunkenc.ValNone; kind = c.Next() {
		if c.AtT() >= t {
			return kind
		}
	}
	return chunkenc.ValNone
}

// At returns the sample that Next or Seek found; the other forms of At answer for kinds of sample that the
// store does not keep.
func (c *chain) At() (int64, float64) { return c.current.At() }

// AtT returns the time of the sample.
func (c *chain) AtT() int64 { return c.current.AtT() }

// AtST returns the start time of the sample, which is not kept.
func (c *chain) AtST() int64 { return 0 }

// AtHistogram returns nothing: native histograms are not kept.
func (c *chain) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) { return c.AtT(), nil }

// AtFloatHistogram returns nothing: native histograms are not kept.
func (c *chain) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	return c.AtT(), nil
}

// Err returns what ended the reading early.
func (c *chain) Err() error {
	if c.current == nil {
		return nil
	}
	return c.current.Err()
}
