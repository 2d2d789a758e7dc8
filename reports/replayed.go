package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
	"github.com/gameday-dev/gameday/internal/hist"
)

// Replayed is what a replay without a run did: what [Replay], [ReplayJSON] and [ReplayHTML] tell of.
type Replayed struct {
	gameday.Traffic
	Plan    gameday.TrafficPlan
	Flows   []gameday.Flow
	Seed    uint64
	Version string // of gameday
	Sender  string // how requests were sent
	Started time.Time
	Length  gameday.Duration     // that it took
	Capture map[string]Recording // accounts of the recording, by source; empty where nobody kept any

	Result  gameday.Result // PASS when played as planned
	Reasons []string       // why it is not PASS
}

// Recording is what became of the exchanges that one source of a capture saw.
type Recording struct {
	Captured  uint64            `json:"captured"`
	Filtered  map[string]uint64 `json:"filtered,omitempty"` // by rule
	Sampled   uint64            `json:"sampled_out,omitempty"`
	Lost      map[string]uint64 `json:"lost,omitempty"` // by cause
	Truncated uint64            `json:"truncated,omitempty"`
	Cut       uint64            `json:"cut,omitempty"`
}

// total is what became of the requests of one flow. Its form in JSON is documented.
type total struct {
	Flow     string           `json:"flow"`
	Method   string           `json:"method,omitempty"`
	Path     string           `json:"path,omitempty"` // glob
	Due      int64            `json:"due"`
	Sent     int64            `json:"sent"`
	OK       int64            `json:"ok"`
	Degraded int64            `json:"degraded"`
	Rejected int64            `json:"rejected"`
	Error    int64            `json:"error"`
	Timeout  int64            `json:"timeout"`
	Failed   int64            `json:"failed"` // rejected, error and timeout
	Failures map[string]int64 `json:"failures,omitempty"`
	Skipped  map[string]int64 `json:"skipped,omitempty"`
	Unsent   int64            `json:"unsent"`
	Late     int64            `json:"late"`
	Codes    map[int]int64    `json:"codes,omitempty"`
	BytesIn  int64            `json:"bytes_in"`
	Latency  spread           `json:"latency"`
	Service  spread           `json:"service"`
	Lateness spread           `json:"lateness"`
	Wait     spread           `json:"wait"`
}

// spread is a distribution in milliseconds.
type spread struct {
	Mean float64 `json:"mean_ms"`
	P50  float64 `json:"p50_ms"`
	P90  float64 `json:"p90_ms"`
	P95  float64 `json:"p95_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

func spreadOf(h *hist.Histogram) spread {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	q := func(share float64) float64 { return ms(h.Quantile(share)) }
	return spread{ms(h.Mean().Round(time.Microsecond)), q(0.5), q(0.9), q(0.95), q(0.99), q(0.999), ms(h.Max())}
}

// totals returns the sums of every flow that had requests, by name, and of all together.
func (r Replayed) totals() (_ []total, all total, err error) {
	byFlow := map[string][]gameday.Slice{}
	for _, s := range r.Slices {
		if s.Due > 0 {
			byFlow[s.Flow] = append(byFlow[s.Flow], s)
		}
	}
	known := map[string]gameday.Flow{}
	for _, f := range r.Flows {
		known[f.Name] = f
	}
	every, flows := newSums("all"), []total{}
	for _, name := range sortedNames(byFlow) {
		one := newSums(name) // one at a time: histograms are large
		one.Method, one.Path = known[name].Method, known[name].Path
		for _, s := range byFlow[name] {
			if err := one.add(s); err != nil {
				return nil, all, fmt.Errorf("summarise flow %s at second %d: %w", s.Flow, s.Second, err)
			}
		}
		every.join(one)
		flows = append(flows, one.done())
	}
	return flows, every.done(), nil
}

// sums is a total that is being counted.
type sums struct {
	total
	latency, service, lateness, wait *hist.Histogram
}

func newSums(flow string) *sums {
	return &sums{
		total{Flow: flow, Failures: map[string]int64{}, Skipped: map[string]int64{}, Codes: map[int]int64{}},
		hist.New(), hist.New(), hist.New(), hist.New(),
	}
}

func (t *sums) add(s gameday.Slice) error {
	t.count(total{
		Due: s.Due, Sent: s.Sent, OK: s.Classes[gameday.ClassOK], Degraded: s.Classes[gameday.ClassDegraded],
		Rejected: s.Classes[gameday.ClassRejected], Error: s.Classes[gameday.ClassError], Timeout: s.Classes[gameday.ClassTimeout],
		Failures: s.Failures, Skipped: s.Skips, Unsent: s.Unsent, Late: s.Late, Codes: s.Codes, BytesIn: s.BytesIn,
	})
	for _, one := range []struct {
		from []byte
		to   *hist.Histogram
	}{{s.Latency, t.latency}, {s.Service, t.service}, {s.Lateness, t.lateness}, {s.Wait, t.wait}} {
		if err := one.to.MergeEncoded(one.from); err != nil {
			return err
		}
	}
	return nil
}

func (t *sums) join(u *sums) {
	t.count(u.total)
	t.latency.Merge(u.latency)
	t.service.Merge(u.service)
	t.lateness.Merge(u.lateness)
	t.wait.Merge(u.wait)
}

func (t *sums) count(u total) {
	t.Due, t.Sent, t.Unsent, t.Late, t.BytesIn = t.Due+u.Due, t.Sent+u.Sent, t.Unsent+u.Unsent, t.Late+u.Late, t.BytesIn+u.BytesIn
	t.OK, t.Degraded = t.OK+u.OK, t.Degraded+u.Degraded
	t.Rejected, t.Error, t.Timeout = t.Rejected+u.Rejected, t.Error+u.Error, t.Timeout+u.Timeout
	tally(t.Failures, u.Failures)
	tally(t.Skipped, u.Skipped)
	tally(t.Codes, u.Codes)
}

func tally[K comparable](to, from map[K]int64) {
	for k, n := range from {
		to[k] += n
	}
}

func (t *sums) done() total {
	t.Failed = t.Rejected + t.Error + t.Timeout
	t.Latency, t.Service, t.Lateness, t.Wait = spreadOf(t.latency), spreadOf(t.service), spreadOf(t.lateness), spreadOf(t.wait)
	return t.total
}

// sentence says in one what the replay did.
func (r Replayed) sentence(routes int, all total) string {
	text := fmt.Sprintf("%s on %s were sent in %s", plural(int(all.Sent), "request"), plural(routes, "route"), short(r.Length))
	switch {
	case all.Sent == 0:
		return fmt.Sprintf("No request was sent in %s.", short(r.Length))
	case all.Failed == 0:
		text += "; none failed"
	default:
		text += fmt.Sprintf("; %s failed (%s)", count(all.Failed), chart.Ratio.Format(float64(all.Failed)/float64(all.Sent)))
	}
	return text + fmt.Sprintf("; p99 %s from the moment they were due.", milliseconds(all.Latency.P99))
}

func milliseconds(v float64) string { return chart.Seconds.Format(v / 1000) }

// tallyText lists counts by what they are of, the most first: "12 status 500, 3 timeout".
func tallyText[N int64 | uint64](counts map[string]N) string {
	names := sortedNames(counts)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return strings.Join(parts, ", ")
}
