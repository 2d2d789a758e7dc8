package tape_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

func readReel(t *testing.T, dir string) []*replay.Exchange {
	t.Helper()
	r, err := tape.OpenReel(dir, tape.ReadOptions{})
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // it was only read
	var xs []*replay.Exchange
	for {
		x, err := r.Next()
		if errors.Is(err, io.EOF) {
			return xs
		}
		require.NoError(t, err)
		xs = append(xs, x)
	}
}

func TestTapesOfAReelReadAsOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{Source: "test", Redaction: "policy-1"}, tape.ReelOptions{
		Options: tape.Options{Flush: time.Millisecond, Sync: -1}, Size: 20_000,
	})
	require.NoError(t, err)
	xs := shopping(600, 1)
	// One exchange ends long after it began: it lies on a later tape than its time says.
	late := append(append(append([]*replay.Exchange{}, xs[:10]...), xs[11:500]...), xs[10])
	late = append(late, xs[500:]...)
	for i, x := range late {
		require.NoError(t, w.Record(x))
		if i%50 == 49 {
			require.NoError(t, w.Account("proxy", replay.Counts{Captured: uint64(i + 1)}))
		}
	}
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Record(xs[0]), os.ErrClosed)

	requireSame(t, xs, readReel(t, dir))
	m, err := tape.ReadManifest(dir)
	require.NoError(t, err)
	require.Greater(t, len(m.Tapes), 3)
	require.Equal(t, "policy-1", m.Redaction)
	require.Equal(t, replay.Ledger{"proxy": {Captured: 600}}, m.Ledger)
	records, last := int64(0), m.Start
	for _, e := range m.Tapes {
		records += e.Records
		require.False(t, e.To.Before(last))
		last = e.To
	}
	require.EqualValues(t, 600, records)
	require.NoError(t, tape.VerifyReel(dir))

	path := filepath.Join(dir, m.Tapes[1].File)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)/2] ^= 1
	require.NoError(t, os.WriteFile(path, b, 0o600))
	require.ErrorContains(t, tape.VerifyReel(dir), m.Tapes[1].File)
}

// TestAReelIsReadFromAnyTime goes forward and back, and opens no tape that ends before.
func TestAReelIsReadFromAnyTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Millisecond, Sync: -1}, Size: 20_000})
	require.NoError(t, err)
	xs := shopping(600, 1)
	late := append(append(append([]*replay.Exchange{}, xs[:10]...), xs[11:500]...), xs[10])
	for i, x := range append(late, xs[500:]...) {
		require.NoError(t, w.Record(x))
		if i%50 == 49 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	r, err := tape.OpenReel(dir, tape.ReadOptions{})
	require.NoError(t, err)
	rest := func(i int) []*replay.Exchange {
		require.NoError(t, r.Seek(xs[i].At))
		var got []*replay.Exchange
		for {
			x, err := r.Next()
			if errors.Is(err, io.EOF) {
				return got
			}
			require.NoError(t, err)
			got = append(got, x)
		}
	}
	for _, i := range []int{300, 599, 0, 10, 11, 450, 1} {
		requireSame(t, xs[i:], rest(i))
	}
	part, err := tape.Cut(r, tape.Span{From: xs[200].At, To: xs[210].At})
	require.NoError(t, err)
	for _, want := range xs[200:210] {
		x, err := part.Next()
		require.NoError(t, err)
		require.Equal(t, want.Seq, x.Seq)
	}

	m := r.Manifest()
	require.Greater(t, len(m.Tapes), 3)
	require.NoError(t, os.Remove(filepath.Join(dir, m.Tapes[0].File)))
	requireSame(t, xs[599:], rest(599))
	require.NoError(t, r.Seek(0))
	_, err = r.Next()
	require.ErrorIs(t, err, os.ErrNotExist, "what is needed is opened")
	require.NoError(t, r.Close())
	require.ErrorIs(t, r.Seek(0), os.ErrClosed)
}

func TestAReelKeepsTheNewestTapes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Millisecond, Sync: -1}, Size: 10_000, Keep: 2})
	require.NoError(t, err)
	xs := shopping(600, 1)
	for i, x := range xs {
		require.NoError(t, w.Record(x))
		if i%20 == 19 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	m, err := tape.ReadManifest(dir)
	require.NoError(t, err)
	require.Len(t, m.Tapes, 2)
	require.Positive(t, m.Removed.Tapes)
	files, err := filepath.Glob(filepath.Join(dir, "*.gdtape"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	kept := readReel(t, dir)
	require.EqualValues(t, 600, m.Removed.Records+int64(len(kept)), "what is gone is counted")
	require.Equal(t, xs[599], kept[len(kept)-1])
}

func TestAReelChangesTapesByTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Millisecond, Sync: -1}, Every: 20 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, w.Record(shopping(1, 1)[0]))
	require.Eventually(t, func() bool {
		m, err := tape.ReadManifest(dir)
		return err == nil && len(m.Tapes) == 1
	}, 10*time.Second, time.Millisecond, "though nothing more is recorded")
	require.NoError(t, w.Close())
}

// TestAReelWhoseRecorderDied has a last tape that the manifest does not know.
func TestAReelWhoseRecorderDied(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Millisecond, Sync: -1}, Size: 20_000})
	require.NoError(t, err)
	defer w.Close() //nolint:errcheck // the copy is what is tested
	xs := shopping(300, 1)
	for _, x := range xs {
		require.NoError(t, w.Record(x))
	}
	require.NoError(t, w.Flush())
	dead := filepath.Join(t.TempDir(), "dead")
	require.NoError(t, os.CopyFS(dead, os.DirFS(dir)))
	requireSame(t, xs, readReel(t, dead))
}

func TestReelsAreRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := tape.OpenReel(dir, tape.ReadOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
	for text, want := range map[string]string{
		"{":             "unexpected",
		`{"version":9}`: "format version 9",
		`{"version":1,"tapes":[{"file":"../../etc/passwd"}]}`: "not the name of a tape",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(text), 0o600))
		_, err = tape.OpenReel(dir, tape.ReadOptions{})
		require.ErrorContains(t, err, want)
	}
	_, err = tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{})
	require.ErrorContains(t, err, "not empty")
}
