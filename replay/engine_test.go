package replay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// A system that stalls for 2 s makes everything wait that is due meanwhile. Counted from the due time, with 64
// connections or with many, the p99 is what an open queue has; the truth is taken at the server, from when each
// request was due to when it was answered. Counted from the send, as if the users had waited to come, little is
// seen of the stall.
func TestAStallShowsAsUsersFeltIt(t *testing.T) {
	const rate, stall, length = 200, 2 * time.Second, 6 * time.Second
	for _, conns := range []int{64, 1024} {
		t.Run(fmt.Sprintf("%d connections", conns), func(t *testing.T) {
			start := time.Now().Add(20 * time.Millisecond)
			begin := start.Add(2 * time.Second)
			var mu sync.Mutex
			truth := hist.New()
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if at := time.Now(); at.After(begin) && at.Before(begin.Add(stall)) {
					time.Sleep(begin.Add(stall).Sub(at))
				}
				n, _ := strconv.Atoi(r.URL.Path[1:])
				mu.Lock()
				truth.Record(time.Since(start.Add(time.Duration(n) * time.Second / rate)))
				mu.Unlock()
			})
			xs := make([]*Exchange, rate*int(length/time.Second))
			for i := range xs {
				xs[i] = get("", time.Duration(i)*time.Second/rate, "/"+strconv.Itoa(i))
			}
			p, err := New(Config{Open: opener(xs...), Targets: []string{url}, MaxConns: conns, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(10 * time.Second)}})
			require.NoError(t, err)
			var slices []gameday.Slice
			traffic, err := p.Run(t.Context(), start, func(s gameday.Slice) { slices = append(slices, s) })
			require.NoError(t, err)
			total, latency, service := sum(slices, "")
			require.EqualValues(t, len(xs), total.Classes[gameday.ClassOK])
			p99 := truth.Quantile(0.99)
			require.Greater(t, p99, 1900*time.Millisecond)
			// a machine too busy to send on time is as late to read the answers
			tolerance := 0.02*p99.Seconds() + traffic.Fidelity.LatenessMax.Seconds()
			require.InDelta(t, p99.Seconds(), latency.Quantile(0.99).Seconds(), tolerance, "reported %s, truth %s", latency.Quantile(0.99), p99)
			if conns == 64 {
				require.Less(t, service.Quantile(0.9), time.Second, "from the send it looks healthy")
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	block := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-block
		}
	})
	t.Cleanup(func() { close(block) })
	xs := []*Exchange{get("a", 0, "/hang"), get("a", 200*time.Millisecond, "/next"), get("a", 900*time.Millisecond, "/later"), get("b", 0, "/fine")}
	byTime(xs)
	traffic, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(300 * time.Millisecond)}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 1, total.Classes[gameday.ClassTimeout])
	require.EqualValues(t, 3, total.Classes[gameday.ClassOK], "the next one still had time left, the later one found a fresh connection")
	require.Equal(t, gameday.ClassTimeout, traffic.Worst[0].Class)
	require.Equal(t, "/hang", traffic.Worst[0].Path)
	require.InDelta(t, 0.3, traffic.Worst[0].Latency.Seconds(), 0.08)
	require.Empty(t, traffic.Fidelity.Problems, "a hanging system is no fault of the player")
}

func TestABoundedPoolCountsWhatItCouldNotSend(t *testing.T) {
	block := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { <-block })
	t.Cleanup(func() { close(block) })
	traffic, slices := play(t, Config{
		Open: opener(every(100, 1_000_000, 1<<30)...), Targets: []string{url}, MaxConns: 4,
		Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(200 * time.Millisecond)},
	})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 96, total.Unsent)
	require.Equal(t, total.Sent, total.Classes[gameday.ClassTimeout])
	require.Contains(t, strings.Join(traffic.Fidelity.Problems, "\n"), "all 4 connections were busy")
}

