package replay

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	gameday "github.com/gameday-dev/gameday"
)

// sentPerSecond counts shots by the second in which they are due; those that are skipped are left out.
func sentPerSecond(shots []*shot) (counts []int) {
	for _, s := range shots {
		if s.req.skip != "" {
			continue
		}
		for len(counts) <= int(s.due/time.Second) {
			counts = append(counts, 0)
		}
		counts[s.due/time.Second]++
	}
	return counts
}

func TestAShapeSetsTheRateOfTheRecordedContent(t *testing.T) {
	for _, tt := range []struct {
		shape   string
		amplify float64
		want    []int
	}{
		{"steady:20/s", 1, []int{20, 20, 20, 20}},
		{"steady:20/s", 2, []int{20, 20, 20, 20}}, // copies share the rate
		{"ramp:10/s..50/s:4s", 1, []int{15, 25, 35, 45}},
		{"step:10/s,40/s:2s", 1, []int{10, 10, 40, 40}},
		{"sine:10/s..50/s:4s", 1, []int{17, 43, 43, 17}},
	} {
		t.Run(fmt.Sprintf("%s with %g copies", tt.shape, tt.amplify), func(t *testing.T) {
			c := Config{Open: opener(every(1000, 100, 50)...), Traffic: gameday.TrafficPlan{Shape: tt.shape, Amplify: tt.amplify, Loop: true}}
			counts := sentPerSecond(listen(t, c, 4*time.Second, nil))
			require.Len(t, counts, len(tt.want))
			for i, want := range tt.want {
				slack := 1.0
				if tt.amplify > 1 { // copies start up to a second later
					slack = 12
				}
				require.InDelta(t, want, counts[i], slack, "second %d of %v", i, counts)
			}
		})
	}
}

func TestShapesAgreeWithVegetasPacers(t *testing.T) {
	for _, tt := range []struct {
		shape string
		pacer vegeta.Pacer
	}{
		{"steady:30/s", vegeta.Rate{Freq: 30, Per: time.Second}},
		{"ramp:10/s..110/s:20s", vegeta.LinearPacer{StartAt: vegeta.Rate{Freq: 10, Per: time.Second}, Slope: 5}},
		{"sine:20/s..80/s:10s", vegeta.SinePacer{Period: 10 * time.Second, Mean: vegeta.Rate{Freq: 50, Per: time.Second}, Amp: vegeta.Rate{Freq: 30, Per: time.Second}, StartAt: vegeta.Trough}},
	} {
		t.Run(tt.shape, func(t *testing.T) {
			shape, err := gameday.ParseShape(tt.shape)
			require.NoError(t, err)
			for at := time.Second; at < 20*time.Second; at += time.Second {
				rate := (shape.Hits(gameday.Duration(at+time.Millisecond)) - shape.Hits(gameday.Duration(at-time.Millisecond))) / 0.002
				require.InEpsilon(t, tt.pacer.Rate(at), rate, 0.001, "at %s", at)
			}
		})
	}
}

func TestACapThatSlowsStretchesTheSchedule(t *testing.T) {
	xs := every(400, 200, 40) // two seconds of 200/s
	shots := listen(t, Config{Open: opener(xs...), Traffic: gameday.TrafficPlan{RateCap: 100, CapBy: "slow"}}, 0, nil)
	require.Len(t, shots, 400, "everything is played")
	for i := 100; i < len(shots); i++ {
		require.GreaterOrEqual(t, shots[i].due-shots[i-100].due, time.Second, "never more than the cap in any second")
	}
	require.InDelta(t, 4, shots[399].due.Seconds(), 0.6)
	last := map[*session]time.Duration{}
	for _, s := range shots {
		require.Greater(t, s.due, last[s.sess]-1, "sessions keep their order")
		last[s.sess] = s.due
	}
}

