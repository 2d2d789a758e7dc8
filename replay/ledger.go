package replay

import (
	"cmp"
	"slices"
	"sync"
	"time"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// worstKept is how many requests of each flow are kept to be shown.
const worstKept = 20

// maxHeld bounds the records of requests that have ended, while others that were due in the same seconds have not.
const maxHeld = 16_384

// A ledger accounts for every request. It holds the records of a second until none of its requests is open, and
// then folds them into slices; where they are too many, it folds those that are there before. Only for a file of results,
// which is in the order of time, it holds them all.
type ledger struct {
	mu      sync.Mutex
	seconds []*second // from first on
	first   int       // seconds before it are closed
	held    int       // records
	spare   []*page   // to be used again

	fold fold
}

// A second holds the records of what was due in it, in the order in which they were settled.
type second struct {
	open int
	records
	slices []*gameday.Slice // by flow, of what was folded before; nil when nothing was. The fold's
}

// records are those of a second, or some of them.
type records struct {
	pages []*page
	used  int // of the last page
}

// A page is a piece of a second: what grows by pieces is never copied while a request waits.
type page [128]record

func (r *records) len() int {
	if len(r.pages) == 0 {
		return 0
	}
	return (len(r.pages)-1)*len(page{}) + r.used
}

// each calls visit for every record.
func (r *records) each(visit func(*record)) {
	for i, p := range r.pages {
		used := len(p)
		if i == len(r.pages)-1 {
			used = r.used
		}
		for j := range p[:used] {
			visit(&p[j])
		}
	}
}

func newLedger(flows []gameday.Flow, maxLate time.Duration, results *Results) *ledger {
	l := &ledger{fold: fold{flows: flows, maxLate: maxLate, results: results, ofFlow: make([][]*record, len(flows)), worst: make([][]record, len(flows))}}
	l.fold.scratch, l.fold.total, l.fold.spacing = newTimings(), newTimings(), newSpacing()
	l.fold.mix = make([]offered, len(flows))
	l.fold.fidelity.Skipped = make(map[string]int64)
	return l
}

// expect opens an account for a request due then. It is called in the order of time, and before the
// second is closed.
func (l *ledger) expect(due time.Duration) {
	l.mu.Lock()
	l.second(due).open++
	l.mu.Unlock()
}

// settle closes the account of an expected request.
func (l *ledger) settle(r *record) {
	l.mu.Lock()
	s := l.second(r.due)
	if len(s.pages) == 0 || s.used == len(page{}) {
		s.pages, s.used = append(s.pages, l.page()), 0
	}
	s.pages[len(s.pages)-1][s.used] = *r
	s.used++
	s.open--
	l.held++
	l.mu.Unlock()
}

// page returns one that nobody uses.
func (l *ledger) page() *page {
	n := len(l.spare)
	if n == 0 {
		return new(page)
	}
	p := l.spare[n-1]
	l.spare = l.spare[:n-1]
	return p
}

// second returns the one that due falls in, or the first that is not closed.
func (l *ledger) second(due time.Duration) *second {
	i := max(int(due/time.Second)-l.first, 0)
	for len(l.seconds) <= i {
		l.seconds = append(l.seconds, &second{})
	}
	return l.seconds[i]
}

// close gives the slices of every second that is complete to sink: all requests due before reached have
// been expected, and none is open. Where too much is held then, it folds a part of what is not complete.
func (l *ledger) close(reached time.Duration, sink func(gameday.Slice)) error {
	for {
		number, s := l.next(reached)
		if s == nil {
			break
		}
		if err := l.fold.second(number, s, sink); err != nil {
			return err
		}
		l.reuse(s.records)
	}
	for l.fold.results == nil {
		number, s, some := l.most()
		if s == nil {
			break
		}
		if err := l.fold.part(number, s, some, false); err != nil {
			return err
		}
		l.reuse(some)
	}
	return nil
}

// reuse takes back the pages of records that were folded.
func (l *ledger) reuse(r records) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := maxHeld/len(page{}) - len(l.spare)
	l.spare = append(l.spare, r.pages[:max(0, min(len(r.pages), room))]...)
}

// most takes out the records of the second that has most of them, if there are too many in all.
func (l *ledger) most() (number int, s *second, some records) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held <= maxHeld {
		return 0, nil, some
	}
	for i, t := range l.seconds {
		if s == nil || t.len() > s.len() {
			number, s = l.first+i, t
		}
	}
	some, s.records = s.records, records{}
	l.held -= some.len()
	return number, s, some
}

// flush closes everything, and whatever is before reached.
func (l *ledger) flush(reached time.Duration, sink func(gameday.Slice)) error {
	l.mu.Lock()
	last := time.Duration(l.first+len(l.seconds)) * time.Second
	l.mu.Unlock()
	return l.close(max(last, reached), sink)
}

// next takes out the first second, if it is complete.
func (l *ledger) next(reached time.Duration) (number int, s *second) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Duration(l.first+1)*time.Second > reached {
		return 0, nil
	}
	number, s = l.first, &second{} // nothing was due in it
	if len(l.seconds) > 0 {
		if s = l.seconds[0]; s.open > 0 {
			return 0, nil
		}
		l.seconds = l.seconds[1:]
		l.held -= s.len()
	}
	l.first++
	return number, s
}

