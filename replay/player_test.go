package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// reel is a Source over a slice. What is given back to it turns into something else, at once.
type reel struct {
	xs []*Exchange
	i  int
}

func (r *reel) Next() (*Exchange, error) {
	if r.i == len(r.xs) {
		return nil, io.EOF
	}
	r.i++
	x := *r.xs[r.i-1]
	x.Header, x.Trailer, x.Body = slices.Clone(x.Header), slices.Clone(x.Trailer), bytes.Clone(x.Body)
	if x.Response != nil {
		a := *x.Response
		a.Header, a.Trailer, a.Body = slices.Clone(a.Header), slices.Clone(a.Trailer), bytes.Clone(a.Body)
		x.Response = &a
	}
	return &x, nil
}

// Recycle does what a source may do, before it is due.
func (r *reel) Recycle(x *Exchange) {
	spoil := func(h Header, body []byte) {
		for i := range h {
			h[i] = Field{"Recycled", "recycled"}
		}
		for i := range body {
			body[i] = '!'
		}
	}
	spoil(x.Header, x.Body)
	if x.Response != nil {
		spoil(x.Response.Header, x.Response.Body)
		*x.Response = Response{Status: 599}
	}
	*x = Exchange{Session: "recycled", Method: "RECYCLE", Target: "/recycled", At: math.MaxInt64, Response: x.Response}
}

func opener(xs ...*Exchange) func() (Source, error) {
	return func() (Source, error) { return &reel{xs: xs}, nil }
}

// get is an exchange that was answered with 200 at once.
func get(session string, at time.Duration, target string) *Exchange {
	return &Exchange{Session: session, At: at, Method: "GET", Target: target, Host: "shop.example", Response: &Response{Status: 200}}
}

// every spreads n requests of as many sessions evenly, at the rate per second.
func every(n, rate, sessions int) []*Exchange {
	xs := make([]*Exchange, n)
	for i := range xs {
		xs[i] = get(fmt.Sprintf("s%d", i%sessions), time.Duration(i)*time.Second/time.Duration(rate), fmt.Sprintf("/products/%d", i%100))
	}
	return xs
}

// serve runs an HTTP server on this package's own loopback address for as long as the test.
func serve(t testing.TB, h http.HandlerFunc) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.14.0.1:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0") // systems with one loopback address only
	}
	require.NoError(t, err)
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

// play runs a player to its end. A busy machine is no problem here.
func play(t testing.TB, c Config) (gameday.Traffic, []gameday.Slice) {
	t.Helper()
	if c.Traffic.MaxLate == 0 {
		c.Traffic.MaxLate = gameday.Duration(10 * time.Second)
	}
	p, err := New(c)
	require.NoError(t, err)
	var slices []gameday.Slice
	traffic, err := p.Run(t.Context(), time.Now().Add(20*time.Millisecond), func(s gameday.Slice) { slices = append(slices, s) })
	require.NoError(t, err)
	traffic.Slices = slices
	checkBooks(t, traffic)
	return traffic, slices
}

// checkBooks asserts what must hold for every run.
func checkBooks(t testing.TB, traffic gameday.Traffic) {
	t.Helper()
	var due, sent int64
	second := map[string]int{}
	for _, s := range traffic.Slices {
		require.Equal(t, second[s.Flow], s.Second, "each second of a flow comes once and in order")
		second[s.Flow]++
		require.Equal(t, s.Due, s.Sent+s.Skipped+s.Unsent, "second %d of %s", s.Second, s.Flow)
		classes := int64(0)
		for _, n := range s.Classes {
			classes += n
		}
		require.Equal(t, s.Sent, classes, "second %d of %s", s.Second, s.Flow)
		latency, err := hist.Decode(s.Latency)
		require.NoError(t, err)
		require.Equal(t, s.Sent, latency.Count())
		due, sent = due+s.Due, sent+s.Sent
	}
	require.Equal(t, traffic.Fidelity.Due, due)
	require.Equal(t, traffic.Fidelity.Sent, sent)
}

// sum adds up the slices of a flow; all flows when it is empty.
func sum(slices []gameday.Slice, flow string) (total gameday.Slice, latency, service *hist.Histogram) {
	latency, service = hist.New(), hist.New()
	total.Classes, total.Codes = map[gameday.Class]int64{}, map[int]int64{}
	for _, s := range slices {
		if flow != "" && s.Flow != flow {
			continue
		}
		total.Due, total.Sent = total.Due+s.Due, total.Sent+s.Sent
		total.Skipped, total.Unsent, total.Late = total.Skipped+s.Skipped, total.Unsent+s.Unsent, total.Late+s.Late
		for c, n := range s.Classes {
			total.Classes[c] += n
		}
		for c, n := range s.Codes {
			total.Codes[c] += n
		}
		for h, raw := range map[*hist.Histogram][]byte{latency: s.Latency, service: s.Service} {
			if part, err := hist.Decode(raw); err == nil {
				h.Merge(part)
			}
		}
	}
	return total, latency, service
}

