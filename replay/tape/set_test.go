package tape_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// meter counts what is read of a tape.
type meter struct {
	io.ReaderAt
	bytes int64
}

func (m *meter) ReadAt(b []byte, at int64) (int, error) {
	n, err := m.ReaderAt.ReadAt(b, at)
	m.bytes += int64(n)
	return n, err
}

// TestASessionIsFoundWithoutReadingTheOthers holds for closed tapes and for those whose index is
// missing, plain and encrypted: the sets are in the frames.
func TestASessionIsFoundWithoutReadingTheOthers(t *testing.T) {
	id := identity(t)
	xs := shopping(2000, 31)
	var want []*replay.Exchange
	for i, x := range xs {
		x.Session = fmt.Sprint("customer ", i/50) // in one frame, or two
		if i/50 == 7 || i/50 == 31 {
			want = append(want, x)
		}
	}
	for name, to := range map[string][]age.Recipient{"plain": nil, "encrypted": {id.Recipient()}} {
		b, err := os.ReadFile(write(t, xs, 100, to...))
		require.NoError(t, err)
		offsets := frameOffsets(b)
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closed %v", name, closed), func(t *testing.T) {
				if !closed {
					b = b[:offsets[len(offsets)-1]]
				}
				m := &meter{ReaderAt: readerAt(b)}
				r, err := tape.NewReader(m, int64(len(b)), "x", tape.ReadOptions{
					Sessions: []string{"customer 7", "customer 31", "nobody"}, Identities: []age.Identity{id},
				})
				require.NoError(t, err)
				got, err := readAll(r)
				require.NoError(t, err)
				requireSame(t, want, got)
				require.NoError(t, r.Close())
				require.Less(t, m.bytes, int64(len(b))/3, "of the tape's bytes")
			})
		}
	}
}

// TestTapesOfVersion1AreRead reads the first frames, and the last ledger, of one that a capture wrote.
func TestTapesOfVersion1AreRead(t *testing.T) {
	const old = "testdata/version-1.gdtape"
	r := open(t, old, tape.ReadOptions{})
	all, err := readAll(r)
	require.NoError(t, err)
	require.Len(t, all, 25)
	require.Equal(t, "proxy in front of http://127.0.0.1:8080", r.Meta().Source)
	require.EqualValues(t, 20_000, r.Ledger().Total().Captured)

	session := all[0].Session
	require.NotEmpty(t, session)
	one, err := readAll(open(t, old, tape.ReadOptions{Sessions: []string{session}})) // it has no sets: all is read
	require.NoError(t, err)
	require.NotEmpty(t, one)
	require.Less(t, len(one), len(all))
	for _, x := range one {
		require.Equal(t, session, x.Session)
	}
}
