package tape_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return id
}

func TestEncryptedTapeIsReadByItsRecipientsAlone(t *testing.T) {
	ada, bob, eve := identity(t), identity(t), identity(t)
	want := shopping(300, 21)
	path := write(t, want, 40, ada.Recipient(), bob.Recipient())
	for _, id := range []age.Identity{ada, bob} {
		r := open(t, path, tape.ReadOptions{Identities: []age.Identity{eve, id}})
		got, err := readAll(r)
		require.NoError(t, err)
		requireSame(t, want, got)
		require.NoError(t, r.Seek(want[123].At))
		x, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, want[123], x)
	}
	_, err := tape.Open(path, tape.ReadOptions{Identities: []age.Identity{eve}})
	require.ErrorContains(t, err, "unlock tape "+path+": key at byte ")
	require.ErrorContains(t, err, "match any of the recipients")

	r := open(t, path, tape.ReadOptions{})
	_, err = r.Next()
	require.ErrorIs(t, err, tape.ErrLocked)
	require.Empty(t, r.Damage())
}

func TestWhatStaysReadableOfAnEncryptedTape(t *testing.T) {
	id := identity(t)
	path := t.TempDir() + "/x.gdtape"
	w, err := tape.Create(path, tape.Meta{Source: "proxy", Redaction: "p1"}, tape.Options{Recipients: []age.Recipient{id.Recipient()}})
	require.NoError(t, err)
	secret := &replay.Exchange{Session: "SESSION-NAME", Method: "GET", Target: "/TARGET-NAME", Body: bytes.Repeat([]byte("BODY-TEXT"), 9), Size: 81}
	require.NoError(t, w.Record(secret))
	gap := replay.Gap{To: time.Second, Lost: 3, Cause: "GAP-CAUSE"}
	require.NoError(t, w.Gap(gap))
	counts := replay.Counts{Captured: 1, Lost: replay.Tally{replay.LostKernel: 3}}
	require.NoError(t, w.Account("proxy", counts))
	require.NoError(t, w.Close())

	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, word := range []string{"SESSION", "TARGET", "BODY", "GAP"} {
		require.NotContains(t, string(b), word)
	}
	info, err := tape.Verify(path)
	require.NoError(t, err)
	require.True(t, info.Encrypted && info.Locked && !info.HasDamage)
	require.Equal(t, "p1", info.Meta.Redaction)
	require.EqualValues(t, 2, info.Records)
	require.Equal(t, replay.Ledger{"proxy": counts}, info.Ledger)
	require.Zero(t, info.GapCount)

	info, err = tape.Verify(path, id)
	require.NoError(t, err)
	require.False(t, info.Locked)
	require.Equal(t, []replay.Gap{gap}, info.Gaps)
}

func TestOneOfBothKeysIsEnough(t *testing.T) {
	id := identity(t)
	want := shopping(10, 3)
	b, err := os.ReadFile(write(t, want, 5, id.Recipient()))
	require.NoError(t, err)
	offsets := frameOffsets(b)
	b[offsets[1]+60] ^= 1 // in the key at the front
	r, err := tape.NewReader(readerAt(b), int64(len(b)), "x", tape.ReadOptions{Identities: []age.Identity{id}})
	require.NoError(t, err)
	got, err := readAll(r)
	require.NoError(t, err)
	requireSame(t, want, got)
	require.NoError(t, r.Close())

	b[offsets[len(offsets)-2]+60] ^= 1 // and in the one at the end
	_, err = tape.NewReader(readerAt(b), int64(len(b)), "x", tape.ReadOptions{Identities: []age.Identity{id}})
	require.ErrorContains(t, err, "key at byte")
	require.ErrorContains(t, err, "checksum mismatch")
}

// TestNoNonceComesTwice writes the same exchanges in every frame: were a key and a nonce used twice,
// frames would hold the same bytes.
func TestNoNonceComesTwice(t *testing.T) {
	id := identity(t)
	x := shopping(1, 3)[0]
	seen := map[string]bool{}
	for range 2 { // two tapes: each has a key of its own
		b, err := os.ReadFile(write(t, []*replay.Exchange{x, x, x, x}, 1, id.Recipient()))
		require.NoError(t, err)
		offsets := frameOffsets(b)
		for i := range 4 {
			frame := string(b[offsets[i+2]+52 : offsets[i+3]])
			require.False(t, seen[frame])
			seen[frame] = true
		}
	}
}

func TestAFrameInAnotherPlaceIsRefused(t *testing.T) {
	id := identity(t)
	x := shopping(1, 3)[0]
	b, err := os.ReadFile(write(t, []*replay.Exchange{x, x}, 1, id.Recipient()))
	require.NoError(t, err)
	o := frameOffsets(b)
	moved := bytes.Clone(b[:o[2]])
	moved = append(append(moved, b[o[3]:o[4]]...), b[o[2]:o[3]]...) // the two data frames, swapped, and no index
	r, err := tape.NewReader(readerAt(moved), int64(len(moved)), "x", tape.ReadOptions{Identities: []age.Identity{id}})
	require.NoError(t, err)
	_, err = readAll(r)
	require.ErrorContains(t, err, "frame 2 at byte")
	require.ErrorContains(t, err, "the bytes are not what was written")
	require.NoError(t, r.Close())
}
