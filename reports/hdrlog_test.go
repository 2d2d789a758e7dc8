package reports

import (
	"bytes"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

func TestTheHDRLogIsReadByTheLibraryWithoutLoss(t *testing.T) {
	var slices []gameday.Slice
	for second := range 3 {
		h := hist.New()
		for i := range 100 {
			h.Record(time.Duration(second*100+i) * time.Millisecond)
		}
		raw, err := h.Encode()
		require.NoError(t, err)
		slices = append(slices, gameday.Slice{Second: second, Flow: "place order", Timings: gameday.Timings{Latency: raw}})
	}
	var out bytes.Buffer
	require.NoError(t, HDRLog(&out, time.UnixMilli(1_700_000_000_500), gameday.Traffic{Slices: slices}))
	require.Contains(t, out.String(), "\nTag=latency.place_order,1.000,1.000,")
	reader := hdr.NewHistogramLogReader(&out)
	sum := hdr.New(1, 3_600_000_000, 3)
	for range 3 {
		h, err := reader.NextIntervalHistogram()
		require.NoError(t, err)
		require.NotNil(t, h)
		require.Zero(t, sum.Merge(h), "nothing is dropped")
	}
	require.EqualValues(t, 300, sum.TotalCount())
	require.InEpsilon(t, 150_000, sum.ValueAtQuantile(50), 0.01)
}
