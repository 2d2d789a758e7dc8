package tape_test

import (
	"context"
	"errors"
	"fmt"
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

// smallFrames records what there can be on a tape, one frame every few records, about three whole frames in all.
func smallFrames(t *testing.T, o tape.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.gdtape")
	o.Flush, o.Sync = time.Hour, -1
	w, err := tape.Create(path, tape.Meta{Source: "test", Redaction: "p1", ShapeOnly: true}, o)
	require.NoError(t, err)
	record(t, w, shopping(3000, 41))
	require.NoError(t, w.Close())
	return path
}

// record puts exchanges on a tape in an order that is not that of time, with messages, beats, gaps and ledgers among them.
func record(t *testing.T, w interface {
	replay.Recorder
	replay.Bookkeeper
	replay.Messenger
}, xs []*replay.Exchange,
) {
	t.Helper()
	for i := range len(xs) / 10 {
		xs[10*i], xs[10*i+7] = xs[10*i+7], xs[10*i]
	}
	for i, x := range xs {
		if i%100 == 50 {
			x.Beats = []replay.Beat{{At: 1, Size: 5}, {At: 3, FromServer: true, Size: 7}}
		}
		require.NoError(t, w.Record(x))
		if i%5 == 0 {
			require.NoError(t, w.Message(&replay.Message{Exchange: x.Seq, Session: x.Session, At: x.At + 1, Kind: replay.TextMessage, Body: []byte("hello"), Size: 9}))
		}
		if i%500 == 0 {
			require.NoError(t, w.Gap(replay.Gap{From: x.At, To: x.At + 1, Lost: 2, Cause: "queue full"}))
			require.NoError(t, w.Account("proxy", replay.Counts{Captured: uint64(i), Filtered: replay.Tally{"match": 3}, Lost: replay.Tally{"queue full": 2}}))
		}
		if i%7 == 0 { // which ends the frame, and does not wait for the disk
			require.NoError(t, w.Account("proxy", replay.Counts{Captured: uint64(i), Messages: uint64(i / 5)}))
		}
	}
	require.NoError(t, w.Account("proxy", replay.Counts{Captured: uint64(len(xs)), Messages: 600}))
	require.NoError(t, w.Account("other", replay.Counts{Sampled: 1}))
}

// content is everything that can be read of a tape.
type content struct {
	exchanges []*replay.Exchange
	messages  []*replay.Message
	info      tape.Info
}

func contentOf(t *testing.T, path string, ids ...age.Identity) (c content) {
	t.Helper()
	c.exchanges, c.messages = everything(t, path, ids...)
	var err error
	c.info, err = tape.Verify(path, ids...)
	require.NoError(t, err)
	require.False(t, c.info.HasDamage)
	require.True(t, c.info.Closed)
	return c
}

func everything(t *testing.T, path string, ids ...age.Identity) (xs []*replay.Exchange, ms []*replay.Message) {
	t.Helper()
	r := open(t, path, tape.ReadOptions{Identities: ids, Message: func(m *replay.Message) { ms = append(ms, m) }})
	xs, err := readAll(r)
	require.NoError(t, err)
	return xs, ms
}

// requirePacked compares a tape with what it was: only frames and bytes are fewer.
func requirePacked(t *testing.T, was content, path string, ids ...age.Identity) {
	t.Helper()
	is := contentOf(t, path, ids...)
	requireSame(t, was.exchanges, is.exchanges)
	require.Equal(t, was.messages, is.messages)
	require.Greater(t, was.info.Frames, 400)
	require.Less(t, is.info.Frames, 6)
	require.Less(t, is.info.Bytes, was.info.Bytes)
	was.info.Frames, was.info.Bytes, was.info.Unpacked = is.info.Frames, is.info.Bytes, is.info.Unpacked
	require.Equal(t, was.info, is.info)
}

func TestATapeIsPackedInItsPlace(t *testing.T) {
	id := identity(t)
	for name, to := range map[string][]age.Recipient{"plain": nil, "encrypted": {id.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			path := smallFrames(t, tape.Options{Recipients: to})
			was := contentOf(t, path, id)
			require.NoError(t, os.WriteFile(path+".packing", []byte("of one that was killed"), 0o600))
			require.NoError(t, os.Chmod(path, 0o640))
			packed, err := tape.Pack(t.Context(), path, []age.Identity{id}, to)
			require.NoError(t, err)
			requirePacked(t, was, path, id)
			after, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, tape.Packed{Tapes: 1, Frames: was.info.Frames, Bytes: was.info.Bytes, Saved: was.info.Bytes - after.Size()}, packed)
			require.Equal(t, os.FileMode(0o640), after.Mode().Perm())
			requireAlone(t, path)

			again, err := tape.Pack(t.Context(), path, []age.Identity{id}, to)
			require.NoError(t, err)
			if to == nil {
				require.Zero(t, again, "there is nothing to gain")
				return
			}
			require.Equal(t, 1, again.Tapes, "but other recipients")
			requirePacked(t, was, path, id)
		})
	}
}