func TestLongPausesAreShortened(t *testing.T) {
	night := func(extra gameday.TrafficPlan, length time.Duration) (dues []time.Duration) {
		xs := []*Exchange{get("a", 30*time.Second, "/"), get("b", 31*time.Second, "/"), get("a", 10*time.Minute, "/"), get("b", 10*time.Minute+time.Second, "/")}
		extra.MaxWait = gameday.Duration(2 * time.Second)
		for _, s := range listen(t, Config{Open: opener(xs...), Traffic: extra}, length, nil) {
			dues = append(dues, s.due)
		}
		return dues
	}
	seconds := func(offsets ...float64) (dues []time.Duration) {
		for _, s := range offsets {
			dues = append(dues, time.Duration(s*float64(time.Second)))
		}
		return dues
	}
	require.Equal(t, seconds(2, 3, 5, 6), night(gameday.TrafficPlan{}, 0), "the first pause too")
	require.Equal(t, seconds(2, 2.5, 4.5, 5), night(gameday.TrafficPlan{Speed: 2}, 0), "as they are due, not as recorded")
	require.Equal(t, seconds(1, 2, 4, 5), night(gameday.TrafficPlan{Start: gameday.Duration(29 * time.Second)}, 0))
	require.Equal(t, seconds(2, 3, 5, 6, 8, 9), night(gameday.TrafficPlan{Loop: true}, 10*time.Second), "between two passes as well")
}

func TestWhatWasShortenedIsSaid(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	xs := []*Exchange{get("a", 0, "/"), get("a", time.Hour, "/"), get("a", time.Hour+time.Millisecond, "/")}
	traffic, _ := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{MaxWait: gameday.Duration(100 * time.Millisecond)}})
	require.EqualValues(t, 3, traffic.Fidelity.Sent)
	require.Equal(t, &gameday.Closed{Longest: gameday.Duration(100 * time.Millisecond), Pauses: 1, By: gameday.Duration(time.Hour - 100*time.Millisecond)}, traffic.Fidelity.Closed)
}

func TestACapAboveTheRateChangesNothing(t *testing.T) {
	for _, by := range []string{"slow", "thin"} {
		free := listen(t, Config{Open: opener(every(300, 100, 30)...)}, 0, nil)
		capped := listen(t, Config{Open: opener(every(300, 100, 30)...), Traffic: gameday.TrafficPlan{RateCap: 150, CapBy: by}}, 0, nil)
		require.Len(t, capped, len(free))
		for i := range free {
			require.Equal(t, free[i].due, capped[i].due, by)
			require.Empty(t, capped[i].req.skip, by)
		}
	}
}

func TestACapThatThinsLeavesOutWholeSessions(t *testing.T) {
	var xs []*Exchange // 1,000 sessions of four requests in a second, ten seconds at 400/s
	for i := range 4000 {
		xs = append(xs, get(fmt.Sprintf("s%d", i/400*100+i%100), time.Duration(i)*time.Second/400, "/"))
	}
	shots := listen(t, Config{Open: opener(xs...), Seed: 3, Traffic: gameday.TrafficPlan{RateCap: 100, CapBy: "thin"}}, 0, nil)
	require.Len(t, shots, 4000, "what is left out is accounted for")
	left := map[*session]bool{}
	for _, s := range shots {
		skipped, known := left[s.sess]
		if !known {
			left[s.sess] = s.req.skip == skipCapped
		} else {
			require.Equal(t, skipped, s.req.skip == skipCapped, "a session is left out as a whole")
		}
	}
	counts := sentPerSecond(shots)
	sum := 0
	for _, n := range counts[2:] { // the rate has to be seen first
		sum += n
	}
	require.InDelta(t, 100, float64(sum)/float64(len(counts)-2), 15, "per second: %v", counts)
}

func TestWhatTheCapDidIsSaid(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, by := range []string{"slow", "thin"} {
		traffic, _ := play(t, Config{Open: opener(every(200, 200, 100)...), Targets: []string{url}, Traffic: gameday.TrafficPlan{RateCap: 100, CapBy: by}})
		c := traffic.Fidelity.Capped
		require.NotNil(t, c)
		require.Equal(t, by, c.By)
		if by == "slow" {
			require.InDelta(t, 0.5, time.Duration(c.Stretched).Seconds(), 0.1, "half of it fits into the first second")
			require.EqualValues(t, 200, traffic.Fidelity.Sent)
		} else {
			require.Equal(t, c.Requests, traffic.Fidelity.Skipped[skipCapped])
		}
	}
}

