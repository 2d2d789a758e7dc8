package tape_test

import (
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

// browsing is n exchanges over some pages of a size, which nothing but repetition makes smaller.
func browsing(n, pages, size int) []*replay.Exchange {
	rng := rand.New(rand.NewPCG(7, 7))
	bodies := make([][]byte, pages)
	for i := range bodies {
		bodies[i] = randomBytes(rng, size)
	}
	xs := shopping(n, 51)
	for i, x := range xs {
		x.Body, x.Size, x.Trailer = nil, 0, nil
		if i%10 == 3 {
			x.Body = bodies[rng.IntN(pages)]
			x.Size = int64(len(x.Body))
		}
		body := bodies[rng.IntN(pages)]
		x.Response = &replay.Response{Status: 200, Body: body, Size: int64(len(body)), FirstByte: 1, Duration: 2}
	}
	return xs
}

func TestABodyIsStoredOnceAndReadEverywhere(t *testing.T) {
	id := identity(t)
	xs := browsing(600, 30, 6000)
	for name, to := range map[string][]age.Recipient{"plain": nil, "encrypted": {id.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			path := write(t, xs, 7, to...)
			info, err := tape.Verify(path, id)
			require.NoError(t, err)
			require.False(t, info.HasDamage)
			require.Greater(t, info.Frames, 80)
			require.Less(t, info.Unpacked, int64(30*6000+600*250), "each body once, and the rest")

			r := open(t, path, tape.ReadOptions{Identities: []age.Identity{id}})
			got, err := readAll(r)
			require.NoError(t, err)
			requireSame(t, xs, got)
			for i := range got[0].Response.Body { // the bodies are the caller's
				got[0].Response.Body[i] = 0
			}
			for _, i := range []int{599, 300, 1, 450} { // on shelves that are empty
				require.NoError(t, r.Seek(xs[i].At))
				rest, err := readAll(r)
				require.NoError(t, err)
				requireSame(t, xs[i:], rest)
			}

			var want []*replay.Exchange
			for _, x := range xs {
				if x.Session == "s7" {
					want = append(want, x)
				}
			}
			some, err := readAll(open(t, path, tape.ReadOptions{Identities: []age.Identity{id}, Sessions: []string{"s7"}}))
			require.NoError(t, err)
			requireSame(t, want, some)

			copied := filepath.Join(t.TempDir(), "cut.gdtape")
			made, err := tape.Make(t.Context(), tape.Recipe{
				From: []string{path}, To: copied, Verb: "cut", Span: tape.Span{From: xs[200].At},
				Read: tape.ReadOptions{Identities: []age.Identity{id}},
			})
			require.NoError(t, err)
			require.EqualValues(t, 400, made.Kept)
			part, err := readAll(open(t, copied, tape.ReadOptions{}))
			require.NoError(t, err)
			for i, x := range part {
				require.Equal(t, xs[200+i].Response, x.Response)
			}
		})
	}
}

// talk is large messages, which are not referred to and need no room on the shelf.
func talk(xs []*replay.Exchange) (ms []*replay.Message) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, x := range xs {
		ms = append(ms, &replay.Message{Exchange: x.Seq, Session: x.Session, At: x.At, Kind: replay.BinaryMessage, Body: randomBytes(rng, 100_000), Size: 100_000})
	}
	return ms
}

// TestWhoReadsFromTheStartReadsEachFrameOnce holds however many bodies there are: what is referred to is in memory.
func TestWhoReadsFromTheStartReadsEachFrameOnce(t *testing.T) {
	for name, xs := range map[string][]*replay.Exchange{
		"few enough for the shelf": browsing(500, 20, 50_000),
		"too many for the shelf":   browsing(900, 500, 50_000),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(write(t, xs, 1<<30))
			require.NoError(t, err)
			m := &meter{ReaderAt: readerAt(b)}
			r, err := tape.NewReader(m, int64(len(b)), "x", tape.ReadOptions{})
			require.NoError(t, err)
			got, err := readAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			requireSame(t, xs, got)
			require.LessOrEqual(t, m.bytes, int64(len(b))+1000)
			if name == "few enough for the shelf" {
				require.Less(t, len(b), 2_000_000, "of 25 MB")
			}
		})
	}
}

func TestMessagesTakeNoRoomFromBodies(t *testing.T) {
	xs := browsing(400, 20, 50_000)
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{}, tape.Options{Flush: -1, Sync: -1})
	require.NoError(t, err)
	for i, m := range talk(xs) {
		require.NoError(t, w.Record(xs[i]))
		require.NoError(t, w.Message(m))
	}
	require.NoError(t, w.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	m := &meter{ReaderAt: readerAt(b)}
	r, err := tape.NewReader(m, int64(len(b)), "x", tape.ReadOptions{})
	require.NoError(t, err)
	got, err := readAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	requireSame(t, xs, got)
	require.LessOrEqual(t, m.bytes, int64(len(b))+1000, "each frame is read once")
}

