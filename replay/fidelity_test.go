package replay

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

func TestTheMixIsComparedByShares(t *testing.T) {
	for _, tt := range []struct {
		what  string
		flows []offered
		want  float64
	}{
		{"everything was sent", []offered{{due: 30, sent: 30}, {due: 70, sent: 70}}, 0},
		{"half of everything was sent", []offered{{due: 30, sent: 15}, {due: 70, sent: 35}}, 0},
		{"one of two equal flows was not sent at all", []offered{{due: 50}, {due: 50, sent: 50}}, 0.5},
		{"nothing was sent", []offered{{due: 50}}, 0},
		{"nothing was due", nil, 0},
	} {
		t.Run(tt.what, func(t *testing.T) { require.InDelta(t, tt.want, mixDistance(tt.flows), 1e-9) })
	}
}

func TestSpacingToldApart(t *testing.T) {
	gap := 10 * time.Millisecond
	for _, tt := range []struct {
		what  string
		taken func(i int) time.Duration // offset of the i-th request
		low   float64
		high  float64
	}{
		{"on time", func(i int) time.Duration { return time.Duration(i) * gap }, 0, 0},
		{"late by the same all the time is no other spacing", func(i int) time.Duration { return time.Duration(i)*gap + time.Second }, 0, 0},
		{"less than a tenth of a millisecond off", func(i int) time.Duration { return time.Duration(i)*gap + time.Duration(i%2)*50*time.Microsecond }, 0, 0},
		{"in pairs", func(i int) time.Duration { return time.Duration(i/2) * 2 * gap }, 0.45, 0.55},
		{"all at once", func(int) time.Duration { return time.Second }, 0.99, 1},
	} {
		t.Run(tt.what, func(t *testing.T) {
			s := newSpacing()
			var second []*record
			for i := range 1000 {
				due := time.Duration(i) * gap
				second = append(second, &record{due: due, taken: tt.taken(i) + time.Nanosecond})
				if len(second) == 100 {
					s.add(second, true)
					second = second[:0]
				}
			}
			require.GreaterOrEqual(t, s.distance(), tt.low)
			require.LessOrEqual(t, s.distance(), tt.high)
		})
	}
}

func TestFidelityTellsSecondBySecond(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) })
	traffic, _ := play(t, Config{Open: opener(every(220, 100, 10)...), Targets: []string{url}, Flows: []gameday.Flow{{Name: "all", Path: "/**"}}})
	f := traffic.Fidelity
	require.GreaterOrEqual(t, len(f.Curve), 3)
	var due, sent int64
	for i, s := range f.Curve {
		require.Equal(t, i, s.Second)
		due, sent = due+s.Due, sent+s.Sent
	}
	require.EqualValues(t, 220, due)
	require.EqualValues(t, 220, sent)
	require.EqualValues(t, 100, f.Curve[0].Due)
	require.Positive(t, f.Curve[0].InFlight)
	require.Positive(t, f.Curve[0].CPU)
	require.Less(t, f.Spacing, 0.9)
	require.Zero(t, f.Mix)
	for what, raw := range map[string][]byte{"latency": f.Latency, "service": f.Service, "lateness": f.Lateness, "wait": f.Wait} {
		h, err := hist.Decode(raw)
		require.NoError(t, err)
		require.EqualValues(t, 220, h.Count(), what)
	}
}

func TestSecondsInWhichABoundKeepsRequestsBackAreLimited(t *testing.T) {
	l := newLedger([]gameday.Flow{{Name: "all"}}, time.Second, nil)
	for i, r := range []record{
		{due: 100 * time.Millisecond, fate: unsent, cause: causePool},
		{due: time.Second, taken: time.Second, sent: 3 * time.Second / 2},
		{due: 2 * time.Second, fate: unsent, cause: causeSession},
		{due: 3 * time.Second, fate: unsent, cause: causeRoom},
	} {
		require.NoError(t, l.fold.second(i, &second{records: records{pages: []*page{{r}}, used: 1}}, func(gameday.Slice) {}))
	}
	f := l.fold.fidelity
	require.NoError(t, l.fold.report(&f, []gameday.GeneratorSecond{{Second: 0}, {Second: 1, Limited: "late"}, {Second: 2}, {Second: 3}}))
	require.Equal(t, []gameday.GeneratorSecond{
		{Second: 0, Due: 1, Limited: "no connection"}, {Second: 1, Due: 1, Sent: 1, Limited: "late"}, {Second: 2, Due: 1}, {Second: 3, Due: 1, Limited: "no room"},
	}, f.Curve)
	require.Equal(t, 3, f.LimitedSecond)
	require.Equal(t, "3 (1 late, 1 no connection, 1 no room)", limitedSeconds(&f))
}
