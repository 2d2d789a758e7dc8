package replay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/quick"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// listen runs a feed in a bubble of virtual time and returns what it hands over, in that order, with the time of
// handing over. act is called at each full second.
func listen(t *testing.T, c Config, length time.Duration, act func(second int, s *surges)) (shots []*shot) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &surges{}
		flows := newRoutes(c.Flows)
		if c.Traffic.Unsafe == nil {
			c.Traffic.Unsafe = []string{"POST"}
		}
		c.Phases.Baseline = gameday.Duration(length)
		c = c.withDefaults()
		var mu sync.Mutex
		var fed time.Duration
		f := &feed{
			plan: newPlan(c), pauses: newPauses(c.Traffic.MaxWait), cap: newGovernor(c.Traffic.RateCap, c.Traffic.CapBy, c.Seed), lead: leadOf(c.Traffic, nil),
			editor: newEditor(c, flows, "h", ""), seed: c.Seed, open: c.Open, surges: s,
			now: func() time.Duration { return time.Since(start) },
			out: func(batch []*shot) {
				mu.Lock()
				defer mu.Unlock()
				for _, s := range batch {
					require.GreaterOrEqual(t, s.due, fed, "what was said to be handed over stays so")
					ahead := leadOf(c.Traffic, nil)
					if c.Traffic.RateCap > 0 {
						ahead += time.Second // the schedule is stretched by up to as much at once
					}
					require.LessOrEqual(t, s.due-time.Since(start), ahead, "not read far ahead of time")
				}
				shots = append(shots, batch...)
			},
			fed: func(until time.Duration) { fed = min(until, time.Since(start)) },
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if act != nil {
			go func() {
				tick := time.NewTicker(time.Second)
				defer tick.Stop()
				for second := 1; ; second++ {
					select {
					case <-tick.C:
						act(second, s)
					case <-ctx.Done():
						return
					}
				}
			}()
		}
		require.NoError(t, f.play(ctx))
		cancel()
		synctest.Wait()
	})
	return shots
}

func TestDueTimesFollowTheTape(t *testing.T) {
	property := func(seed uint64) bool {
		r := rand.New(rand.NewPCG(seed, 1))
		speed := []float64{0.1, 0.5, 1, 2, 3.7, 10}[r.IntN(6)]
		var xs []*Exchange
		at := time.Duration(0)
		for range 200 {
			at += time.Duration(r.ExpFloat64() * float64(20*time.Millisecond))
			xs = append(xs, get(fmt.Sprint(r.IntN(20)), at, "/"))
		}
		shots := listen(t, Config{Open: opener(xs...), Traffic: gameday.TrafficPlan{Speed: speed}}, 0, nil)
		require.Len(t, shots, len(xs))
		for i, s := range shots {
			require.InDelta(t, float64(xs[i].At)/speed, float64(s.due), 10, "not even 10 ns of drift")
			require.Equal(t, xs[i].Session, s.sess.name)
		}
		return true
	}
	require.NoError(t, quick.Check(property, &quick.Config{MaxCount: 20}))
}

// walk is a session of n requests a second apart.
func walk(session string, at time.Duration, n int) (xs []*Exchange) {
	for i := range n {
		xs = append(xs, get(session, at+time.Duration(i)*time.Second, fmt.Sprintf("/%d", i)))
	}
	return xs
}

// walks starts sessions of 10 requests, so many per second, for a minute.
func walks(perSecond int) (xs []*Exchange) {
	for i := range 60 * perSecond {
		xs = append(xs, walk(fmt.Sprintf("s%04d", i), time.Duration(i)*time.Second/time.Duration(perSecond), 10)...)
	}
	byTime(xs)
	return xs
}

func TestAmplificationCopiesWholeSessions(t *testing.T) {
	for _, tt := range []struct {
		factor   float64
		min, max int // sessions of 600
	}{{1, 600, 600}, {3, 1800, 1800}, {1.5, 860, 940}, {0.25, 120, 180}} {
		t.Run(fmt.Sprint(tt.factor), func(t *testing.T) {
			c := Config{Seed: 7, Open: opener(walks(10)...), Traffic: gameday.TrafficPlan{Amplify: tt.factor}}
			shots := listen(t, c, 0, nil)
			sessions := map[string][]*shot{}
			for _, s := range shots {
				sessions[s.sess.name] = append(sessions[s.sess.name], s)
			}
			require.GreaterOrEqual(t, len(sessions), tt.min)
			require.LessOrEqual(t, len(sessions), tt.max)
			for name, own := range sessions {
				require.Len(t, own, 10, "session %s is whole", name)
				for i, s := range own {
					require.Equal(t, fmt.Sprintf("/%d", i), s.req.path, "and in order")
					require.Equal(t, own[0].due+time.Duration(i)*time.Second, s.due)
				}
			}
			again := listen(t, c, 0, nil)
			require.Len(t, again, len(shots))
			for i := range shots {
				require.Equal(t, shots[i].due, again[i].due)
				require.Equal(t, shots[i].trace, again[i].trace, "the same seed plays the same")
			}
		})
	}
}

