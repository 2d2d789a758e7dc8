package tape_test

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

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

// TestTapesOfVersion2AreRead reads all that version 2 could hold, of a plain tape and an encrypted one, both written by it.
func TestTapesOfVersion2AreRead(t *testing.T) {
	id, err := age.ParseX25519Identity(fuzzIdentity)
	require.NoError(t, err)
	want, said := ofVersion2()
	for _, old := range []string{"testdata/version-2.gdtape", "testdata/version-2-encrypted.gdtape"} {
		b, err := os.ReadFile(old)
		require.NoError(t, err)
		require.Equal(t, "GDTAPE\x00\x02", string(b[:8]))

		is := contentOf(t, old, id)
		requireSame(t, want, is.exchanges)
		require.Equal(t, said, is.messages)
		require.Equal(t, "version 2", is.info.Meta.Source)
		require.Equal(t, replay.Counts{Captured: 40, Filtered: replay.Tally{"match": 3}}, is.info.Ledger.Total())

		var own []*replay.Exchange
		for _, x := range want {
			if x.Session == "s3" {
				own = append(own, x)
			}
		}
		some, err := readAll(open(t, old, tape.ReadOptions{Sessions: []string{"s3"}, Identities: []age.Identity{id}}))
		require.NoError(t, err)
		requireSame(t, own, some)
	}
}

// ofVersion2 is what is on the tapes of version 2.
func ofVersion2() (xs []*replay.Exchange, ms []*replay.Message) {
	for i := range 40 {
		x := &replay.Exchange{
			Session: fmt.Sprint("s", i%4), Conn: uint64(i % 4), Seq: uint64(i), At: time.Duration(i) * time.Millisecond, Upload: 1,
			Method: "POST", Target: fmt.Sprint("/cart/", i), Host: "shop.example", Proto: "HTTP/1.1",
			Header: replay.Header{{Name: "cookie", Value: "sid=1"}}, Body: []byte("item=1"), Size: 6,
			Response: &replay.Response{Status: 200, FirstByte: 1, Duration: 2, Body: make([]byte, 5000), Size: 5100},
		}
		if i%10 == 0 {
			x.Beats = []replay.Beat{{At: 1, Size: 5}, {At: 3, FromServer: true, Size: 7}}
			ms = append(ms, &replay.Message{Exchange: x.Seq, Session: x.Session, At: x.At, Kind: replay.TextMessage, Body: []byte("hello"), Size: 5})
		}
		xs = append(xs, x)
	}
	return xs, ms
}
