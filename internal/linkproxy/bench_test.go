//go:build unix

package linkproxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/exposition"
)

func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// Round trips of 256 bytes. The CPU is that of caller, proxy and callee, who share a process: take "direct" off.
func BenchmarkRoundTrip(b *testing.B) {
	for _, row := range []struct {
		name   string
		direct bool
		conns  int
		rules  []Rule
	}{
		{"direct", true, 1, nil},
		{"plain", false, 1, nil},
		{"latency of nothing", false, 1, []Rule{{To: toPromotion, Latency: time.Nanosecond}}},
		{"64 direct", true, 64, nil},
		{"64 plain", false, 64, nil},
		{"64 with 1ms either way", false, 64, []Rule{{To: toPromotion, Latency: time.Millisecond}}},
		{"64 with 1ms and a bandwidth", false, 64, []Rule{{To: toPromotion, Latency: time.Millisecond, Bandwidth: 1 << 30}}},
	} {
		b.Run(row.name, func(b *testing.B) {
			w := newWorld(b, Config{})
			w.serveEcho(b)
			w.SetRules(row.rules)
			to := w.backend.Public
			if row.direct {
				to = w.backend.Private
			}
			conns := make([]net.Conn, row.conns)
			for i := range conns {
				c, err := dialFrom(b.Context(), callerAddr, to)
				require.NoError(b, err)
				defer c.Close()
				conns[i] = c
			}
			b.ReportAllocs()
			before := cpu(b)
			b.ResetTimer()
			var wg sync.WaitGroup
			for i, c := range conns {
				wg.Go(func() { roundTrips(b, c, (b.N+i)/len(conns)) })
			}
			wg.Wait()
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func roundTrips(b *testing.B, c net.Conn, n int) {
	request := bytes.Repeat([]byte("x"), 256)
	answer := make([]byte, len(request))
	for range n {
		if _, err := c.Write(request); err != nil {
			b.Error(err)
			return
		}
		if _, err := io.ReadFull(c, answer); err != nil {
			b.Error(err)
			return
		}
	}
}

// A stream of many chunks in flight at once.
func BenchmarkStream(b *testing.B) {
	for _, row := range []struct {
		name  string
		rules []Rule
	}{
		{"plain", nil},
		{"with 1ms", []Rule{{To: toPromotion, Direction: Request, Latency: time.Millisecond}}},
	} {
		b.Run(row.name, func(b *testing.B) {
			w := newWorld(b, Config{})
			l := w.listen(b)
			w.SetRules(row.rules)
			c, err := dialFrom(b.Context(), callerAddr, w.backend.Public)
			require.NoError(b, err)
			defer c.Close()
			callee, err := l.Accept()
			require.NoError(b, err)
			defer callee.Close()
			const size = 1 << 20
			b.SetBytes(size)
			b.ReportAllocs()
			before := cpu(b)
			b.ResetTimer()
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = io.CopyN(c, pattern{}, int64(b.N)*size) })
			_, err = io.CopyN(io.Discard, callee, int64(b.N)*size)
			require.NoError(b, err)
			wg.Wait()
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// A page of 300 links, which is scraped every second or more often.
func BenchmarkPage(b *testing.B) {
	p := New(Config{})
	defer p.Close()
	for i := range 300 {
		l := p.stats.link(Peer{Service: fmt.Sprint("caller-", i/9), Zone: fmt.Sprint("z", i%3)}, Peer{Service: "promotion", Zone: fmt.Sprint("z", i/3%3)})
		for _, code := range []string{"200", "429", "503"} {
			l.count(code)
		}
	}
	page := exposition.Handler(p.Expose)
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}