func TestALoopGoesOnWithNewIdentities(t *testing.T) {
	shots := listen(t, Config{Open: opener(walk("a", 0, 5)...), Traffic: gameday.TrafficPlan{Loop: true}}, 20*time.Second, nil)
	require.Len(t, shots, 21, "one gap of 800 ms between passes: 5 requests in 4.8 s")
	require.Equal(t, "a", shots[4].sess.name)
	require.Equal(t, "a-p2", shots[5].sess.name)
	require.Equal(t, 4800*time.Millisecond, shots[5].due)
	require.Equal(t, "a-p3", shots[10].sess.name)
}

func TestStartAndEndCutTheTape(t *testing.T) {
	shots := listen(t, Config{Open: opener(walks(1)...), Traffic: gameday.TrafficPlan{Start: gameday.Duration(30 * time.Second), Speed: 2}}, 10*time.Second, nil)
	require.Len(t, shots, 200, "20 s of tape in which 10 sessions are under way")
	require.Zero(t, shots[0].due)
	require.Less(t, shots[len(shots)-1].due, 10*time.Second)
}

// perSecond counts shots by the second they are due in.
func perSecond(shots []*shot) map[int]int {
	n := map[int]int{}
	for _, s := range shots {
		n[int(s.due/time.Second)]++
	}
	return n
}

func TestASurgeOfSessionsIsAStep(t *testing.T) {
	c := Config{Seed: 3, Open: opener(walks(10)...)}
	shots := listen(t, c, 50*time.Second, func(second int, s *surges) {
		switch second {
		case 20:
			now := time.Now()
			s.add(&surge{gameday.Grip{Fault: "f"}, 3, "", now, now})
		case 35:
			s.drop("f")
		}
	})
	n := perSecond(shots)
	for second := 12; second < 20; second++ {
		require.Equal(t, 100, n[second])
	}
	for second := 21; second < 35; second++ {
		require.InDelta(t, 300, n[second], 45, "second %d", second)
	}
	for second := 36; second < 50; second++ {
		require.Equal(t, 100, n[second], "second %d", second)
	}
	first := map[string]string{}
	for _, s := range shots {
		if _, ok := first[s.sess.name]; !ok {
			first[s.sess.name] = s.req.path
		}
	}
	for name, path := range first {
		require.Equal(t, "/0", path, "session %s begins at its beginning", name)
	}
}

func TestASurgeOfOneFlowCopiesOnlyItsRequests(t *testing.T) {
	c := Config{Seed: 3, Open: opener(walks(10)...), Flows: []gameday.Flow{{Name: "third", Path: "/3"}}}
	shots := listen(t, c, 30*time.Second, func(second int, s *surges) {
		if second == 15 {
			now := time.Now()
			s.add(&surge{gameday.Grip{Fault: "f", For: gameday.Duration(10 * time.Second)}, 5, "third", now, now})
		}
	})
	n := perSecond(shots)
	require.Equal(t, 100, n[14])
	for second := 17; second < 25; second++ {
		require.InDelta(t, 140, n[second], 10, "second %d", second)
	}
	require.Equal(t, 100, n[26], "the surge ended by itself")
	for _, s := range shots {
		if strings.Contains(s.sess.name, "-c") {
			require.Equal(t, "/3", s.req.path)
		}
	}
}

func TestASurgeBelowOneThins(t *testing.T) {
	shots := listen(t, Config{Seed: 3, Open: opener(walks(10)...)}, 40*time.Second, func(second int, s *surges) {
		if second == 15 {
			now := time.Now()
			s.add(&surge{gameday.Grip{Fault: "f"}, 0.3, "", now, now})
		}
	})
	n := perSecond(shots)
	for second := 17; second < 40; second++ {
		require.InDelta(t, 30, n[second], 15, "second %d", second)
	}
}
