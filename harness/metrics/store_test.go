package metrics

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

const second = gameday.Duration(time.Second)

// runStart has no meaning beyond being fixed.
var runStart = time.UnixMilli(1_700_000_000_123)

// storeOf fills a store from lines such as `up{job="a"} 0+1x10`, one sample per second from 0 s on, in the
// notation of Prometheus' own tests; "_" is no sample and "stale" a stale marker.
func storeOf(t testing.TB, lines string) *Store {
	t.Helper()
	s := NewStore(runStart, Limits{})
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		l, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(line)
		require.NoError(t, err, line)
		to := s.series(l)
		for i, v := range values {
			if !v.Omitted {
				s.add(to, s.unixMilli(gameday.Duration(i)*second), v.Value)
			}
		}
	}
	return s
}

func TestRangeAnswers(t *testing.T) {
	s := storeOf(t, `
		requests_total{code="200"} 0+10x20
		requests_total{code="500"} 0x10 1+1x9
		gauge                      1 2 3 _ _ _ _ _ 9
		killed                     1 1 1 stale
		lat_bucket{le="0.1"}       0+90x20
		lat_bucket{le="1"}         0+100x20
		lat_bucket{le="+Inf"}      0+100x20
		silent_total               0x20
	`)
	for _, test := range []struct {
		sentence string
		expr     string
		at       gameday.Duration
		want     []float64
	}{
		{"a rate is per second", `rate(requests_total{code="200"}[5s])`, 10 * second, []float64{10}},
		{"a sum is over series", `sum(rate(requests_total[5s]))`, 20 * second, []float64{11}},
		{"a quantile comes from classic buckets", `histogram_quantile(0.9, sum by (le) (rate(lat_bucket[5s])))`, 10 * second, []float64{0.1}},
		{"a sample is bridged for less than the look-back", `gauge`, 4 * second, []float64{3}},
		{"and not for longer", `gauge`, 6 * second, nil},
		{"a stale marker ends a series at once", `killed`, 3 * second, nil},
		{"before that it lives", `killed`, 2 * second, []float64{1}},
		{"a comparison that does not hold is empty", `sum(rate(requests_total[5s])) > 100`, 10 * second, nil},
		{"no series is empty and no error", `no_such_metric`, 10 * second, nil},
		{"a subquery steps by seconds", `max_over_time(sum(rate(requests_total{code="200"}[2s]))[5s:])`, 15 * second, []float64{10}},
		{"nothing over nothing is NaN", `sum(rate(silent_total[5s])) / sum(rate(silent_total[5s]))`, 10 * second, []float64{math.NaN()}},
		{"a scalar is a series without labels", `1 + 1`, 0, []float64{2}},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			got, err := s.Range(context.Background(), test.expr, test.at, test.at, 0)
			require.NoError(t, err)
			var values []float64
			for _, one := range got {
				require.Len(t, one.Points, 1)
				require.Equal(t, test.at, one.Points[0].At, "times are offsets from the start of the run")
				values = append(values, one.Points[0].Value)
			}
			require.Len(t, values, len(test.want))
			for i := range values {
				if !math.IsNaN(test.want[i]) || !math.IsNaN(values[i]) {
					require.InDelta(t, test.want[i], values[i], 1e-9)
				}
			}
		})
	}
}

