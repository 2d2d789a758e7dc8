package capture

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
)

// gaps is a recorder that keeps gaps, and takes its time for exchanges.
type gaps struct {
	mu    sync.Mutex
	gaps  []replay.Gap
	n     int
	takes time.Duration
}

func (g *gaps) Record(*replay.Exchange) error {
	time.Sleep(g.takes)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	return nil
}

func (g *gaps) Gap(gap replay.Gap) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gaps = append(g.gaps, gap)
	return nil
}

func (g *gaps) Account(string, replay.Counts) error { return nil }

func TestSamplingThatWasAskedForHasItsSpan(t *testing.T) {
	r := &gaps{}
	tap := NewTap(r, Options{Sample: 0.5})
	for i := range 100 {
		tap.Begin(&replay.Exchange{Header: replay.Header{{Name: "Cookie", Value: fmt.Sprint("sid=", i)}}}).End(nil)
	}
	require.NoError(t, tap.Close())
	c := tap.Counts()
	require.Positive(t, c.Sampled)
	require.Len(t, c.Spans, 1)
	require.Equal(t, c.Sampled, c.Spans[0].Out)
	require.InDelta(t, 0.5, c.Spans[0].Share, 1e-9)
	require.Empty(t, c.Spans[0].Why)
	require.Empty(t, r.gaps, "what was asked for is no gap")
}

func TestAGovernorHalvesAndRecovers(t *testing.T) {
	tap := NewTap(&gaps{}, Options{})
	g := newGovernor(tap, Budget{})
	g.budget = Budget{CPU: 0.2, Memory: 100 << 20}
	for _, s := range []struct {
		sentence string
		cpu      float64
		memory   int64
		share    float64
	}{
		{"within the budget all is taken", 0.1, 50 << 20, 1},
		{"over the CPU half is", 0.3, 50 << 20, 0.5},
		{"and half of that", 0.3, 50 << 20, 0.25},
		{"near the limit nothing changes", 0.19, 50 << 20, 0.25},
		{"over the memory half of that", 0.1, 101 << 20, 0.125},
		{"near the limit of memory nothing changes", 0.1, 95 << 20, 0.125},
		{"with room there is a quarter more", 0.1, 50 << 20, 0.15625},
	} {
		g.step(s.cpu, s.memory)
		require.InDelta(t, s.share, tap.sampler.rate(), 1e-9, s.sentence)
	}
	for range 10 {
		g.step(1, 0)
	}
	require.Zero(t, tap.sampler.rate(), "in the end nothing is")
	for range 30 {
		g.step(0, 0)
	}
	require.InDelta(t, 1, tap.sampler.rate(), 1e-9)
	require.NoError(t, tap.Close())
}

// TestASlowRecorderIsSampledDownByWholeSessions in the time of a bubble: 200 sessions ask once a second each, the
// recorder takes 4 ms for each, and may take a fifth of a second in each second: room for 50.
func TestASlowRecorderIsSampledDownByWholeSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions, seconds = 200, 30
		r := &gaps{takes: 4 * time.Millisecond}
		tap := NewTap(r, Options{Budget: Budget{CPU: 0.2}})
		lowest := 1.0
		for range seconds {
			for s := range sessions {
				tap.Begin(&replay.Exchange{Header: replay.Header{{Name: "Cookie", Value: "sid=" + string(rune('A'+s))}}}).End(nil)
				time.Sleep(time.Second / sessions)
			}
			lowest = min(lowest, tap.Status().Sample)
		}
		require.NoError(t, tap.Close())
		c := tap.Counts()
		require.EqualValues(t, sessions*seconds, c.Arrived())
		require.EqualValues(t, r.n, c.Captured)
		require.Zero(t, c.Lost.Total())
		require.Less(t, lowest, 0.3)
		require.NotEmpty(t, r.gaps, "the tape says when and why")
		var told uint64
		for _, g := range r.gaps {
			require.True(t, strings.HasPrefix(g.Cause, "sampled down to "), g.Cause)
			require.Contains(t, g.Cause, "of a core, over 20 %")
			told += g.Lost
		}
		require.Equal(t, c.Sampled, told, "sessions that stay out when there is room again, too")
		var out uint64
		end := time.Duration(0)
		for _, s := range c.Spans {
			require.GreaterOrEqual(t, s.From, end, "spans follow each other")
			require.GreaterOrEqual(t, s.To, s.From)
			require.Contains(t, s.Why, "of a core, over 20 %")
			out, end = out+s.Out, s.To
		}
		require.Equal(t, c.Sampled, out, "the ledger says when each was left out")
	})
}

func TestADiskThatIsFullStopsTheRecordingUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var written, free int64 = 0, 1000
		var fails error
		space := func() (int64, int64, error) {
			mu.Lock()
			defer mu.Unlock()
			return written, free, fails
		}
		set := func(w, f int64, err error) {
			mu.Lock()
			written, free, fails = w, f, err
			mu.Unlock()
			time.Sleep(2 * governPeriod)
		}
		tap := NewTap(&gaps{}, Options{Budget: Budget{Disk: 100, FreeMin: 500, Space: space}})
		ask := func() { tap.Begin(&replay.Exchange{}).End(nil) }
		for _, s := range []struct {
			sentence string
			written  int64
			free     int64
			err      error
			stopped  string
		}{
			{"there is room", 10, 1000, nil, ""},
			{"the budget is used up", 100, 1000, nil, LostDisk},
			{"old tapes were removed", 50, 1000, nil, ""},
			{"others filled the disk", 50, 499, nil, LostFree},
			{"they left hardly enough", 50, 520, nil, LostFree},
			{"they left enough", 50, 900, nil, ""},
			{"nobody knows", 50, 0, errors.New("no"), LostFree},
		} {
			set(s.written, s.free, s.err)
			ask()
			synctest.Wait() // until it is recorded
			require.Equal(t, s.stopped, tap.Status().Stopped, s.sentence)
		}
		require.NoError(t, tap.Close())
		require.Equal(t, replay.Tally{LostDisk: 1, LostFree: 3}, tap.Counts().Lost)
		require.EqualValues(t, 3, tap.Counts().Captured)
	})
}

func TestAKillDropsWhatWaitsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &gaps{takes: time.Second}
		tap := NewTap(r, Options{})
		for range 10 {
			tap.Begin(&replay.Exchange{Body: nil}).End(nil)
		}
		synctest.Wait()
		tap.Stop(LostKill)
		tap.Stop("another")
		tap.Resume(LostKill)
		require.Equal(t, "another", tap.Status().Stopped)
		require.Nil(t, tap.Begin(&replay.Exchange{}))
		require.NoError(t, tap.Close())
		require.Equal(t, replay.Counts{Captured: 1, Cut: 1, Lost: replay.Tally{"another": 10}}, tap.Counts())
	})
}
