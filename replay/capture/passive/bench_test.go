//go:build unix

package passive_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
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

// BenchmarkTape is what a capture does to each request besides waiting: put together, redacted, and written to a tape, in
// frames as they are at 5000 requests a second, and packed in the end where that pays. The requests are those that a replay
// sends, with marks that no two have in common.
func BenchmarkTape(b *testing.B) {
	const requests, frame = 10_000, 250
	frames := marked(requests)
	redactor, err := redact.New(redact.Rules{}, nil)
	require.NoError(b, err)
	dir := b.TempDir()
	b.ReportAllocs()
	began := cpu(b)
	for n := 0; b.Loop(); n++ {
		w, err := tape.Create(filepath.Join(dir, strconv.Itoa(n)), tape.Meta{Start: monday}, tape.Options{Flush: -1, Sync: -1})
		require.NoError(b, err)
		watch := passive.New(&packets{frames: frames}, &inFrames{Writer: w, size: frame}, passive.Options{
			Ports: []uint16{8080}, Options: capture.Options{Start: monday, Wait: true, Replays: true, Redact: redactor.Exchange},
		})
		require.NoError(b, watch.Run(context.Background()))
		require.NoError(b, w.Close())
		require.EqualValues(b, requests, watch.Counts().Captured)
		b.ReportMetric(float64(w.Written())/requests, "bytes/request")
	}
	b.ReportMetric((cpu(b)-began).Seconds()*1e6/float64(b.N*requests), "cpu-us/request")
}

// inFrames is a tape whose frames hold so many exchanges.
type inFrames struct {
	*tape.Writer
	size, n int
}

func (f *inFrames) Record(x *replay.Exchange) error {
	if f.n++; f.n%f.size == 0 {
		if err := f.Account("bench", replay.Counts{Captured: uint64(f.n)}); err != nil { // which ends the frame
			return err
		}
	}
	return f.Writer.Record(x)
}

// marked are GETs over 50 connections with the header lines of a replay.
func marked(requests int) (frames []tcptest.Frame) {
	var talks []*tcptest.Talk
	for i := range 50 {
		talk := &tcptest.Talk{Client: netip.AddrPortFrom(client.Addr(), uint16(20_000+i)), Server: server, Now: monday}
		talk.Open()
		talks = append(talks, talk)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range requests {
		talk := talks[i%len(talks)]
		talk.Now = monday.Add(time.Duration(i) * 200 * time.Microsecond)
		talk.Send(false, fmt.Appendf(nil, "GET /item/%d HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nX-Gameday-Replay: replay\r\n"+
			"tracestate: gameday=replay\r\nbaggage: gameday.run=replay\r\nX-Gameday-Mark: 1.%x.1a202927c8e.105b8..%x%x\r\ntraceparent: 00-%016x%016x-%016x-01\r\n\r\n",
			i, i, random.Uint64(), random.Uint32(), random.Uint64(), random.Uint64(), random.Uint64()))
		talk.Send(true, []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"))
		frames = append(frames, talk.Frames...)
		talk.Frames = nil
	}
	return frames
}

// cpu is what the process has used of the processors.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