// requireAlone finds nothing beside the tape.
func requireAlone(t *testing.T, path string) {
	t.Helper()
	requireNames(t, filepath.Dir(path), filepath.Base(path))
}

// TestACompleteTapeIsPackedByItsWriter holds for encrypted ones too: the writer still knows the key, and nobody else.
func TestACompleteTapeIsPackedByItsWriter(t *testing.T) {
	id := identity(t)
	for name, to := range map[string][]age.Recipient{"plain": nil, "encrypted": {id.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			was := contentOf(t, smallFrames(t, tape.Options{Recipients: to}), id)
			path := filepath.Join(t.TempDir(), "x.gdtape")
			meta := was.info.Meta
			w, err := tape.Create(path, meta, tape.Options{Recipients: to, Flush: time.Hour, Pack: &tape.Packing{Share: 0.9}})
			require.NoError(t, err)
			record(t, w, shopping(3000, 41))
			require.NoError(t, w.Close())
			requirePacked(t, was, path, id)
			after, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, after.Size(), w.Written())
			require.Equal(t, 1, w.Packed().Tapes)
			requireAlone(t, path)
		})
	}
}

func TestAPackedTapeStoresLargeBodiesOnceToo(t *testing.T) {
	xs := browsing(2000, 300, 5000)
	path := write(t, xs, 4)
	was := contentOf(t, path)
	packed, err := tape.Pack(t.Context(), path, nil, nil)
	require.NoError(t, err)
	require.Equal(t, 1, packed.Tapes)
	requirePacked(t, was, path)
	require.Less(t, contentOf(t, path).info.Bytes, int64(300*5000+2000*200))
}

// ending is a context that is done when it was asked a number of times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestPackingStopsInTheMiddle(t *testing.T) {
	path := smallFrames(t, tape.Options{})
	was, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, after := range []int{0, 1, 200, 430} {
		_, err = tape.Pack(&ending{t.Context(), after}, path, nil, nil)
		require.ErrorContains(t, err, "pack tape "+path)
		is, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, was, is)
		requireAlone(t, path)
	}
}

// meanwhile is a context that does something once, when it is asked for the fifth time.
type meanwhile struct {
	context.Context
	asked int
	do    func()
}

func (m *meanwhile) Err() error {
	if m.asked++; m.asked == 5 {
		m.do()
	}
	return nil
}

func TestATapeIsPackedByOneAtATime(t *testing.T) {
	path := smallFrames(t, tape.Options{})
	was := contentOf(t, path)
	var second error
	packed, err := tape.Pack(&meanwhile{Context: t.Context(), do: func() {
		_, second = tape.Pack(t.Context(), path, nil, nil)
	}}, path, nil, nil)
	require.ErrorContains(t, second, "pack tape "+path+": it is being packed already")
	require.NoError(t, err)
	require.Equal(t, 1, packed.Tapes)
	requirePacked(t, was, path)
	requireAlone(t, path)
}

// TestPackingTouchesNoFileOfOthers replaces the old tape, and the new one, while they are in use.
func TestPackingTouchesNoFileOfOthers(t *testing.T) {
	for suffix, left := range map[string][]string{"": {"x.gdtape"}, ".packing": {"x.gdtape", "x.gdtape.packing"}} {
		path := smallFrames(t, tape.Options{})
		other := []byte("of another")
		_, err := tape.Pack(&meanwhile{Context: t.Context(), do: func() {
			require.NoError(t, os.Remove(path+suffix))
			require.NoError(t, os.WriteFile(path+suffix, other, 0o600))
		}}, path, nil, nil)
		require.ErrorContains(t, err, "another file took its place meanwhile")
		is, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.Equal(t, other, is)
		requireNames(t, filepath.Dir(path), left...)
	}
}

