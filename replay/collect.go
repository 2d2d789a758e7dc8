package replay

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

var _ gameday.Load = (*Player)(nil)

// bounds are the upper ends of the duration buckets in seconds: the usual ones, and those at which objectives are
// mostly set.
var bounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10}

var phases = [...]gameday.Phase{gameday.Warmup, gameday.Baseline, gameday.During, gameday.Recovery}

// series counts what was answered, by flow.
type series struct {
	flows []gameday.Flow
	of    []flowSeries
}

type flowSeries struct {
	requests [len(phases)][len(gameday.Classes)]atomic.Int64
	buckets  [len(bounds) + 1]atomic.Int64 // each its own, not the sum of those below
	nanos    atomic.Int64
}

func newSeries(flows []gameday.Flow) *series {
	return &series{flows, make([]flowSeries, len(flows))}
}

func (s *series) observe(flow int, phase gameday.Phase, class gameday.Class, latency time.Duration) {
	f := &s.of[flow]
	f.requests[slices.Index(phases[:], phase)][slices.Index(gameday.Classes[:], class)].Add(1)
	i, seconds := 0, latency.Seconds()
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	f.buckets[i].Add(1)
	f.nanos.Add(int64(latency))
}

// samples gives every series, those at 0 too: a counter that is born later has no increase.
func (s *series) samples() (out []gameday.Sample) {
	add := func(name string, value float64, labels ...string) {
		m := make(map[string]string, len(labels)/2)
		for i := 0; i < len(labels); i += 2 {
			m[labels[i]] = labels[i+1]
		}
		out = append(out, gameday.Sample{Name: name, Labels: m, Value: value})
	}
	for i, flow := range s.flows {
		f, criticality := &s.of[i], string(flow.Criticality)
		for j, phase := range phases {
			for k, class := range gameday.Classes {
				add("gameday_client_requests_total", float64(f.requests[j][k].Load()),
					"flow", flow.Name, "outcome", string(class), "criticality", criticality, "phase", string(phase))
			}
		}
		sum := int64(0)
		for j := range f.buckets {
			sum += f.buckets[j].Load()
			le := "+Inf"
			if j < len(bounds) {
				le = strconv.FormatFloat(bounds[j], 'g', -1, 64)
			}
			add("gameday_client_duration_seconds_bucket", float64(sum), "flow", flow.Name, "criticality", criticality, "le", le)
		}
		add("gameday_client_duration_seconds_count", float64(sum), "flow", flow.Name, "criticality", criticality)
		add("gameday_client_duration_seconds_sum", time.Duration(f.nanos.Load()).Seconds(), "flow", flow.Name, "criticality", criticality)
	}
	return out
}

// rateWindow is the seconds over which the intended rate is averaged, as long as the usual window of questions
// about the rate that was reached.
const rateWindow = 10

// rates knows how much was due and sent lately.
type rates struct {
	flows []gameday.Flow
	total []atomic.Int64 // due, by flow

	mu       sync.Mutex
	history  [][]int64 // totals at the last ticks
	lastSent int64
	perSec   float64
}

func newRates(flows []gameday.Flow) *rates {
	return &rates{flows: flows, total: make([]atomic.Int64, len(flows))}
}

func (r *rates) due(flow int) { r.total[flow].Add(1) }

// tick ends a second.
func (r *rates) tick(sent int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := make([]int64, len(r.total))
	for i := range now {
		now[i] = r.total[i].Load()
	}
	r.history = append(r.history, now)
	if len(r.history) > rateWindow+1 {
		r.history = r.history[1:]
	}
	r.perSec, r.lastSent = float64(sent-r.lastSent), sent
}

func (r *rates) sent() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.perSec
}

func (r *rates) samples() (out []gameday.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, flow := range r.flows {
		rate := 0.0
		if n := len(r.history); n > 1 {
			rate = float64(r.history[n-1][i]-r.history[0][i]) / float64(n-1)
		}
		out = append(out, gameday.Sample{Name: "gameday_target_rps", Labels: map[string]string{"flow": flow.Name, "criticality": string(flow.Criticality)}, Value: rate})
	}
	return out
}

// Collect returns the load's own series at this moment.
func (p *Player) Collect() []gameday.Sample {
	e := p.engine
	single := func(name string, value float64) gameday.Sample {
		return gameday.Sample{Name: name, Labels: map[string]string{}, Value: value}
	}
	samples := append(append(p.series.samples(), p.rates.samples()...),
		single("gameday_traffic_lag_seconds", p.lag.lastP99().Seconds()),
		single("gameday_traffic_in_flight", float64(e.inFlight.Load())),
		single("gameday_traffic_unsent_total", float64(e.unsent.Load())),
		single("gameday_traffic_unresolved_total", float64(e.unresolved.Load())),
		single("gameday_traffic_waited_total", float64(e.waited.Load())),
		single("gameday_traffic_spilled_total", float64(e.spilled.Load())),
		single("gameday_traffic_resent_total", float64(e.resent.Load())),
		single("gameday_traffic_connections_total", float64(e.opened.Load())),
		single("gameday_traffic_factor", factor(p.surges.active())),
	)
	if share := p.feed.complete.Load(); share != nil {
		samples = append(samples, single("gameday_capture_completeness", *share))
	}
	return samples
}
