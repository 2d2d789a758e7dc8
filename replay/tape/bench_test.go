package tape_test

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// requests are small and alike, as those of a shop are.
func requests(n int) (xs []*replay.Exchange, bytes int64) {
	xs = shopping(n, 1)
	for _, x := range xs {
		x.Body, x.Size = []byte(`{"product_id":17,"qty":2,"note":"no bag, please"}`), 49
		if x.Response != nil {
			x.Response.Body = []byte(`{"items":[{"id":17,"name":"tea, green, 250 g","price":"4.20"}],"total":"8.40"}`)
			x.Response.Size = int64(len(x.Response.Body))
			bytes += x.Response.Size
		}
		bytes += x.Size + int64(len(x.Target)) + 150
	}
	return xs, bytes
}

func BenchmarkRecord(b *testing.B) {
	xs, bytes := requests(10_000)
	w, err := tape.Create(filepath.Join(b.TempDir(), "x.gdtape"), tape.Meta{}, tape.Options{})
	require.NoError(b, err)
	b.SetBytes(bytes / int64(len(xs)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := w.Record(xs[i%len(xs)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	require.NoError(b, w.Close())
}

func BenchmarkNext(b *testing.B) {
	xs, bytes := requests(50_000)
	path := write(b, xs, 1<<30)
	b.SetBytes(bytes / int64(len(xs)))
	b.ReportAllocs()
	r := open(b, path, tape.ReadOptions{})
	for b.Loop() {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			require.NoError(b, r.Seek(0))
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func TestAllocationBudget(t *testing.T) {
	xs, _ := requests(2000)
	w, err := tape.Create(filepath.Join(t.TempDir(), "x.gdtape"), tape.Meta{}, tape.Options{})
	require.NoError(t, err)
	defer w.Close()
	i := 0
	perRecord := testing.AllocsPerRun(5000, func() {
		_ = w.Record(xs[i%len(xs)])
		i++
	})
	require.LessOrEqual(t, perRecord, 1.0, "allocations per exchange written")

	r := open(t, write(t, xs, 1<<30), tape.ReadOptions{})
	perNext := testing.AllocsPerRun(1000, func() { _, _ = r.Next() })
	require.LessOrEqual(t, perNext, 2.0, "allocations per exchange read")
}
