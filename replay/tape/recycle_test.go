package tape_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// recycling is a source that takes exchanges back.
type recycling interface {
	replay.Source
	replay.Recycler
}

// readRecycling gives back two thirds of what it reads, and compares the others once all is read: nothing may write to what
// was kept.
func readRecycling(t *testing.T, want []*replay.Exchange, r recycling) {
	t.Helper()
	kept, names := map[int]*replay.Exchange{}, make([]string, len(want))
	for i, w := range want {
		x, err := r.Next()
		require.NoError(t, err)
		if !reflect.DeepEqual(w, x) {
			t.Fatalf("exchange %d: %s", i, cmp.Diff(w, x))
		}
		if names[i] = x.Target; i%3 == 0 {
			kept[i] = x
			x.Header = append(x.Header, replay.Field{Name: "Mine", Value: "1"})
			x.Body = append(x.Body, '!')
			continue
		}
		x.Header = append(x.Header, replay.Field{Name: "Not", Value: "any more"}) // what was done to it does not matter
		r.Recycle(x)
	}
	_, err := r.Next()
	require.ErrorIs(t, err, io.EOF)
	for i, x := range kept {
		w := *want[i]
		w.Header = append(w.Header[:len(w.Header):len(w.Header)], replay.Field{Name: "Mine", Value: "1"})
		w.Body = append(w.Body[:len(w.Body):len(w.Body)], '!')
		if !reflect.DeepEqual(&w, x) {
			t.Fatalf("exchange %d, which was kept: %s", i, cmp.Diff(&w, x))
		}
	}
	for i, w := range want {
		require.Equal(t, w.Target, names[i], "strings stay")
	}
}

func TestExchangesThatAreGivenBackAreMadeAnew(t *testing.T) {
	xs := shopping(2500, 21)
	rng := rand.New(rand.NewPCG(21, 2))
	for i, x := range xs { // of all sizes
		switch {
		case i%50 == 0:
			x.Body = randomBytes(rng, 3000+rng.IntN(4000))
			x.Size = int64(len(x.Body))
		case i%70 == 0:
			for range 100 {
				x.Header = append(x.Header, replay.Field{Name: "Many", Value: "lines"})
			}
		case i%30 == 0:
			x.Header, x.Body, x.Size = nil, nil, 0
		}
	}
	for _, per := range []int{5, 1000} {
		readRecycling(t, xs, open(t, write(t, xs, per), tape.ReadOptions{}))
	}
	dir := filepath.Join(t.TempDir(), "reel")
	reel, err := tape.CreateReel(dir, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Hour}, Size: 300 << 10})
	require.NoError(t, err)
	for _, x := range xs {
		require.NoError(t, reel.Record(x))
	}
	require.NoError(t, reel.Close())
	r, err := tape.OpenReel(dir, tape.ReadOptions{})
	require.NoError(t, err)
	defer r.Close()
	require.Greater(t, len(r.Manifest().Tapes), 1)
	readRecycling(t, xs, r)
}

// What is given back takes the place of what would be garbage: the strings alone are new.
func TestReadingWithExchangesGivenBackMakesLittleGarbage(t *testing.T) {
	xs, _ := requests(40_000)
	r := open(t, write(t, xs, 1000), tape.ReadOptions{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for ; ; n++ {
		x, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		r.Recycle(x)
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, len(xs), n)
	perRecord := float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	t.Logf("%.0f bytes a record", perRecord)
	require.Less(t, perRecord, 250.0)
}
