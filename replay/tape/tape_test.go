package tape_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// shopping is a stretch of traffic with everything an exchange can have.
func shopping(n int, seed uint64) []*replay.Exchange {
	rng := rand.New(rand.NewPCG(seed, 1))
	xs := make([]*replay.Exchange, n)
	for i := range xs {
		x := &replay.Exchange{
			Session: fmt.Sprintf("s%d", rng.IntN(20)),
			Conn:    rng.Uint64(),
			Seq:     uint64(i),
			At:      time.Duration(i)*time.Millisecond + time.Duration(rng.IntN(1000)),
			Upload:  time.Duration(rng.IntN(1e6)),
			Method:  "GET",
			Target:  fmt.Sprintf("/products/%d?q=%c", rng.IntN(500), 'a'+rng.IntN(26)),
			Host:    "shop.example",
			Proto:   "HTTP/1.1",
			Header: replay.Header{
				{Name: "User-Agent", Value: "test/1"},
				{Name: "cookie", Value: "sid=gd~abc"},
				{Name: "X-Trace", Value: fmt.Sprint(rng.Uint64())},
			},
		}
		if i%3 == 0 {
			x.Method, x.Body = "POST", randomBytes(rng, rng.IntN(2000)+1)
			x.Size = int64(len(x.Body)) + int64(i%2)*100
			x.Trailer = replay.Header{{Name: "Checksum", Value: "1"}}
		}
		if i%7 != 0 {
			body := randomBytes(rng, rng.IntN(300)+1)
			x.Response = &replay.Response{
				Status: 200 + i%3, Body: body, Size: int64(len(body)),
				Header:    replay.Header{{Name: "Content-Type", Value: "application/json"}},
				FirstByte: time.Millisecond, Duration: 3 * time.Millisecond, Cut: i%11 == 0,
			}
		}
		x.ShapeOnly = i%13 == 0
		xs[i] = x
	}
	return xs
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
	}
	return b[:n:n]
}

// write makes a tape with a frame after every per exchanges, and returns its path.
func write(t testing.TB, xs []*replay.Exchange, per int, to ...age.Recipient) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{Source: "test"}, tape.Options{Flush: time.Hour, Recipients: to})
	require.NoError(t, err)
	for i, x := range xs {
		require.NoError(t, w.Record(x))
		if (i+1)%per == 0 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	return path
}

// readAll returns what a tape yields and the error it ends with; nil for io.EOF.
func readAll(r *tape.Reader) ([]*replay.Exchange, error) {
	var xs []*replay.Exchange
	for {
		x, err := r.Next()
		if errors.Is(err, io.EOF) {
			return xs, nil
		}
		if err != nil {
			return xs, err
		}
		xs = append(xs, x)
	}
}

func open(t testing.TB, path string, o tape.ReadOptions) *tape.Reader {
	t.Helper()
	r, err := tape.Open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRoundTripKeepsEveryField(t *testing.T) {
	want := shopping(2000, 1)
	r := open(t, write(t, want, 300), tape.ReadOptions{})
	got, err := readAll(r)
	require.NoError(t, err)
	requireSame(t, want, got)
	require.Equal(t, "test", r.Meta().Source)
	require.Empty(t, r.Damage())
}

func TestReaderRestoresTheOrderOfTime(t *testing.T) {
	want := shopping(3000, 2)
	late := append([]*replay.Exchange(nil), want...)
	// A slow exchange is recorded when it ends: up to 700 others, several frames, later.
	rng := rand.New(rand.NewPCG(3, 3))
	for i := 0; i < len(late)-700; i += 50 {
		j := i + rng.IntN(700)
		x := late[i]
		copy(late[i:j], late[i+1:j+1])
		late[j] = x
	}
	r := open(t, write(t, late, 100), tape.ReadOptions{})
	got, err := readAll(r)
	require.NoError(t, err)
	requireSame(t, want, got)
	require.Zero(t, r.Unordered())
}

func TestWindowBoundsWhatIsHeldAndSaysSo(t *testing.T) {
	xs := shopping(400, 2)
	late := append(append([]*replay.Exchange(nil), xs[1:]...), xs[0])
	r := open(t, write(t, late, 50), tape.ReadOptions{Window: 10_000})
	got, err := readAll(r)
	require.NoError(t, err)
	require.Len(t, got, 400)
	require.EqualValues(t, 1, r.Unordered())
}

func TestSeekFindsTheFirstExchangeAtOrAfter(t *testing.T) {
	want := shopping(1000, 4)
	r := open(t, write(t, want, 70), tape.ReadOptions{})
	for _, at := range []time.Duration{0, time.Millisecond, 500 * time.Millisecond, want[777].At, 10 * time.Millisecond, 999 * time.Millisecond} {
		require.NoError(t, r.Seek(at))
		x, err := r.Next()
		require.NoError(t, err)
		i := 0
		for want[i].At < at {
			i++
		}
		require.Equal(t, want[i].Seq, x.Seq, "seek to %v", at)
	}
	require.NoError(t, r.Seek(time.Hour))
	_, err := r.Next()
	require.ErrorIs(t, err, io.EOF)
}

func TestKillLeavesEverythingUpToTheLastWholeFrame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{}, tape.Options{Flush: 5 * time.Millisecond})
	require.NoError(t, err)
	defer w.Close()
	want := shopping(50, 5)
	for _, x := range want {
		require.NoError(t, w.Record(x))
	}
	// Nobody closes the writer: the flusher alone must bring the records to the file.
	require.Eventually(t, func() bool {
		r, err := tape.Open(path, tape.ReadOptions{})
		if err != nil {
			return false
		}
		defer r.Close()
		got, err := readAll(r)
		return err == nil && len(got) == len(want)
	}, 5*time.Second, 5*time.Millisecond)
}

