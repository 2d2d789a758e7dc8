package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// The generator's own bounds that keep requests from being sent.
const (
	limitPool = "no connection"
	limitRoom = "no room"
)

// offered is how much was wanted, and how much of it was sent.
type offered struct {
	due, sent int64
	starved   string // by which of the generator's own bounds some of the due were not sent
}

// offer adds a request that was not skipped to the sums of its flow and of its seconds.
func (f *fold) offer(r *record) {
	f.mix[r.flow].due++
	due := f.at(r.due)
	due.due++
	switch {
	case r.fate == sent:
		f.mix[r.flow].sent++
		f.at(r.sent).sent++
	case r.cause == causePool:
		due.starved = limitPool
		f.pool++
	case r.cause == causeRoom:
		due.starved = limitRoom
		f.room++
	}
}

// at returns the sums of the second that contains the offset. It is valid until the next call.
func (f *fold) at(offset time.Duration) *offered {
	second := int(offset / time.Second)
	for len(f.curve) <= second {
		f.curve = append(f.curve, offered{})
	}
	return &f.curve[second]
}

// report fills in what the sums say of fidelity. curve is what the generator saw of itself.
func (f *fold) report(to *gameday.Fidelity, curve []gameday.GeneratorSecond) (err error) {
	if to.Sent > 0 {
		to.Timings, err = f.total.encode(&f.encoder)
	}
	to.Spacing, to.Mix = f.spacing.distance(), mixDistance(f.mix)
	for i := range curve {
		s := &curve[i]
		if s.Second < len(f.curve) {
			o := f.curve[s.Second]
			s.Due, s.Sent = o.due, o.sent
			if s.Limited == "" {
				s.Limited = o.starved
			}
		}
		if s.Limited != "" {
			to.LimitedSecond++
		}
	}
	to.Curve = curve
	return err
}

// minPorts is how many ephemeral ports must stay free: with fewer, connections fail for reasons of the generator's machine.
const minPorts = 100

// limitedSeconds says how many seconds the generator limited, and why.
func limitedSeconds(f *gameday.Fidelity) string {
	causes := map[string]int{}
	for _, s := range f.Curve {
		if s.Limited != "" {
			causes[s.Limited]++
		}
	}
	var parts []string
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		parts = append(parts, fmt.Sprintf("%d %s", causes[cause], cause))
	}
	return fmt.Sprintf("%d (%s)", f.LimitedSecond, strings.Join(parts, ", "))
}

// mixDistance is the total variation distance between the shares of flows among what was due and what was sent: the
// share of requests that would have to be of another flow for the mixes to be the same.
func mixDistance(flows []offered) float64 {
	var due, sent int64
	for _, f := range flows {
		due, sent = due+f.due, sent+f.sent
	}
	if due == 0 || sent == 0 {
		return 0
	}
	distance := 0.0
	for _, f := range flows {
		distance += max(0, float64(f.due)/float64(due)-float64(f.sent)/float64(sent))
	}
	return distance
}

// finest is the difference of two times between requests that spacing takes for none: what a thread that sends several
// at once cannot tell apart.
const finest = 100 * time.Microsecond

// spacing compares the times between one request and the next, as due and as offered.
type spacing struct {
	due, taken         *hist.Histogram
	lastDue, lastTaken time.Duration
	began              bool
	scratch            []time.Duration
}

func newSpacing() spacing { return spacing{due: hist.New(), taken: hist.New()} }

// add takes the records of one second. Those that are not whole have no neighbours in time but each other.
func (s *spacing) add(records []*record, whole bool) {
	first := !s.began || !whole
	s.began = whole && (s.began || len(records) > 0)
	s.lastDue = s.gaps(s.due, records, s.lastDue, first, func(r *record) time.Duration { return r.due })
	s.lastTaken = s.gaps(s.taken, records, s.lastTaken, first, func(r *record) time.Duration { return r.taken })
}

// gaps counts the gaps between the times of the records, the first one since last, and returns the latest time.
func (s *spacing) gaps(to *hist.Histogram, records []*record, last time.Duration, first bool, at func(*record) time.Duration) time.Duration {
	times := s.scratch[:0]
	for _, r := range records {
		if r.taken > 0 {
			times = append(times, at(r))
		}
	}
	s.scratch = times
	slices.Sort(times)
	for i, t := range times {
		if i > 0 || !first {
			to.Record(t - last)
		}
		last = t
	}
	return last
}

func (s *spacing) distance() float64 { return hist.Distance(s.due, s.taken, finest) }
