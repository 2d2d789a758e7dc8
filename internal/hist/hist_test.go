package hist

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
)

func TestQuantilesAreWithinThreeDigitsOfTheTruth(t *testing.T) {
	for _, tt := range []struct {
		name string
		draw func(*rand.Rand) time.Duration
	}{
		{"exponential service times around 5 ms", func(r *rand.Rand) time.Duration {
			return time.Duration(r.ExpFloat64() * float64(5*time.Millisecond))
		}},
		{"a partial outage: 0.2 % of answers take 2 s, all others 1 ms", func(r *rand.Rand) time.Duration {
			if r.Float64() < 0.002 {
				return 2*time.Second + time.Duration(r.IntN(1000))*time.Millisecond
			}
			return time.Millisecond + time.Duration(r.IntN(1000))*time.Microsecond
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			workers := make([]*Histogram, 50)
			for i := range workers {
				workers[i] = New()
			}
			var all []time.Duration
			for i := range 100_000 {
				d := tt.draw(r)
				all = append(all, d)
				workers[i%len(workers)].Record(d)
			}
			merged := New()
			for _, w := range workers {
				merged.Merge(w)
			}
			slices.Sort(all)
			require.EqualValues(t, len(all), merged.Count())
			for _, q := range []float64{0.5, 0.9, 0.99, 0.998, 0.999, 0.9999} {
				truth := all[int(math.Ceil(q*float64(len(all))))-1]
				require.InEpsilon(t, float64(truth), float64(merged.Quantile(q)), 0.0011, "quantile %v: %s, truth %s", q, merged.Quantile(q), truth)
			}
			require.InEpsilon(t, float64(all[len(all)-1]), float64(merged.Max()), 0.001)
		})
	}
}

func TestEncodingsMergeWithoutLoss(t *testing.T) {
	a, b, both := New(), New(), New()
	for i := range 5000 {
		d := time.Duration(i*i) * time.Microsecond
		if i%2 == 0 {
			a.Record(d)
		} else {
			b.Record(d)
		}
		both.Record(d)
	}
	sum := New()
	for _, h := range []*Histogram{a, b} {
		raw, err := h.Encode()
		require.NoError(t, err)
		back, err := Decode(raw)
		require.NoError(t, err)
		sum.Merge(back)
	}
	require.True(t, sum.h.Equals(both.h))
}

func TestTheEncodingIsTheLibrarysOwn(t *testing.T) {
	h := filled()
	for range 2 { // the second one reuses the compressor
		raw, err := h.Encode()
		require.NoError(t, err)
		back, err := hdr.Decode([]byte(base64.StdEncoding.EncodeToString(raw)))
		require.NoError(t, err)
		require.True(t, back.Equals(h.h))
	}
}

func TestTheEnds(t *testing.T) {
	h := New()
	require.Zero(t, h.Quantile(0.99))
	require.Zero(t, h.Mean())
	require.Zero(t, h.Max())
	h.Record(-time.Second)
	h.Record(48 * time.Hour)
	require.EqualValues(t, 2, h.Count())
	require.EqualValues(t, 1, h.AtMost(time.Millisecond))
	require.InEpsilon(t, float64(Highest), float64(h.Max()), 0.001)
	empty, err := Decode(nil)
	require.NoError(t, err)
	require.Zero(t, empty.Count())
}

func TestDecodeRefuses(t *testing.T) {
	raw, err := New().Encode()
	require.NoError(t, err)
	_, err = Decode(raw[:len(raw)-3])
	require.ErrorContains(t, err, "decode histogram")
	_, err = Decode(make([]byte, maxEncoded+1))
	require.ErrorContains(t, err, "at most")
}

func FuzzDecode(f *testing.F) {
	h := New()
	for i := range 100 {
		h.Record(time.Duration(i) * time.Millisecond)
	}
	raw, _ := h.Encode()
	f.Add(raw)
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if h, err := Decode(raw); err == nil {
			h.Quantile(0.99)
			New().Merge(h)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	h := New()
	for b.Loop() {
		h.Record(3 * time.Millisecond)
	}
}

func BenchmarkEncode(b *testing.B) {
	h := filled()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAndMerge(b *testing.B) {
	raw, err := filled().Encode()
	if err != nil {
		b.Fatal(err)
	}
	sum := New()
	b.ReportAllocs()
	b.ReportMetric(float64(len(raw)), "bytes")
	for b.Loop() {
		h, err := Decode(raw)
		if err != nil {
			b.Fatal(err)
		}
		sum.Merge(h)
	}
}

func filled() *Histogram {
	h, r := New(), rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		h.Record(time.Duration(r.ExpFloat64() * float64(20*time.Millisecond)))
	}
	return h
}
