package hist

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"
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
	sum, encoded := New(), New()
	for _, h := range []*Histogram{a, b} {
		raw, err := h.Encode()
		require.NoError(t, err)
		back, err := Decode(raw)
		require.NoError(t, err)
		sum.Merge(back)
		require.NoError(t, encoded.MergeEncoded(raw))
	}
	require.True(t, sum.h.Equals(both.h))
	require.True(t, encoded.h.Equals(both.h))
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
	for _, other := range []*hdr.Histogram{hdr.New(1, int64(Highest/time.Microsecond), 2), hdr.New(1, 1000, digits)} {
		text, err := other.Encode(hdr.V2CompressedEncodingCookieBase)
		require.NoError(t, err)
		raw, err := base64.StdEncoding.DecodeString(string(text))
		require.NoError(t, err)
		_, err = Decode(raw)
		require.ErrorContains(t, err, "want 1µs..1h0m0s in microseconds with 3")
	}
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
	for _, n := range []int{200, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := filledWith(n)
			var e Encoder
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Encode(h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMergeEncoded(b *testing.B) {
	raw, err := filled().Encode()
	if err != nil {
		b.Fatal(err)
	}
	sum := New()
	b.ReportAllocs()
	for b.Loop() {
		if err := sum.MergeEncoded(raw); err != nil {
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

func filled() *Histogram { return filledWith(5000) }

func filledWith(n int) *Histogram {
	h, r := New(), rand.New(rand.NewPCG(1, 1))
	for range n {
		h.Record(time.Duration(r.ExpFloat64() * float64(20*time.Millisecond)))
	}
	return h
}

func TestDistanceIsTheLargestDifferenceOfShares(t *testing.T) {
	of := func(durations ...time.Duration) *Histogram {
		h := New()
		for _, d := range durations {
			h.Record(d)
		}
		return h
	}
	for _, tt := range []struct {
		what string
		a, b *Histogram
		want float64
	}{
		{"the same", of(time.Millisecond, time.Second), of(time.Millisecond, time.Second), 0},
		{"within the tolerance", of(time.Millisecond), of(1100 * time.Microsecond), 0},
		{"half of it elsewhere", of(time.Millisecond, time.Second), of(time.Millisecond, time.Minute), 0.5},
		{"all of it elsewhere", of(time.Second), of(time.Millisecond), 1},
		{"more of the same is no difference", of(time.Second), of(time.Second, time.Second), 0},
		{"nothing to compare with", of(), of(time.Second), 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			require.InDelta(t, tt.want, Distance(tt.a, tt.b, 100*time.Microsecond), 1e-9)
			require.InDelta(t, tt.want, Distance(tt.b, tt.a, 100*time.Microsecond), 1e-9, "either way round")
		})
	}
}

// A partial outage makes latencies bimodal, and a percentile that falls on the cliff between the modes is where sketches
// that interpolate break down: vegeta's t-digest is off by more than the value itself.
func TestAPercentileOnACliffIsExactWhereATDigestIsNot(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	ours, theirs := New(), vegeta.LatencyMetrics{}
	workers := make([]*Histogram, 50)
	for i := range workers {
		workers[i] = New()
	}
	all := make([]time.Duration, 0, 1_000_000)
	for i := range cap(all) {
		d := time.Millisecond + time.Duration(r.IntN(9000))*time.Microsecond
		if i%1000 < 2 { // 0.2 % wait for a stalled instance
			d = 2*time.Second + time.Duration(r.IntN(500))*time.Millisecond
		}
		all = append(all, d)
		workers[i%len(workers)].Record(d)
		theirs.Add(d)
	}
	for _, w := range workers {
		ours.Merge(w)
	}
	slices.Sort(all)
	worst := 0.0
	for _, q := range []float64{0.5, 0.9, 0.99, 0.998, 0.999, 0.9999} {
		truth := all[int(math.Ceil(q*float64(len(all))))-1]
		off := func(d time.Duration) float64 { return math.Abs(float64(d-truth)) / float64(truth) }
		t.Logf("p%g: truth %s, ours %s off by %.3f %%, t-digest %s off by %.1f %%", 100*q, truth, ours.Quantile(q), 100*off(ours.Quantile(q)),
			theirs.Quantile(q), 100*off(theirs.Quantile(q)))
		require.LessOrEqual(t, off(ours.Quantile(q)), 0.001)
		worst = max(worst, off(theirs.Quantile(q)))
	}
	require.Greater(t, worst, 1.0, "the case is one that a t-digest gets wrong")
}