func TestTapeCutAtEveryByteOfItsLastTwoFrames(t *testing.T) {
	t.Run("plain", func(t *testing.T) { cutEverywhere(t, 1, nil, nil) })
	t.Run("encrypted", func(t *testing.T) {
		cutEverywhere(t, 2, []age.Recipient{glassLock{}}, []age.Identity{glassLock{}})
	})
}

// cutEverywhere tries each length of a tape whose first data frame is the one with that number.
func cutEverywhere(t *testing.T, data int, to []age.Recipient, ids []age.Identity) {
	xs := shopping(12, 6)
	for i := range xs { // small frames, so that every offset can be tried
		xs[i].Body, xs[i].Size = nil, 0
	}
	path := write(t, xs, 6, to...)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	offsets := frameOffsets(whole)
	require.GreaterOrEqual(t, len(offsets), data+3) // what comes before, two data frames, what follows
	first, second, index := offsets[data], offsets[data+1], offsets[data+2]
	last := offsets[len(offsets)-1] // a closed tape says its key once more before the index
	for cut := first; cut < int64(len(whole)); cut++ {
		r, err := tape.NewReader(readerAt(whole[:cut]), cut, "cut", tape.ReadOptions{Identities: ids})
		require.NoError(t, err, "cut at %d", cut)
		got, err := readAll(r)
		require.NoError(t, err, "cut at %d", cut)
		want := 0
		switch {
		case cut >= index:
			want = 12
		case cut >= second:
			want = 6
		}
		require.Len(t, got, want, "cut at %d", cut)
		atBoundary := cut == first || cut == second || cut == index || cut == last
		if insideFrame := !atBoundary && cut < last; insideFrame {
			require.Len(t, r.Damage(), 1, "cut at %d", cut)
			require.True(t, r.Damage()[0].Tail)
		}
		require.NoError(t, r.Close())
	}
}

func TestEveryDamagedByteCostsItsFrameAlone(t *testing.T) {
	t.Run("plain", func(t *testing.T) { damageEverywhere(t, 1, nil, nil) })
	t.Run("encrypted", func(t *testing.T) {
		damageEverywhere(t, 2, []age.Recipient{glassLock{}}, []age.Identity{glassLock{}})
	})
}