// rude runs a server that treats its connections as handle says.
func rude(t *testing.T, handle func(n int64, c net.Conn, r *http.Request) (again bool)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.14.0.3:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	require.NoError(t, err)
	var wg sync.WaitGroup
	var n atomic.Int64
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if !handle(n.Add(1), c, r) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestBrokenConnections(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		handle func(n int64, c net.Conn, r *http.Request) bool
		ok     int64
		failed int64
	}{
		{"closed in the middle of an answer is an error, and not sent again", "GET", func(n int64, c net.Conn, _ *http.Request) bool {
			if n == 2 {
				io.WriteString(c, fine[:len(fine)-1])
				return false
			}
			io.WriteString(c, fine)
			return true
		}, 4, 1},
		{"closed before the answer on a connection that had served before is sent again", "GET", func(n int64, c net.Conn, _ *http.Request) bool {
			if n == 2 {
				return false
			}
			io.WriteString(c, fine)
			return true
		}, 5, 0},
		{"but not when that could do something twice", "POST", func(n int64, c net.Conn, _ *http.Request) bool {
			if n == 2 {
				return false
			}
			io.WriteString(c, fine)
			return true
		}, 4, 1},
		{"closed before the answer on a fresh connection is an error", "GET", func(n int64, c net.Conn, _ *http.Request) bool {
			if n == 1 {
				return false
			}
			io.WriteString(c, fine)
			return true
		}, 4, 1},
		{"closed after each answer without a word", "GET", func(n int64, c net.Conn, _ *http.Request) bool {
			io.WriteString(c, fine)
			return false
		}, 5, 0},
		{"closed after each answer as it said", "GET", func(n int64, c net.Conn, _ *http.Request) bool {
			io.WriteString(c, strings.Replace(fine, "\r\n", "\r\nConnection: close\r\n", 1))
			return false
		}, 5, 0},
		{"an answer that is no HTTP", "GET", func(n int64, c net.Conn, _ *http.Request) bool {
			if n == 3 {
				io.WriteString(c, "SSH-2.0-OpenSSH_9.2p1 Debian\r\n")
				return false
			}
			io.WriteString(c, fine)
			return true
		}, 4, 1},
		{"two answers to one request", "GET", func(n int64, c net.Conn, _ *http.Request) bool {
			io.WriteString(c, fine+fine)
			return true
		}, 5, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := rude(t, tt.handle)
			var xs []*Exchange
			for i := range 5 {
				x := get("s", time.Duration(i)*50*time.Millisecond, fmt.Sprintf("/%d", i))
				x.Method = tt.method
				xs = append(xs, x)
			}
			traffic, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}}})
			total, _, _ := sum(slices, "")
			require.Equal(t, tt.ok, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
			require.Equal(t, tt.failed, total.Classes[gameday.ClassError], "%+v", traffic.Worst)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	traffic, slices := play(t, Config{Open: opener(every(20, 100, 3)...), Targets: []string{"http://" + l.Addr().String()}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 20, total.Classes[gameday.ClassError])
	require.Contains(t, traffic.Worst[0].Error, "refused")
}

func TestAUserPressesAgain(t *testing.T) {
	var got seen
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.note(r)
		got.mu.Lock()
		defer got.mu.Unlock()
		if r.URL.Path == "/down" || r.URL.Path == "/flaky" && len(got.requests) < 3 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	xs := []*Exchange{get("s", 0, "/flaky"), get("s", 10*time.Millisecond, "/next"), get("s", 500*time.Millisecond, "/down")}
	traffic, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Retries: 2, RetryGap: gameday.Duration(50 * time.Millisecond)}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 3, total.Due)
	require.EqualValues(t, 2, total.Classes[gameday.ClassError], "the first press of each")
	require.EqualValues(t, 4, traffic.Fidelity.Retries)
	var paths []string
	for _, r := range got.requests {
		paths = append(paths, r.URL.Path)
	}
	require.Equal(t, []string{"/flaky", "/flaky", "/flaky", "/next", "/down", "/down", "/down"}, paths)
}

func TestALongBodyDoesNotBlockTheOthers(t *testing.T) {
	var others sync.WaitGroup
	others.Add(100)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			others.Wait() // reads nothing before all others have come
			_, _ = io.Copy(io.Discard, r.Body)
			return
		}
		others.Done()
	})
	xs := every(100, 500, 10)
	long := get("up", 20*time.Millisecond, "/upload")
	long.Method, long.Body, long.Size = "POST", []byte(strings.Repeat("x", 16<<20)), 16<<20
	xs = append(xs, long)
	byTime(xs)
	traffic, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(20 * time.Second)}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 101, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
}
