package replay

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	gameday "github.com/gameday-dev/gameday"
)

func TestVegetaReadsOurResults(t *testing.T) {
	for _, encoding := range []string{"gob", "json", "csv"} {
		t.Run(encoding, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/products/7" {
					w.WriteHeader(http.StatusInternalServerError)
				}
				_, _ = io.WriteString(w, "0123456789")
			})
			var file bytes.Buffer
			results, err := NewResults(&file, encoding)
			require.NoError(t, err)
			xs := append(every(300, 300, 20), get("s1", time.Second, "/x"))
			xs[100].Method = "DELETE"
			_, slices := play(t, Config{Run: "r9", Open: opener(xs...), Targets: []string{url}, Results: results})
			ours, latency, _ := sum(slices, "")
			require.EqualValues(t, 1, ours.Skipped)

			decode := vegeta.DecoderFor(&file)
			require.NotNil(t, decode)
			var metrics vegeta.Metrics
			var last time.Time
			for seq := uint64(0); ; seq++ {
				var r vegeta.Result
				if err := decode(&r); err != nil {
					require.ErrorIs(t, err, io.EOF)
					break
				}
				require.Equal(t, seq, r.Seq, "numbered without a gap")
				require.False(t, r.Timestamp.Before(last), "in the order of due times")
				last = r.Timestamp
				metrics.Add(&r)
			}
			metrics.Close()
			require.EqualValues(t, ours.Sent, metrics.Requests)
			require.InDelta(t, float64(ours.Classes[gameday.ClassOK])/float64(ours.Sent), metrics.Success, 1e-9)
			require.Equal(t, int(ours.Codes[200]), metrics.StatusCodes["200"])
			require.Equal(t, int(ours.Codes[500]), metrics.StatusCodes["500"])
			require.EqualValues(t, 10*ours.Sent, metrics.BytesIn.Total)
			require.InEpsilon(t, latency.Max().Seconds(), metrics.Latencies.Max.Seconds(), 0.002)
			require.InEpsilon(t, latency.Mean().Seconds(), metrics.Latencies.Mean.Seconds(), 0.002)
		})
	}
	_, err := NewResults(io.Discard, "xml")
	require.ErrorContains(t, err, "gob, json, csv")
}

func TestShapesComeFromPacers(t *testing.T) {
	target := vegeta.Target{Method: "POST", URL: "http://shop.example/orders?a=b", Body: []byte("{}"), Header: http.Header{"B": {"2"}, "A": {"1"}}}
	source := Shape(vegeta.ConstantPacer{Freq: 100, Per: time.Second}, 2*time.Second, target, vegeta.Target{Method: "GET", URL: "http://shop.example"})
	var xs []*Exchange
	for {
		x, err := source.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		xs = append(xs, x)
	}
	require.EqualValues(t, 200, len(xs))
	require.Equal(t, "/orders?a=b", xs[0].Target)
	require.Equal(t, Header{{"A", "1"}, {"B", "2"}}, xs[0].Header)
	require.Equal(t, "/", xs[1].Target)
	require.Equal(t, time.Second, xs[99].At)

	_, err := Shape(vegeta.ConstantPacer{Freq: 1, Per: time.Second}, time.Second).Next()
	require.ErrorIs(t, err, io.EOF)
	_, err = Shape(vegeta.ConstantPacer{Freq: 1, Per: time.Second}, time.Second, vegeta.Target{URL: "::"}).Next()
	require.Error(t, err)
}

func TestTheScheduleIsAPacer(t *testing.T) {
	p, err := Pacer(&reel{xs: every(100, 50, 3)}, 2)
	require.NoError(t, err)
	require.InDelta(t, 100, p.Rate(0), 1)
	wait, stop := p.Pace(0, 50)
	require.Equal(t, 500*time.Millisecond, wait)
	require.False(t, stop)
	wait, stop = p.Pace(time.Hour, 50)
	require.Zero(t, wait, "what is late is due at once")
	require.False(t, stop)
	_, stop = p.Pace(0, 100)
	require.True(t, stop)
}
