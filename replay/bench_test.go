package replay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// null is a server that costs next to nothing: it answers each request that ends where a read ends.
func null(b testing.TB) (url string) {
	l, err := net.Listen("tcp", "127.14.0.2:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	const answer = "HTTP/1.1 200 OK\r\nServer: null\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nHello world\n"
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			})
		}
	})
	b.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// BenchmarkPlayer plays one second per operation at a fixed rate, with everything on, and reports the CPU of
// player and null server together per request, and how late requests left.
func BenchmarkPlayer(b *testing.B) {
	for _, rate := range []int{5000, 15000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			url := null(b)
			xs := every(rate*b.N, rate, 200)
			p, err := New(Config{Open: opener(xs...), Targets: []string{url}, MaxConns: 64,
				Traffic: gameday.TrafficPlan{MaxLate: gameday.Duration(time.Second)}})
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			cpu := ownCPU()
			traffic, err := p.Run(b.Context(), time.Now().Add(100*time.Millisecond), func(gameday.Slice) {})
			if err != nil {
				b.Fatal(err)
			}
			f := traffic.Fidelity
			b.ReportMetric(float64((ownCPU()-cpu).Microseconds())/float64(f.Sent), "cpu-us/request")
			b.ReportMetric(float64(f.LatenessP50.Std().Microseconds()), "p50-late-us")
			b.ReportMetric(float64(f.LatenessP99.Std().Microseconds()), "p99-late-us")
			b.ReportMetric(float64(f.Due-f.Sent), "lost")
		})
	}
}

// BenchmarkSaturated plays as fast as 64 connections carry it, by a tape on which all is due at once.
func BenchmarkSaturated(b *testing.B) {
	url := null(b)
	xs := make([]*Exchange, b.N)
	for i := range xs {
		xs[i] = get("", time.Duration(i), "/products/1")
	}
	p, err := New(Config{Open: opener(xs...), Targets: []string{url}, MaxConns: 64, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Hour)}})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	cpu := ownCPU()
	traffic, err := p.Run(b.Context(), time.Now(), func(gameday.Slice) {})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((ownCPU()-cpu).Microseconds())/float64(traffic.Fidelity.Sent), "cpu-us/request")
}

// BenchmarkClosedLoop is the floor beneath the player: the same bytes on 64 connections in a plain loop.
func BenchmarkClosedLoop(b *testing.B) {
	url := null(b)
	const request = "GET /products/1 HTTP/1.1\r\nHost: shop\r\nX-Gameday-Replay: 0\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"
	var wg sync.WaitGroup
	var n atomic.Int64
	b.ResetTimer()
	cpu := ownCPU()
	for range 64 {
		wg.Go(func() {
			c, err := net.Dial("tcp", url[len("http://"):])
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			r := newResponseReader(bufio.NewReader(c))
			for n.Add(1) <= int64(b.N) {
				if _, err := io.WriteString(c, request); err != nil {
					b.Error(err)
					return
				}
				if _, err := r.read("GET", false); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((ownCPU()-cpu).Microseconds())/float64(b.N), "cpu-us/request")
}

// BenchmarkRequest makes a request ready from an exchange, and its bytes.
func BenchmarkRequest(b *testing.B) {
	e := newEditor(Config{}, newRoutes([]gameday.Flow{{Name: "browse", Path: "/products/*"}}), "shop", "")
	x := get("s", 0, "/products/17?ref=home")
	x.Header = Header{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}, {"Cookie", "sid=gd~0123456789abcdef"}, {"Authorization", "Bearer gd~fedcba9876543210"}}
	l := &lesson{}
	b.ReportAllocs()
	for b.Loop() {
		r := e.request(x, l)
		r.write(make([]byte, 0, 512), "run", trace{1, 2}, identity{}, nil)
	}
}