// A fold turns the records of whole seconds into slices and sums. One goroutine uses it.
type fold struct {
	flows    []gameday.Flow
	maxLate  time.Duration
	results  *Results
	sparse   bool // no slices of flows without requests
	scratch  timings
	encoder  hist.Encoder
	records  []*record   // of a second; in the order of time for results
	ofFlow   [][]*record // the same, by flow
	worst    [][]record  // of each flow, worst first
	fidelity gameday.Fidelity
	pool     int64 // unsent because all connections were in use, a bound of the generator
	room     int64 // unsent because as much was held as is held at most, which is another

	total   timings
	mix     []offered // of each flow
	curve   []offered // of each second
	spacing spacing
}

// second folds the rest of a second, and gives its slices to sink.
func (f *fold) second(number int, s *second, sink func(gameday.Slice)) error {
	if err := f.part(number, s, s.records, s.slices == nil); err != nil {
		return err
	}
	seen := false
	for flow, slice := range s.slices {
		seen = seen || slice != nil
		switch {
		case slice != nil:
			f.fidelity.Due += slice.Due
			f.fidelity.Sent += slice.Sent
			f.fidelity.Unsent += slice.Unsent
		case f.sparse:
			continue
		default:
			slice = f.slice(number, flow)
		}
		sink(*slice)
	}
	if seen {
		f.fidelity.Seconds++
	}
	return nil
}

// part adds some records of a second to its slices; all when they are whole.
func (f *fold) part(number int, s *second, some records, whole bool) error {
	f.sort(some)
	if err := f.results.add(f.records, f.flows); err != nil {
		return err
	}
	f.spacing.add(f.records, whole)
	if s.slices == nil {
		s.slices = make([]*gameday.Slice, len(f.flows))
	}
	for flow, own := range f.ofFlow {
		if len(own) == 0 {
			continue
		}
		if s.slices[flow] == nil {
			s.slices[flow] = f.slice(number, flow)
		}
		if err := f.extend(s.slices[flow], own); err != nil {
			return err
		}
	}
	return nil
}

// slice returns an empty one.
func (f *fold) slice(number, flow int) *gameday.Slice {
	return &gameday.Slice{Second: number, Flow: f.flows[flow].Name, Classes: map[gameday.Class]int64{}, Codes: map[int]int64{}}
}

// sort puts records in the order of time, where somebody wants to see them, and apart by flow.
func (f *fold) sort(some records) {
	f.records = f.records[:0]
	some.each(func(r *record) { f.records = append(f.records, r) })
	if f.results != nil { // sums have no order
		slices.SortFunc(f.records, func(a, b *record) int { return cmp.Compare(a.due, b.due) })
	}
	for flow := range f.ofFlow {
		f.ofFlow[flow] = f.ofFlow[flow][:0]
	}
	for _, r := range f.records {
		f.ofFlow[r.flow] = append(f.ofFlow[r.flow], r)
	}
}

// extend adds records of its flow to a slice.
func (f *fold) extend(s *gameday.Slice, own []*record) error {
	f.scratch.reset()
	if err := f.scratch.merge(s.Timings); err != nil {
		return err
	}
	for _, r := range own {
		f.count(s, r)
	}
	if s.Sent == 0 {
		return nil
	}
	var err error
	s.Timings, err = f.scratch.encode(&f.encoder)
	return err
}

// count adds one record to its slice.
func (f *fold) count(s *gameday.Slice, r *record) {
	if r.fate == sent {
		f.keepWorst(r)
	}
	if r.again {
		f.fidelity.Retries++
		return
	}
	s.Due++
	switch r.fate {
	case skipped:
		s.Skipped++
		if s.Skips == nil {
			s.Skips = make(map[string]int64)
		}
		s.Skips[r.cause]++
		f.fidelity.Skipped[r.cause]++
		return
	case unsent:
		s.Unsent++
		f.offer(r)
		return
	}
	f.offer(r)
	s.Sent++
	s.Classes[r.class]++
	if r.code != 0 {
		s.Codes[r.code]++
	}
	if r.failure != "" {
		if s.Failures == nil {
			s.Failures = make(map[string]int64)
		}
		s.Failures[r.failure]++
	}
	s.BytesIn += r.in
	if r.lateness() > f.maxLate {
		s.Late++
	}
	f.scratch.record(r)
	f.total.record(r)
}

// keepWorst puts r among the worst of its flow, if it is one of them.
func (f *fold) keepWorst(r *record) {
	kept := f.worst[r.flow]
	if len(kept) == worstKept && !r.worse(&kept[worstKept-1]) {
		return
	}
	i, _ := slices.BinarySearchFunc(kept, r, func(a record, b *record) int {
		if b.worse(&a) {
			return 1
		}
		return -1
	})
	kept = slices.Insert(kept, i, *r)
	f.worst[r.flow] = kept[:min(len(kept), worstKept)]
}

// showWorst returns the worst requests of every flow, the worst of all first.
func (f *fold) showWorst() []gameday.WorstRequest {
	var all []record
	for _, records := range f.worst {
		all = append(all, records...)
	}
	slices.SortStableFunc(all, func(a, b record) int {
		switch {
		case a.worse(&b):
			return -1
		case b.worse(&a):
			return 1
		}
		return 0
	})
	shown := make([]gameday.WorstRequest, 0, len(all))
	for _, r := range all {
		shown = append(shown, r.worst(f.flows[r.flow].Name))
	}
	return shown
}