func TestADamagedFrameCostsItsRecordsAndTheBodiesThatOthersShare(t *testing.T) {
	xs := browsing(300, 10, 5000)
	b, err := os.ReadFile(write(t, xs, 10))
	require.NoError(t, err)
	offsets := frameOffsets(b)
	b[offsets[1]+200] ^= 1 // the first records, with the first bodies

	check := func(t *testing.T, r *tape.Reader, got []*replay.Exchange, from int) {
		t.Helper()
		missing := int64(0)
		for i, x := range got {
			want := xs[from+i]
			require.Equal(t, want.Target, x.Target)
			if x.Truncated() {
				require.Equal(t, want.Size, x.Size)
				missing++
			}
			if x.Response.Truncated() {
				require.Nil(t, x.Response.Body)
				require.Equal(t, want.Response.Size, x.Response.Size)
				missing++
			} else {
				require.Equal(t, want.Response.Body, x.Response.Body)
			}
		}
		require.Len(t, r.Damage(), 1)
		d := r.Damage()[0]
		require.Equal(t, offsets[1], d.Offset)
		require.Equal(t, offsets[2]-offsets[1], d.Bytes)
		require.EqualValues(t, 10, d.Lost)
		require.Positive(t, missing)
		require.Less(t, missing, int64(len(got)))
		require.Equal(t, missing, d.Bodies)
		require.ErrorContains(t, d, fmt.Sprintf("10 records and %d bodies that records behind them share", missing))
	}
	t.Run("in passing", func(t *testing.T) {
		r, err := tape.NewReader(readerAt(b), int64(len(b)), "x", tape.ReadOptions{Skip: true})
		require.NoError(t, err)
		defer r.Close()
		got, err := readAll(r)
		require.NoError(t, err)
		require.Len(t, got, 290)
		check(t, r, got, 10)
	})
	t.Run("though nobody came by", func(t *testing.T) {
		r, err := tape.NewReader(readerAt(b), int64(len(b)), "x", tape.ReadOptions{Skip: true})
		require.NoError(t, err)
		defer r.Close()
		require.NoError(t, r.Seek(xs[100].At))
		got, err := readAll(r)
		require.NoError(t, err)
		require.Len(t, got, 200)
		check(t, r, got, 100)
	})
	t.Run("and is an error unless damage is skipped", func(t *testing.T) {
		r, err := tape.NewReader(readerAt(b), int64(len(b)), "x", tape.ReadOptions{})
		require.NoError(t, err)
		defer r.Close()
		require.NoError(t, r.Seek(xs[10].At))
		_, err = readAll(r)
		var damage *tape.Damage
		require.ErrorAs(t, err, &damage)
		require.ErrorContains(t, err, fmt.Sprintf("body in the frame at byte %d: payload checksum mismatch", offsets[1]))
	})
	t.Run("and is counted when the tape is repaired", func(t *testing.T) {
		dir := t.TempDir()
		torn, whole := filepath.Join(dir, "torn.gdtape"), filepath.Join(dir, "whole.gdtape")
		require.NoError(t, os.WriteFile(torn, b, 0o600))
		made, err := tape.Make(t.Context(), tape.Recipe{From: []string{torn}, To: whole, Verb: "repaired", Read: tape.ReadOptions{Skip: true}})
		require.NoError(t, err)
		require.EqualValues(t, 290, made.Kept)
		require.Positive(t, made.Damage[0].Bodies)
		info, err := tape.Verify(whole)
		require.NoError(t, err)
		require.False(t, info.HasDamage)
	})
}

func TestATapeOfSharedBodiesIsReadAsFarAsItGoes(t *testing.T) {
	xs := browsing(120, 5, 5000)
	b, err := os.ReadFile(write(t, xs, 10))
	require.NoError(t, err)
	offsets := frameOffsets(b)
	for i := 1; i <= 12; i++ {
		for _, cut := range []int64{offsets[i], offsets[i] + 70} {
			r, err := tape.NewReader(readerAt(b[:cut]), cut, "x", tape.ReadOptions{})
			require.NoError(t, err)
			got, err := readAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			requireSame(t, xs[:10*(i-1)], got)
		}
	}
}

// BenchmarkBodies records exchanges whose bodies of 50 KB repeat, further apart than a frame is long.
func BenchmarkBodies(b *testing.B) {
	xs := browsing(2000, 200, 50_000)
	var raw, size int64
	for b.Loop() {
		raw = 0
		path := filepath.Join(b.TempDir(), "x.gdtape")
		w, err := tape.Create(path, tape.Meta{}, tape.Options{Flush: time.Hour, Sync: -1})
		require.NoError(b, err)
		for _, x := range xs {
			raw += x.Size + x.Response.Size
			require.NoError(b, w.Record(x))
		}
		require.NoError(b, w.Close())
		size = w.Written()
		r := open(b, path, tape.ReadOptions{})
		for err == nil {
			_, err = r.Next()
		}
		require.ErrorIs(b, err, io.EOF)
		require.NoError(b, os.Remove(path))
	}
	b.SetBytes(raw)
	b.ReportMetric(float64(raw)/1e6, "MB-of-bodies")
	b.ReportMetric(float64(size)/1e6, "MB-of-tape")
}
