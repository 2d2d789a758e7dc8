package tape_test

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay/tape"
)

func TestWhenSessionsEndIsToldByTheFrames(t *testing.T) {
	id := identity(t)
	xs := shopping(2000, 31)
	last := map[string]time.Duration{}
	for i, x := range xs {
		x.Session = fmt.Sprint("customer ", i/50) // in one frame, or two
		if i%500 == 0 {
			x.Session = "regular"
		}
		last[x.Session] = x.At
	}
	for name, to := range map[string][]age.Recipient{"plain": nil, "encrypted": {id.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			path := write(t, xs, 100, to...)
			r := open(t, path, tape.ReadOptions{Identities: []age.Identity{id}})
			for session, at := range last {
				over := r.LastOf(session)
				require.GreaterOrEqual(t, over, at, session)
				require.Less(t, over, at+200*time.Millisecond, "%s: no later than the end of its frame", session)
			}
			require.Equal(t, time.Duration(math.MaxInt64), r.LastOf("nobody"), "or somebody the tape does not tell of")

			x, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, xs[0].At, x.At)
			require.GreaterOrEqual(t, r.LastOf(x.Session), x.At, "while it is read")

			locked := open(t, path, tape.ReadOptions{})
			if to == nil {
				require.Equal(t, r.LastOf("regular"), locked.LastOf("regular"))
			} else {
				require.Equal(t, time.Duration(math.MaxInt64), locked.LastOf("regular"), "without a key")
			}

			b, err := os.ReadFile(path)
			require.NoError(t, err)
			offsets := frameOffsets(b)
			b[offsets[len(offsets)/2]+52]++ // in a session set
			damaged, err := tape.NewReader(readerAt(b), int64(len(b)), "x", tape.ReadOptions{})
			require.NoError(t, err)
			require.Equal(t, time.Duration(math.MaxInt64), damaged.LastOf(xs[1].Session), "before a frame that may hold anybody")
			require.NoError(t, damaged.Close())
		})
	}
	require.Equal(t, time.Duration(math.MaxInt64), open(t, "testdata/version-1.gdtape", tape.ReadOptions{}).LastOf(""), "without sets")
}
