package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSpansAreBoundedAndLoseNothing(t *testing.T) {
	var c Counts
	for i := range 3 * spansMax {
		at := time.Duration(i) * time.Second
		c.Sample(SampledSpan{From: at, To: at + time.Second, Share: 1 - float64(i)/1000, Out: 2, Why: "busy"})
	}
	require.Len(t, c.Spans, spansMax)
	last := c.Spans[spansMax-1]
	require.Equal(t, 3*spansMax*time.Second, last.To)
	require.EqualValues(t, 2*(2*spansMax+1), last.Out)
	require.InDelta(t, 1-float64(3*spansMax-1)/1000, last.Share, 1e-9)

	sum := c.Add(Counts{Spans: []SampledSpan{{Out: 1}}})
	require.EqualValues(t, last.Out+1, sum.Spans[spansMax-1].Out)
	require.Equal(t, last, c.Spans[spansMax-1], "neither is changed")
}
