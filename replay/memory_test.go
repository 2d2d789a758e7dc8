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
