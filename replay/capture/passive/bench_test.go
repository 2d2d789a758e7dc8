//go:build unix

package passive_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
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

// cpu is what the process has used of the processors.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