// damageEverywhere tries each byte of the second data frame; the first is the one with that number.
func damageEverywhere(t *testing.T, data int, to []age.Recipient, ids []age.Identity) {
	xs := shopping(18, 7)
	for i := range xs {
		xs[i].Body, xs[i].Size = nil, 0
	}
	whole, err := os.ReadFile(write(t, xs, 6, to...))
	require.NoError(t, err)
	offsets := frameOffsets(whole)
	second, third := offsets[data+1], offsets[data+2]
	for _, closed := range []bool{true, false} {
		b := append([]byte(nil), whole...)
		if !closed {
			b = b[:offsets[data+3]]
		}
		for at := second; at < third; at++ {
			b[at] ^= 0x40
			stop, err := tape.NewReader(readerAt(b), int64(len(b)), "x.gdtape", tape.ReadOptions{Identities: ids})
			require.NoError(t, err)
			got, err := readAll(stop)
			require.NoError(t, stop.Close())
			var damage *tape.Damage
			require.ErrorAs(t, err, &damage, "byte %d", at)
			require.Len(t, got, 6, "byte %d: the frame before the damage is readable", at)
			require.Equal(t, second, damage.Offset)

			skip, err := tape.NewReader(readerAt(b), int64(len(b)), "x.gdtape", tape.ReadOptions{Skip: true, Identities: ids})
			require.NoError(t, err)
			got, err = readAll(skip)
			require.NoError(t, skip.Close())
			require.NoError(t, err, "byte %d", at)
			require.Len(t, got, 12, "byte %d: both other frames are readable", at)
			require.Len(t, skip.Damage(), 1)
			require.EqualValues(t, 6, skip.Damage()[0].Lost, "byte %d, closed %v", at, closed)
			require.Equal(t, third-second, skip.Damage()[0].Bytes)
			b[at] ^= 0x40
		}
	}
}

func TestDamageSaysWhatIsLost(t *testing.T) {
	b, err := os.ReadFile(write(t, shopping(60, 8), 20))
	require.NoError(t, err)
	second := frameOffsets(b)[2]
	b[second+60] ^= 1
	r, err := tape.NewReader(readerAt(b), int64(len(b)), "x.gdtape", tape.ReadOptions{})
	require.NoError(t, err)
	_, err = readAll(r)
	require.EqualError(t, err, fmt.Sprintf("tape x.gdtape: frame 2 at byte %d: payload checksum mismatch; %d bytes with 40 records cannot be read; "+
		"the 2 frames before it are readable: skip damaged frames to read what follows", second, int64(len(b))-second))
}

func TestInfoSumsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{Source: "proxy", Redaction: "p1"}, tape.Options{})
	require.NoError(t, err)
	xs := shopping(100, 9)
	for _, x := range xs {
		require.NoError(t, w.Record(x))
	}
	gap := replay.Gap{From: time.Second, To: 2 * time.Second, Lost: 7, Cause: "queue full"}
	require.NoError(t, w.Gap(gap))
	counts := replay.Counts{Captured: 100, Lost: map[string]uint64{"queue full": 7}}
	require.NoError(t, w.Account("proxy", counts))
	require.NoError(t, w.Close())

	info, err := tape.Verify(path)
	require.NoError(t, err)
	require.True(t, info.Closed)
	require.EqualValues(t, 101, info.Records)
	require.Equal(t, xs[0].At, info.First)
	require.Equal(t, xs[99].At, info.Last)
	require.Equal(t, []replay.Gap{gap}, info.Gaps)
	require.Equal(t, replay.Ledger{"proxy": counts}, info.Ledger)
	require.Equal(t, info.Ledger, open(t, path, tape.ReadOptions{}).Ledger())
	require.Equal(t, "p1", info.Meta.Redaction)
	require.InDelta(t, 100.0/107, *info.Completeness, 1e-9)
	require.False(t, info.HasDamage)
}

func TestWriterRefuses(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	require.NoError(t, os.WriteFile(taken, nil, 0o600))
	_, err := tape.Create(taken, tape.Meta{}, tape.Options{})
	require.ErrorIs(t, err, os.ErrExist)
	require.ErrorContains(t, err, "choose another name")

	w, err := tape.Create(filepath.Join(dir, "x.gdtape"), tape.Meta{}, tape.Options{})
	require.NoError(t, err)
	defer w.Close()
	err = w.Record(&replay.Exchange{Body: make([]byte, tape.RecordMax)})
	require.ErrorContains(t, err, "lower the body limit")
	require.NoError(t, w.Record(&replay.Exchange{Method: "GET"}), "a refused exchange leaves the tape usable")
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Record(&replay.Exchange{}), os.ErrClosed)
}

func TestReaderRefusesWhatIsNotATape(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"an empty file":             {"", "not a tape"},
		"a .gor file":               {"1 abc 1 1\nGET / HTTP/1.1\r\n\r\n", "import .gor files"},
		"a tape of a later version": {"GDTAPE\x00\x09", "format version 9"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tape.NewReader(readerAt([]byte(c.content)), int64(len(c.content)), "f", tape.ReadOptions{})
			require.ErrorContains(t, err, c.want)
		})
	}
}
