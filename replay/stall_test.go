package replay

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	gameday "github.com/gameday-dev/gameday"
)

// A stall is a server that answers nothing for a while, as in a long collection of garbage, and then everything. It
// notes when it answered /0, /1 and so on.
type stall struct {
	from, length time.Duration

	mu       sync.Mutex
	start    time.Time
	answered map[int]time.Duration
}

// begin counts from then on.
func (s *stall) begin(at time.Time) {
	s.mu.Lock()
	s.start, s.answered = at, map[int]time.Duration{}
	s.mu.Unlock()
}

func (s *stall) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	at := time.Since(s.start)
	s.mu.Unlock()
	if at >= s.from && at < s.from+s.length {
		select {
		case <-time.After(s.from + s.length - at):
		case <-r.Context().Done():
		}
	}
	if i, err := strconv.Atoi(r.URL.Path[1:]); err == nil {
		s.mu.Lock()
		s.answered[i] = time.Since(s.start)
		s.mu.Unlock()
	}
}

// truth returns the percentile of what users waited, the i-th of whom came at arrivals[i].
func (s *stall) truth(q float64, arrivals []time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	waits := make([]time.Duration, len(arrivals))
	for i, at := range arrivals {
		waits[i] = s.answered[i] - at
	}
	slices.Sort(waits)
	return waits[int(math.Ceil(q*float64(len(waits))))-1]
}

// While a server stalls, a generator that waits for answers before it asks again sends next to nothing, and so measures next
// to nothing: the usual setting of a bounded number of workers reads the calm before and after. Latency counted from
// the due time reads what users would have waited.
func TestAStallOfTwoSecondsIsReadAsUsersSawIt(t *testing.T) {
	const rate, length = 100, 6 // per second, seconds
	s := &stall{from: 2 * time.Second, length: 2 * time.Second}
	url := serve(t, s.ServeHTTP)
	var arrivals []time.Duration
	var xs []*Exchange
	for i := range rate * length {
		arrivals = append(arrivals, time.Duration(i)*time.Second/rate)
		xs = append(xs, get("", arrivals[i], "/"+strconv.Itoa(i)))
	}

	start := time.Now().Add(20 * time.Millisecond)
	s.begin(start)
	p, err := New(Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{
		MaxLate: gameday.Duration(time.Minute), Timeout: gameday.Duration(time.Minute),
	}})
	require.NoError(t, err)
	traffic, err := p.Run(t.Context(), start, nil)
	require.NoError(t, err)
	total, latency, service := sum(traffic.Slices, "")
	require.EqualValues(t, rate*length, total.Classes[gameday.ClassOK])
	users, ours := s.truth(0.99, arrivals), latency.Quantile(0.99)
	t.Logf("p99: truth %s, ours %s (service %s)", users, ours, service.Quantile(0.99))
	// Server and generator share the test's processors: one that sends late, by so much at most, reads answers late too.
	require.InDelta(t, users.Seconds(), ours.Seconds(), 0.02*users.Seconds()+2*traffic.Fidelity.LatenessMax.Seconds())

	s.begin(time.Now())
	vegetas := attack(t, url, rate, length*time.Second, 2)
	t.Logf("vegeta with 2 workers: %d requests, p99 %s", vegetas.Requests, vegetas.Latencies.P99)
	require.Less(t, vegetas.Latencies.P99, users/2, "what it hides")
}

// attack has vegeta send at a rate with a bounded number of workers.
func attack(t *testing.T, url string, rate int, length time.Duration, workers uint64) *vegeta.Metrics {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length+5*time.Second)
	defer cancel()
	attacker := vegeta.NewAttacker(vegeta.MaxWorkers(workers), vegeta.Workers(workers), vegeta.MaxBody(0))
	targets := vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: url + "/"})
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	m := &vegeta.Metrics{}
	for r := range attacker.Attack(targets, vegeta.Rate{Freq: rate, Per: time.Second}, length, "stall") {
		m.Add(r)
	}
	m.Close()
	return m
}
