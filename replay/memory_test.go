package replay

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// visitors is a tape on which everybody asks ten times, hears of a token of their own, and goes; mark is called at
// each request.
type visitors struct {
	n, many int
	mark    func(n int)
}

func (v *visitors) Next() (*Exchange, error) {
	if v.n == v.many {
		return nil, io.EOF
	}
	v.mark(v.n)
	who := v.n / 10
	x := get(fmt.Sprintf("s%d", who), time.Duration(v.n)*10*time.Millisecond, fmt.Sprintf("/products/%d?token=t%d", v.n, who))
	x.Response.Header = Header{{"Set-Cookie", fmt.Sprintf("token=t%d", who)}}
	v.n++
	return x, nil
}

// What is kept of a tape is what its present sessions need: live memory does not grow with its length. The feed runs
// ahead of any clock, so that the test does not depend on the machine.
func TestALongTapeNeedsNoMoreMemoryThanAShortOne(t *testing.T) {
	const early, late = 30_000, 120_000
	var before, after uint64
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools give up what they keep in the second
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	tape := &visitors{many: late + 1, mark: func(n int) {
		switch n {
		case early:
			before = live()
		case late:
			after = live()
		}
	}}
	c := Config{Open: func() (Source, error) { return tape, nil }}.withDefaults()
	made := 0
	f := &feed{
		plan: newPlan(c), cap: newGovernor(0, "", 0), lead: Lead, editor: newEditor(c, newRoutes(nil), "h", ""),
		open: c.Open, surges: &surges{}, now: func() time.Duration { return math.MaxInt64 / 2 },
		out: func(batch []*shot) { made += len(batch) }, fed: func(time.Duration) {},
	}
	require.NoError(t, f.play(t.Context()))
	require.Equal(t, late+1, made)
	const bound = 4 << 20 // of 90,000 requests: 46 bytes each
	require.Less(t, after, before+bound, "live heap after %d and after %d requests", early, late)
}

// sighted is a source that knows when its sessions end.
type sighted struct {
	Source
	last map[string]time.Duration
}

func (s sighted) LastOf(session string) time.Duration { return s.last[session] }

// Nobody is kept who does not come again, and nothing but that changes.
func TestSessionsThatAreOverAreNotKept(t *testing.T) {
	var xs []*Exchange
	last := map[string]time.Duration{}
	for i := range 20_000 {
		x := get(fmt.Sprintf("s%d", i/10), time.Duration(i)*time.Millisecond, fmt.Sprintf("/products/%d", i))
		if i%1000 == 0 {
			x.Session = "regular"
		}
		xs = append(xs, x)
		last[x.Session] = x.At
	}
	feedOf := func(steady bool, open func() (Source, error)) (f *feed, shots []*shot) {
		c := Config{Open: open}.withDefaults()
		f = &feed{
			plan: newPlan(c), cap: newGovernor(0, "", 0), lead: Lead, editor: newEditor(c, newRoutes(nil), "h", ""),
			open: c.Open, surges: &surges{}, steady: steady, now: func() time.Duration { return math.MaxInt64 / 2 },
			out: func(batch []*shot) { shots = append(shots, batch...) }, fed: func(time.Duration) {},
		}
		require.NoError(t, f.play(t.Context()))
		return f, shots
	}
	knowing := func() (Source, error) {
		s, err := opener(xs...)()
		return sighted{s, last}, err
	}
	blind, want := feedOf(true, opener(xs...))
	require.Len(t, blind.trails, 2001, "all of them may come again within two minutes")
	for _, steady := range []bool{true, false} {
		f, got := feedOf(steady, knowing)
		require.Len(t, got, len(want))
		for i := range got {
			require.Equal(t, want[i].due, got[i].due)
			require.Equal(t, want[i].trace, got[i].trace, "the number of request %d of %s", i, got[i].sess.name)
			require.Equal(t, want[i].sess.name, got[i].sess.name)
		}
		if steady {
			require.Less(t, len(f.trails), 500)
		} else {
			require.Len(t, f.trails, 2001, "a surge may copy them")
		}
	}
}
