//go:build unix

package passive_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// counter is a recorder that costs nothing.
type counter struct{ n int }

func (c *counter) Record(*replay.Exchange) error {
	c.n++
	return nil
}

// BenchmarkFile reads a capture from memory: small requests on kept connections, and bodies of 200 KB in packets of 1448.
func BenchmarkFile(b *testing.B) {
	for _, c := range []struct {
		name     string
		requests int
		body     int
	}{{"small", 10_000, 0}, {"200KB", 100, 200_000}} {
		b.Run(c.name, func(b *testing.B) {
			frames := load(c.requests, c.body)
			file := pcapOf(b, frames)
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				f, err := passive.NewFile(bytes.NewReader(file), "bench")
				require.NoError(b, err)
				n := new(counter)
				watch := passive.New(f, n, passive.Options{
					Ports: []uint16{8080}, Options: capture.Options{Start: f.Start(), Wait: true},
				})
				require.NoError(b, watch.Run(context.Background()))
				require.Equal(b, c.requests, n.n)
			}
			spent := (cpu(b) - began).Seconds()
			b.ReportMetric(float64(b.N*len(frames))/spent, "packets/cpu-s")
			b.ReportMetric(spent*1e6/float64(b.N*c.requests), "cpu-us/request")
		})
	}
}

// BenchmarkTape is what a capture does to each request besides waiting: put together, redacted, and written to a tape.
func BenchmarkTape(b *testing.B) {
	const requests = 10_000
	frames := load(requests, 0)
	redactor, err := redact.New(redact.Rules{}, nil)
	require.NoError(b, err)
	dir := b.TempDir()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		w, err := tape.Create(filepath.Join(dir, strconv.Itoa(n)), tape.Meta{Start: monday}, tape.Options{Sync: -1})
		require.NoError(b, err)
		watch := passive.New(&packets{frames: frames}, w, passive.Options{
			Ports: []uint16{8080}, Options: capture.Options{Start: monday, Wait: true, Redact: redactor.Exchange},
		})
		require.NoError(b, watch.Run(context.Background()))
		require.NoError(b, w.Close())
		require.EqualValues(b, requests, watch.Counts().Captured)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*requests), "ns/request")
}

// cpu is what the process has used of the processors.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