// talk is a session of requests that were answered after so long, each sent so long after the answer before.
func talk(session string, n int, answer, think time.Duration) (xs []*Exchange) {
	at := time.Duration(0)
	for i := range n {
		x := get(session, at, fmt.Sprintf("/%d", i))
		x.Response = &Response{Status: 200, Duration: answer}
		xs = append(xs, x)
		at += answer + think
	}
	return xs
}

func TestThinkTimeCountsFromTheAnswerBefore(t *testing.T) {
	const think = 20 * time.Millisecond
	for _, tt := range []struct {
		what            string
		recorded, takes time.Duration // an answer, on the tape and now
		most            time.Duration // from the first of 6 to the last
	}{
		{"a system as fast as recorded", 100 * time.Millisecond, 100 * time.Millisecond, 20 * time.Second},
		{"a slower one is asked less often", 100 * time.Millisecond, 300 * time.Millisecond, 20 * time.Second},
		{"a faster one more", 900 * time.Millisecond, 0, 5 * 900 * time.Millisecond}, // the tape takes longer than that
	} {
		t.Run(tt.what, func(t *testing.T) {
			var seen []time.Time
			url := serve(t, func(http.ResponseWriter, *http.Request) {
				seen = append(seen, time.Now())
				time.Sleep(tt.takes)
			})
			traffic, _ := play(t, Config{
				Open: opener(talk("a", 6, tt.recorded, think)...), Targets: []string{url},
				Traffic: gameday.TrafficPlan{Pace: "think", Timeout: gameday.Duration(time.Minute)},
			})
			require.EqualValues(t, 6, traffic.Fidelity.Sent)
			for i := range seen[1:] {
				require.GreaterOrEqual(t, seen[i+1].Sub(seen[i]), tt.takes+think-time.Millisecond, "answered, and thought about")
			}
			require.Less(t, seen[5].Sub(seen[0]), tt.most)
		})
	}
}

func TestSkippedAndPressedAgainRequestsDoNotEndAConversation(t *testing.T) {
	n := 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	xs := talk("a", 4, 10*time.Millisecond, 10*time.Millisecond)
	xs[2].Method = "POST" // not allowed
	traffic, _ := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Pace: "think", Retries: 1, RetryGap: gameday.Duration(50 * time.Millisecond)}})
	require.EqualValues(t, 3, traffic.Fidelity.Sent)
	require.EqualValues(t, 1, traffic.Fidelity.Skipped[skipUnsafe])
	require.EqualValues(t, 1, traffic.Fidelity.Retries)
}

func TestWrongSchedulesAreRefused(t *testing.T) {
	for want, plan := range map[string]gameday.TrafficPlan{
		"shape":    {Shape: "square:1/s"},
		"speed":    {Shape: "steady:1/s", Speed: 2},
		"pace":     {Pace: "lazy"},
		"rate_cap": {RateCap: math.Inf(1)},
		"cap_by":   {RateCap: 5, CapBy: "drop"},
		"beside":   {CapBy: "slow"},
		"max_wait": {MaxWait: -1},
		"a shape":  {MaxWait: 1, Shape: "steady:1/s"},
		"by pace":  {MaxWait: 1, Pace: "think"},
	} {
		_, err := New(Config{Open: opener(), Targets: []string{"http://127.0.0.1:1"}, Traffic: plan})
		require.ErrorContains(t, err, want)
	}
}

// An audited source says what its capture missed.
type audited struct{ Source }

func (audited) Ledger() Ledger { return Ledger{"proxy": {Captured: 99, Lost: Tally{"queue full": 1}}} }

func TestHowCompleteTheCaptureIsCanBeAskedFor(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, tt := range []struct {
		open func() (Source, error)
		want []float64
	}{
		{opener(get("a", 0, "/")), nil},
		{func() (Source, error) { s, err := opener(get("a", 0, "/"))(); return audited{s}, err }, []float64{0.99}},
	} {
		p, err := New(Config{Open: tt.open, Targets: []string{url}})
		require.NoError(t, err)
		_, err = p.Run(t.Context(), time.Now(), nil)
		require.NoError(t, err)
		var got []float64
		for _, s := range p.Collect() {
			if s.Name == "gameday_capture_completeness" {
				got = append(got, s.Value)
			}
		}
		require.Equal(t, tt.want, got)
	}
}