func TestRangeRefuses(t *testing.T) {
	s := storeOf(t, `up 1x10`)
	for _, test := range []struct {
		sentence, expr string
		from, to, step gameday.Duration
		want           string
	}{
		{"what is not PromQL", "sum(", 0, second, second, "parse PromQL"},
		{"a window that ends before it begins", "up", 2 * second, second, second, "before it begins"},
		{"a step below the resolution", "up", 0, second, 1, "less than 1ms"},
		{"more points than a reader can use", "up", 0, 20_000 * second, second, "take longer steps"},
		{"a vector of ranges", "up[5s]", 0, second, second, "must be Scalar or instant Vector"},
		{"an endless expression", strings.Repeat("(", queryBytes+1), 0, second, second, "exceed the limit"},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			_, err := s.Range(context.Background(), test.expr, test.from, test.to, test.step)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestLimitsAreCountedAndNeverSilent(t *testing.T) {
	s := NewStore(runStart, Limits{Series: 2, Samples: 3, LabelBytes: 60})
	sample := func(name string) gameday.Sample { return gameday.Sample{Name: name, Value: 1} }
	s.Append(1*second, sample("a"), sample("b"), sample("c"))
	s.Append(1*second, sample("a"))                                                                         // not newer
	s.Append(2*second, sample("a"), sample("b"))                                                            // one too many
	s.Append(2*second, gameday.Sample{Name: "d", Labels: map[string]string{"l": strings.Repeat("x", 100)}}) // too long
	s.Append(2*second, gameday.Sample{})                                                                    // nameless
	require.Equal(t, Stats{Series: 2, Samples: 3, Dropped: map[Reason]int64{
		OverSeries: 1, OverSamples: 1, OverLabels: 1, OutOfOrder: 1, BadLabels: 1,
	}}, s.Stats())
}

func TestManyChunksReadBackInOrder(t *testing.T) {
	s := NewStore(runStart, Limits{})
	const n = 5*samplesPerChunk + 7
	for i := range n {
		s.Append(gameday.Duration(i)*second, gameday.Sample{Name: "v", Value: float64(i * i)})
	}
	got, err := s.Range(context.Background(), "v", 0, (n-1)*second, second)
	require.NoError(t, err)
	require.Len(t, got[0].Points, n)
	for i, p := range got[0].Points {
		require.Equal(t, gameday.Point{At: gameday.Duration(i) * second, Value: float64(i * i)}, p)
	}
}

func TestQueriesBesideWrites(t *testing.T) {
	s := NewStore(runStart, Limits{})
	var wg sync.WaitGroup
	for _, zone := range []string{"z1", "z2", "z3"} {
		wg.Go(func() {
			for i := range 500 {
				s.Append(gameday.Duration(i)*second, gameday.Sample{Name: "v", Labels: map[string]string{"zone": zone}, Value: float64(i)})
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			got, err := s.Range(context.Background(), "sum(v)", 0, 500*second, 10*second)
			require.NoError(t, err)
			for _, one := range got {
				for _, p := range one.Points {
					require.LessOrEqual(t, p.Value, 3*p.At.Seconds(), "no value is ahead of its time")
				}
			}
		}
	})
	wg.Wait()
	require.EqualValues(t, 1500, s.Stats().Samples)
}

func TestNeedsAndSides(t *testing.T) {
	for _, test := range []struct {
		sentence, expr    string
		always, sometimes []string
		sides             [][3]string
	}{
		{
			"a comparison needs its gauge", `max(cpu{a="b"}) < 2`,
			[]string{`count(cpu{a="b"})`},
			nil,
			[][3]string{{`max(cpu{a="b"})`, "<", "2"}},
		},
		{
			"a rate needs two samples", `sum(rate(x_total[10s])) > 0 and y == 1`,
			[]string{`count(count_over_time(x_total[10s]) >= 2)`, `count(y)`},
			nil,
			[][3]string{{`sum(rate(x_total[10s]))`, ">", "0"}, {"y", "==", "1"}},
		},
		{
			"before or vector(0) a counter may be missing, but not its name", `(sum(increase(x_total{code="5"}[60s])) or vector(0)) == 0`,
			nil,
			[]string{`count(x_total)`},
			[][3]string{{`(sum(increase(x_total{code="5"}[1m])) or vector(0))`, "==", "0"}},
		},
		{
			"under absent too", `a > 0 and on () absent(b{c="d"})`,
			[]string{"count(a)"},
			[]string{"count(b)"},
			[][3]string{{"a", ">", "0"}},
		},
		{
			"a subquery looks further back", `max_over_time(sum(rate(x_total[2s]))[20s:1s]) <= 3`,
			[]string{`count(count_over_time(x_total[22s]) >= 2)`},
			nil,
			[][3]string{{`max_over_time(sum(rate(x_total[2s]))[20s:1s])`, "<=", "3"}},
		},
		{"a filter inside of an aggregation is a condition without sides", `count(up == 0)`, []string{"count(up)"}, nil, nil},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			s := storeOf(t, "")
			always, sometimes, err := s.Needs(test.expr)
			require.NoError(t, err)
			require.Equal(t, test.always, always)
			require.Equal(t, test.sometimes, sometimes)
			sides, err := s.Sides(test.expr)
			require.NoError(t, err)
			require.Equal(t, test.sides, sides)
		})
	}
	for _, vacuous := range []string{`sum(up)`, `up == bool 1`, `vector(1)`} {
		_, err := storeOf(t, "").Sides(vacuous)
		require.ErrorContains(t, err, "is no condition", vacuous)
	}
}
