//go:build unix

package tape_test

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay/tape"
)

const shop = "../../fixtures/tapes/shop.gdtape"

// BenchmarkShop reads the tape that the repository ships: packed, and as it was recorded, at 50 requests a second with a
// frame every 100 ms. As in a replay, each exchange is given back at once. CPU time is of all threads: of the decoder ahead and
// the garbage collector too.
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
			x, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			r.Recycle(x)
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
