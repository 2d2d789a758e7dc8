package replay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// TestMain runs the null server instead of the tests when it is asked to, so that benchmarks count the CPU of the
// client alone.
func TestMain(m *testing.M) {
	switch os.Getenv("REPLAY_NULL_SERVER") {
	case "":
		os.Exit(m.Run())
	case "HTTP/2":
		serveFrames()
	default:
		serveNull()
	}
}

// serveNull answers each read with a response until its standard input ends, and prints where it listens.
func serveNull() {
	stepAside()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		l.Close()
	}()
	const answer = "HTTP/1.1 200 OK\r\nServer: null\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nHello world\n"
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() { // ends with the process
			buf := make([]byte, 4096)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
				if _, err := io.WriteString(c, answer); err != nil {
					return
				}
			}
		}()
	}
}

// null starts a server process that costs next to nothing.
func null(b *testing.B) (url string) { return nullOf(b, "HTTP/1.1") }

// nullOf is null for one protocol.
func nullOf(b *testing.B, protocol string) (url string) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(self)
	server.Env = append(os.Environ(), "REPLAY_NULL_SERVER="+protocol)
	stdin, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		_ = server.Wait()
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(addr)
}

// plainRequest is what the floors beneath the player send: what it sends itself for the benchmarks' exchanges.
const plainRequest = "GET /products/1 HTTP/1.1\r\nHost: 127.0.0.1:12345\r\nX-Gameday-Replay: 0\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"

// BenchmarkOpenLoop offers requests at a fixed rate, one second of it per operation, and reports the client's CPU per
// request and how late requests left. The player has everything on: sessions, histograms, a record per request. The
// floor beneath it is one thread with epoll that sends the same bytes at the same times, and takes whatever comes for
// an answer.
func BenchmarkOpenLoop(b *testing.B) {
	for _, rate := range []int{5000, 15000} {
		b.Run(fmt.Sprintf("%d/player", rate), func(b *testing.B) { benchPlayer(b, every(rate*b.N, rate, 200), gameday.TrafficPlan{}) })
		b.Run(fmt.Sprintf("%d/epoll", rate), func(b *testing.B) { benchEpoll(b, rate) })
	}
}

// BenchmarkSaturated has 64 connections carry what they can. The player's tape offers more than that, in as many
// sessions as there are connections; the floor is a plain loop over net.Conn with the same parser, and without.
func BenchmarkSaturated(b *testing.B) {
	b.Run("player", func(b *testing.B) {
		benchPlayer(b, every(b.N, 1_000_000, 64), gameday.TrafficPlan{Timeout: gameday.Duration(time.Hour)})
	})
	b.Run("net.Conn", func(b *testing.B) { benchLoop(b, true) })
	b.Run("net.Conn unparsed", func(b *testing.B) { benchLoop(b, false) })
}

func benchPlayer(b *testing.B, xs []*Exchange, plan gameday.TrafficPlan) {
	benchRun(b, Config{Open: opener(xs...), Targets: []string{null(b)}, Traffic: plan}, false)
}

func benchRun(b *testing.B, c Config, courier bool) {
	c.MaxConns, c.Traffic.MaxLate = 64, gameday.Duration(time.Hour)
	p, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	p.engine.noFrames.Store(courier)
	b.ReportAllocs()
	b.ResetTimer()
	cpu, kernel := ownCPU(), kernelCPU()
	traffic, err := p.Run(b.Context(), time.Now().Add(100*time.Millisecond), func(gameday.Slice) {})
	if err != nil {
		b.Fatal(err)
	}
	f := traffic.Fidelity
	b.ReportMetric(float64((ownCPU()-cpu).Microseconds())/float64(f.Sent), "cpu-us/request")
	b.ReportMetric(float64((kernelCPU()-kernel).Microseconds())/float64(f.Sent), "kernel-us/request")
	b.ReportMetric(float64(f.LatenessP50.Std().Microseconds()), "p50-late-us")
	b.ReportMetric(float64(f.LatenessP99.Std().Microseconds()), "p99-late-us")
	b.ReportMetric(float64(f.Due-f.Sent), "lost")
}

// benchLoop has 64 goroutines send and wait for the answer in turn.
func benchLoop(b *testing.B, parsed bool) {
	url := null(b)
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
			var p responseParser
			buf := make([]byte, 8<<10)
			for n.Add(1) <= int64(b.N) {
				if _, err := io.WriteString(c, plainRequest); err != nil {
					b.Error(err)
					return
				}
				p.begin("GET", false)
				for done := false; !done; {
					read, err := c.Read(buf)
					if done = !parsed; parsed && err == nil {
						_, done, err = p.feed(buf[:read])
					}
					if err != nil {
						b.Error(err)
						return
					}
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
	l, stamp := &lesson{}, testStamp(b, "run")
	b.ReportAllocs()
	for b.Loop() {
		r := e.request(x, 0, l)
		r.write(make([]byte, 0, 512), stamp, tag{trace: trace{1, 2}}, identity{}, nil)
	}
}