// seen remembers requests in the order of arrival.
type seen struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func (s *seen) note(r *http.Request) (body string) {
	raw, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(raw))
	return string(raw)
}

func TestPlaysTheTape(t *testing.T) {
	var got seen
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { got.note(r) })
	flows := []gameday.Flow{{Name: "browse", Method: "GET", Path: "/products/*", Criticality: gameday.Core}}
	xs := append(every(300, 300, 20), get("s1", 1200*time.Millisecond, "/about"))
	traffic, slices := play(t, Config{Run: "r1", Flows: flows, Open: opener(xs...), Targets: []string{url}})

	browse, latency, service := sum(slices, "browse")
	require.EqualValues(t, 300, browse.Sent)
	require.EqualValues(t, 300, browse.Classes[gameday.ClassOK])
	require.EqualValues(t, 300, browse.Codes[200])
	require.GreaterOrEqual(t, latency.Mean(), service.Mean())
	other, _, _ := sum(slices, Other)
	require.EqualValues(t, 1, other.Sent)
	require.Len(t, slices, 4, "two flows, two seconds")
	require.Empty(t, traffic.Fidelity.Problems)
	require.Equal(t, 2, traffic.Fidelity.Seconds)
	require.NotEmpty(t, traffic.Worst)
	require.Len(t, got.requests, 301)
	require.Equal(t, "r1", got.requests[0].Header.Get("X-Gameday-Replay"))
	require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-01$", got.requests[0].Header.Get("Traceparent"))
	require.Equal(t, strings.TrimPrefix(url, "http://"), got.requests[0].Host)
}

func TestKeepsTheOrderWithinASession(t *testing.T) {
	var mu sync.Mutex
	inFlight, last := map[string]int{}, map[string]string{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		session, n := r.Header.Get("X-Session"), r.URL.Path
		mu.Lock()
		inFlight[session]++
		if inFlight[session] > 1 || n <= last[session] {
			t.Errorf("session %s: %s after %s, %d in flight", session, n, last[session], inFlight[session])
		}
		last[session] = n
		mu.Unlock()
		time.Sleep(5 * time.Millisecond) // longer than the distance of the session's requests
		mu.Lock()
		inFlight[session]--
		mu.Unlock()
	})
	var xs []*Exchange
	for i := range 400 {
		x := get(fmt.Sprint(i%4), time.Duration(i)*time.Millisecond, fmt.Sprintf("/%04d", i))
		x.Header = Header{{"X-Session", x.Session}}
		xs = append(xs, x)
	}
	_, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}})
	total, latency, service := sum(slices, "")
	require.EqualValues(t, 400, total.Classes[gameday.ClassOK])
	require.Greater(t, latency.Max(), 2*service.Max(), "waiting for the answer before counts as latency, not as service")
}

func TestABusySessionIsHandledByPolicy(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { time.Sleep(300 * time.Millisecond) })
	xs := []*Exchange{get("a", 0, "/1"), get("a", 50*time.Millisecond, "/2")}
	for _, tt := range []struct {
		policy  string
		sent    int64
		slowest time.Duration
		counted [3]int64 // as waited, spilled, skipped
	}{
		{"wait", 2, 550 * time.Millisecond, [3]int64{1, 0, 0}}, // counted from its due time
		{"spill", 2, 300 * time.Millisecond, [3]int64{0, 1, 0}},
		{"drop", 1, 300 * time.Millisecond, [3]int64{0, 0, 1}},
	} {
		t.Run(tt.policy, func(t *testing.T) {
			traffic, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Busy: tt.policy}})
			total, latency, _ := sum(slices, "")
			require.Equal(t, tt.sent, total.Sent)
			f := traffic.Fidelity
			require.Equal(t, tt.counted, [3]int64{f.Waited, f.Spilled, f.Skipped[gameday.SkipBusy]})
			skipped := int64(0)
			for _, s := range slices {
				skipped += s.Skips[gameday.SkipBusy]
			}
			require.Equal(t, 2-tt.sent, skipped, "per flow and second, too")
			require.GreaterOrEqual(t, latency.Max(), tt.slowest-time.Millisecond)
		})
	}
}

func TestStopsWhenCancelled(t *testing.T) {
	block := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { <-block })
	t.Cleanup(func() { close(block) })
	p, err := New(Config{Open: opener(every(2000, 500, 20)...), Targets: []string{url}, MaxConns: 8})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	var slices []gameday.Slice
	traffic, err := p.Run(ctx, time.Now(), func(s gameday.Slice) { slices = append(slices, s) })
	require.NoError(t, err)
	require.Less(t, time.Since(began), 2*time.Second)
	traffic.Slices = slices
	checkBooks(t, traffic)
	require.Greater(t, traffic.Fidelity.Skipped["run stopped"], int64(200))
	require.Zero(t, traffic.Fidelity.Sent, "nothing was answered, and the end of the run is no failure of the system")
}
