package tape_test

import (
	"errors"
	"io"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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

const shop = "../../fixtures/tapes/shop.gdtape"

// BenchmarkShop reads the tape that the repository ships: packed, and as it was recorded, at 50 requests a second with a
// frame every 100 ms. CPU time is of all threads: of the decoder ahead and the garbage collector too.
func BenchmarkShop(b *testing.B) {
	b.Run("packed", func(b *testing.B) { benchRead(b, shop) })
	b.Run("as recorded", func(b *testing.B) {
		xs, err := readAll(open(b, shop, tape.ReadOptions{}))
		require.NoError(b, err)
		benchRead(b, write(b, xs, 5))
	})
}

func benchRead(b *testing.B, path string) {
	info, err := tape.ReadInfo(path)
	require.NoError(b, err)
	b.ReportAllocs()
	var records int64
	began := cpuTime(b)
	for b.Loop() {
		r := open(b, path, tape.ReadOptions{})
		for {
			if _, err := r.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			records++
		}
		require.NoError(b, r.Close())
	}
	cpu := cpuTime(b) - began
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(records), "cpu-ns/record")
	b.ReportMetric(float64(info.Unpacked)*float64(b.N)/1e6/cpu.Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(info.Bytes)/1e6, "MB")
	b.ReportMetric(float64(info.Frames), "frames")
}

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