func TestPackingFollowsALink(t *testing.T) {
	path := smallFrames(t, tape.Options{})
	was := contentOf(t, path)
	link := filepath.Join(t.TempDir(), "link.gdtape")
	require.NoError(t, os.Symlink(path, link))
	_, err := tape.Pack(t.Context(), link, nil, nil)
	require.NoError(t, err)
	requirePacked(t, was, path)
	at, err := os.Readlink(link)
	require.NoError(t, err, "it is still a link")
	require.Equal(t, path, at)
	requireAlone(t, path)
	requireAlone(t, link)
}

func TestATapeInWholeFramesIsEncryptedWhenAsked(t *testing.T) {
	id, xs := identity(t), shopping(200, 1)
	path := write(t, xs, len(xs))
	packed, err := tape.Pack(t.Context(), path, nil, []age.Recipient{id.Recipient()})
	require.NoError(t, err)
	require.Equal(t, 1, packed.Tapes)
	_, err = readAll(open(t, path, tape.ReadOptions{}))
	require.ErrorIs(t, err, tape.ErrLocked)
	got, err := readAll(open(t, path, tape.ReadOptions{Identities: []age.Identity{id}}))
	require.NoError(t, err)
	requireSame(t, xs, got)
}

func TestATapeStaysAsItIs(t *testing.T) {
	id := identity(t)
	full := errors.New("no room")
	for name, c := range map[string]struct {
		options  tape.Options
		damage   func(b []byte) []byte
		identity []age.Identity
		stopped  bool
		want     string
	}{
		"when packing is stopped": {stopped: true, want: "context canceled"},
		"when it is damaged":      {damage: func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, want: "frame"},
		"when its writer was killed": {
			damage: func(b []byte) []byte { return b[:frameOffsets(b)[800]] }, want: "its writer did not end by itself: copy it with gameday tape repair",
		},
		"when it is encrypted and nobody has the key": {options: tape.Options{Recipients: []age.Recipient{id.Recipient()}}, want: "it is encrypted: give the age identity"},
		"when it is encrypted and would not be any more": {
			options: tape.Options{Recipients: []age.Recipient{id.Recipient()}}, identity: []age.Identity{id}, want: "say for whom it is to be encrypted again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := smallFrames(t, c.options)
			was, err := os.ReadFile(path)
			require.NoError(t, err)
			if c.damage != nil {
				was = c.damage(was)
				require.NoError(t, os.WriteFile(path, was, 0o600))
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if c.stopped {
				stop()
			}
			_, err = tape.Pack(ctx, path, c.identity, nil)
			require.ErrorContains(t, err, "pack tape "+path+": ")
			require.ErrorContains(t, err, c.want)
			is, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, was, is)
			requireAlone(t, path)
		})
	}
	t.Run("when the disk has no room, which is no error of the capture", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.gdtape")
		var asked int64
		w, err := tape.Create(path, tape.Meta{}, tape.Options{Flush: time.Hour, Pack: &tape.Packing{Room: func(n int64) error {
			asked = n
			return full
		}}})
		require.NoError(t, err)
		record(t, w, shopping(3000, 41))
		require.NoError(t, w.Close())
		require.Equal(t, w.Written(), asked)
		require.Equal(t, 1, w.Packed().Left)
		require.ErrorIs(t, w.Packed().Why, full)
		require.Greater(t, contentOf(t, path).info.Frames, 400)
	})
	t.Run("when it would hardly be smaller", func(t *testing.T) {
		xs := shopping(3000, 41)
		for i, x := range xs { // of noise there is nothing to gain, in frames of 128 KiB
			noise := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)})
			x.Body, x.Size = make([]byte, 1500), 1500
			_, _ = noise.Read(x.Body)
			if x.Response != nil {
				x.Response.Body, x.Response.Size = nil, 0
			}
		}
		path := write(t, xs, 80)
		was, err := os.ReadFile(path)
		require.NoError(t, err)
		packed, err := tape.Pack(t.Context(), path, nil, nil)
		require.NoError(t, err)
		require.Zero(t, packed)
		is, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, was, is)
		id := identity(t)
		packed, err = tape.Pack(t.Context(), path, nil, []age.Recipient{id.Recipient()})
		require.NoError(t, err)
		require.Equal(t, 1, packed.Tapes, "but for those who alone are to read it")
	})
	t.Run("when it is small", func(t *testing.T) {
		path := write(t, shopping(200, 1), 2)
		packed, err := tape.Pack(t.Context(), path, nil, nil)
		require.NoError(t, err)
		require.Zero(t, packed)
	})
}

func TestTapesOfAReelArePackedBehindTheRecording(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reel")
	pack := &tape.Packing{Share: 0.9}
	w, err := tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Hour, Sync: -1, Pack: pack}, Size: 3 << 20})
	require.NoError(t, err)
	var want []*replay.Exchange
	for i := range 3 {
		xs := shopping(3000, uint64(i))
		for j, x := range xs {
			x.At += time.Duration(i) * time.Hour
			x.Seq += uint64(3000 * i)
			require.NoError(t, w.Record(x))
			if j%7 == 0 { // which ends the frame, and does not wait for the disk
				require.NoError(t, w.Account("proxy", replay.Counts{Captured: x.Seq + 1}))
			}
		}
		want = append(want, xs...)
	}
	require.NoError(t, w.Close())
	requireSame(t, want, readReel(t, dir))
	require.NoError(t, tape.VerifyReel(dir), "the manifest speaks of the packed tapes")
	m, err := tape.ReadManifest(dir)
	require.NoError(t, err)
	require.Greater(t, len(m.Tapes), 1)
	var bytes int64
	for _, e := range m.Tapes {
		bytes += e.Bytes
	}
	require.Equal(t, bytes, w.Written())
	packed := w.Packed()
	require.Positive(t, packed.Tapes)
	require.Equal(t, len(m.Tapes), packed.Tapes+packed.Left, "each was packed, or was told of")
	there, err := filepath.Glob(filepath.Join(dir, "*.packing"))
	require.NoError(t, err)
	require.Empty(t, there)
}

// What a manifest has the checksum of is not changed behind its back.
func TestATapeOfAReelIsNotPackedAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Hour, Sync: -1}})
	require.NoError(t, err)
	record(t, w, shopping(3000, 41))
	require.NoError(t, w.Close())
	m, err := tape.ReadManifest(dir)
	require.NoError(t, err)
	path := filepath.Join(dir, m.Tapes[0].File)
	link := filepath.Join(t.TempDir(), "x.gdtape")
	require.NoError(t, os.Symlink(path, link))
	for _, path := range []string{path, link} {
		_, err = tape.Pack(t.Context(), path, nil, nil)
		require.ErrorIs(t, err, tape.ErrListed)
		require.ErrorContains(t, err, "gameday tape convert "+dir+" --out NAME.gdtape")
	}
	require.NoError(t, tape.VerifyReel(dir))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"name": "of something else"}`), 0o600))
	packed, err := tape.Pack(t.Context(), link, nil, nil)
	require.NoError(t, err)
	require.Equal(t, 1, packed.Tapes)
}

func TestWhatPackingLeftIsDropped(t *testing.T) {
	dir := t.TempDir()
	path, reel := filepath.Join(dir, "x.gdtape"), filepath.Join(dir, "reel")
	require.NoError(t, os.Mkdir(reel, 0o700))
	for _, name := range []string{path, path + ".packing", filepath.Join(reel, "000001.gdtape"), filepath.Join(reel, "000001.gdtape.packing"), filepath.Join(reel, "notes")} {
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	for range 2 {
		require.NoError(t, tape.DropPacking(path))
		require.NoError(t, tape.DropPacking(reel))
	}
	requireNames(t, dir, "reel", "x.gdtape")
	requireNames(t, reel, "000001.gdtape", "notes")
}

func requireNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	there, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, file := range there {
		names = append(names, file.Name())
	}
	require.Equal(t, want, names)
}

func TestBodiesThatRepeatDoNotHideWhatPackingGains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{Source: "test"}, tape.Options{Flush: time.Hour, Sync: -1})
	require.NoError(t, err)
	dice := rand.New(rand.NewPCG(1, 2))
	bodies := make([][]byte, 20)
	for i := range bodies {
		bodies[i] = make([]byte, 40<<10)
		for j := range bodies[i] {
			bodies[i][j] = byte(dice.Uint32())
		}
	}
	for i := range 15_000 {
		header := replay.Header{}
		for k := range 12 {
			header = append(header, replay.Field{Name: fmt.Sprintf("X-Header-%d", k), Value: fmt.Sprintf("some value of header %d, number %d", k, dice.IntN(40))})
		}
		body := bodies[dice.IntN(len(bodies))]
		require.NoError(t, w.Record(&replay.Exchange{
			At: time.Duration(i) * time.Millisecond, Seq: uint64(i), Session: "s", Method: "GET", Target: "/", Host: "shop", Proto: "HTTP/1.1", Header: header,
			Response: &replay.Response{Status: 200, Header: header, Body: body, Size: int64(len(body))},
		}))
		if i%300 == 299 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	packed, err := tape.Pack(t.Context(), path, nil, nil)
	require.NoError(t, err)
	require.Positive(t, packed.Saved)
}
