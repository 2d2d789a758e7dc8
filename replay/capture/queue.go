package capture

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// queue stands between the traffic and the recorder: it never makes the traffic wait, and
// keeps the ledger of what it took and what it could not take.
type queue struct {
	o        Options
	recorder replay.Recorder
	sessions *sessions
	sampler  *sampler
	gate     *gate
	in       chan parcel
	held     atomic.Int64 // bytes of bodies in flight and waiting
	busy     atomic.Int64 // nanoseconds that the recording goroutine worked
	done     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	counts replay.Counts
	span   replay.SampledSpan     // under way
	gaps   map[string]*replay.Gap // what was lost since the last gap records, by cause
	notes  []replay.Gap           // to be recorded as they are
	err    error                  // the first error of the recorder

	away      map[*replay.Exchange]*absence // with the middleware; of the recording goroutine
	added     uint64                        // by the middleware
	dismissal sync.Once                     // of the middleware
}

// parcel is an exchange, or a message of a conversation.
type parcel struct {
	x    *replay.Exchange
	m    *said
	talk *Talk // that x begins, or that m is of

	lender Lender // of x; nil when nobody wants it back

	held      int  // bytes of bodies that were reserved for it
	truncated bool // a body was over the limit
}

// reserved is how many bytes of bodies were reserved for it.
func (e parcel) reserved() int {
	if e.m != nil {
		return len(e.m.Body)
	}
	return bodies(e.x)
}

func newQueue(r replay.Recorder, o Options, s *sampler, g *gate) *queue {
	q := &queue{
		o: o, recorder: r, sessions: newSessions(o.Sessions), sampler: s, gate: g,
		in: make(chan parcel, o.QueueMax), gaps: make(map[string]*replay.Gap), span: replay.SampledSpan{Share: o.Sample},
		away: make(map[*replay.Exchange]*absence),
	}
	q.done.Go(q.drain)
	return q
}

// reserve asks for memory to hold more of a body.
func (q *queue) reserve(n int) bool {
	if q.held.Add(int64(n)) > q.o.MemoryMax {
		q.held.Add(int64(-n))
		return false
	}
	return true
}

func (q *queue) release(n int) { q.held.Add(int64(-n)) }

func bodies(x *replay.Exchange) int {
	n := len(x.Body)
	if x.Response != nil {
		n += len(x.Response.Body)
	}
	return n
}

// put takes a parcel whose bodies were reserved. It blocks on the recorder only when the options say that the traffic
// can wait.
func (q *queue) put(e parcel) {
	if q.o.Wait {
		began := time.Now()
		q.do(e)
		q.busy.Add(int64(time.Since(began)))
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	cause := q.gate.cause()
	if cause == "" && q.closed {
		cause = LostClosed
	}
	if cause == "" {
		select {
		case q.in <- e:
			return
		default:
			cause = LostQueueFull
		}
	}
	q.release(e.reserved())
	q.count(e, cause)
}

// count keeps the books of a parcel that is lost. The caller holds the lock.
func (q *queue) count(e parcel, cause string) {
	if e.m != nil {
		q.counts.MessagesLost.Count(cause, 1)
		return
	}
	if e.talk != nil {
		e.talk.out.Store(true)
	}
	q.counts.Lost.Count(cause, 1)
	if cause != LostClosed && cause != LostWrite && cause != LostRedaction {
		q.gap(cause, e.x.At)
	}
}

// gap widens the gap record of a cause. The caller holds the lock.
func (q *queue) gap(cause string, at time.Duration) {
	g := q.gaps[cause]
	if g == nil {
		g = &replay.Gap{From: at, To: at, Cause: cause}
		q.gaps[cause] = g
	}
	g.From, g.To = min(g.From, at), max(g.To, at)
	g.Lost++
}

// lose counts an exchange of which nothing was kept.
func (q *queue) lose(cause string, at time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Lost.Count(cause, 1)
	q.gap(cause, at)
}

// loseMessage counts a message of which nothing was kept.
func (q *queue) loseMessage(cause string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.MessagesLost.Count(cause, 1)
}

func (q *queue) filtered(rule string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Filtered.Count(rule, 1)
}

// sampledOut counts an exchange whose session is left out.
func (q *queue) sampledOut(at time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leaveOut(at)
}

// leaveOut is sampledOut for a caller that holds the lock.
func (q *queue) leaveOut(at time.Duration) {
	q.counts.Sampled++
	q.span.Out++
	q.span.To = max(q.span.To, at)
}

// sample notes that from now on another share of the sessions is taken; why is empty when that was asked for.
func (q *queue) sample(share float64, why string, now time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.endSpan()
	q.span = replay.SampledSpan{From: now, To: now, Share: share, Why: why}
}

// endSpan takes the span under way to the books, if anything was left out in it; where a budget asked for it, as a gap of
// the tape, too. The caller holds the lock.
func (q *queue) endSpan() {
	s := q.span
	q.span.Out = 0
	if s.Out == 0 {
		return
	}
	q.counts.Sample(s)
	if s.Why != "" {
		q.notes = append(q.notes, replay.Gap{
			From: s.From, To: s.To, Lost: s.Out, Cause: fmt.Sprintf("sampled down to %.1f %% of the sessions: %s", 100*s.Share, s.Why),
		})
	}
}

// miss counts what a gap says is lost, and keeps the gap for the books.
func (q *queue) miss(g replay.Gap) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Lost.Count(g.Cause, g.Lost)
	for i := len(q.notes) - 1; i >= 0; i-- {
		last := &q.notes[i]
		if last.Cause == g.Cause && (g.From-last.To < gapJoin || len(q.notes) >= notesMax) {
			last.From, last.To, last.Lost = min(last.From, g.From), max(last.To, g.To), last.Lost+g.Lost
			return
		}
	}
	q.notes = append(q.notes, g)
}

// Gaps of one cause that lie closer together than gapJoin are one, and so are all of one cause when notesMax wait for the
// books: under heavy loss the tape must not fill with notes about it.
const (
	gapJoin  = time.Second
	notesMax = 1024
)

// ledger returns a copy of the counts.
func (q *queue) ledger() replay.Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.counts.Clone()
	if q.span.Out > 0 {
		c.Sample(q.span)
	}
	q.late(&c)
	return c
}

// close waits until the recorder has everything, and returns its first error.
func (q *queue) close() error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.in)
	}
	q.mu.Unlock()
	q.done.Wait()
	if err := q.dismiss(); err != nil {
		q.problem(err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// drain is the one goroutine that redacts, names and records.
func (q *queue) drain() {
	books := time.NewTicker(time.Second)
	defer books.Stop()
	var last replay.Counts
	back := q.returns()
	for {
		select {
		case e, ok := <-q.in:
			if !ok {
				q.call(back)
				q.mu.Lock()
				q.endSpan()
				q.mu.Unlock()
				q.keepBooks(&last)
				return
			}
			q.burst(e)
		case s, ok := <-back:
			if !ok {
				back = nil
				q.desert()
				continue
			}
			q.returned(s)
		case <-books.C:
			q.keepBooks(&last)
		}
	}
}

// burstMax bounds what is done before the recording goroutine looks for anything else.
const burstMax = 64

// burst does a parcel and those that wait behind it.
func (q *queue) burst(e parcel) {
	began := time.Now()
	defer func() { q.busy.Add(int64(time.Since(began))) }()
	for n := 1; ; n++ {
		q.do(e)
		if n == burstMax {
			return
		}
		ok := false
		select {
		case e, ok = <-q.in:
		default:
		}
		if !ok {
			return // none waits, or there will be none
		}
	}
}

// do records a parcel and gives back what was reserved for it, unless that has to wait.
func (q *queue) do(e parcel) {
	e.held = e.reserved() // redaction changes it
	if !q.record(e) {
		return
	}
	q.release(e.held)
	if e.lender != nil {
		e.lender.Returned()
	}
}

// record reports whether it is done with a parcel.
func (q *queue) record(e parcel) bool {
	if cause := q.gate.cause(); cause != "" {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.count(e, cause)
		return true
	}
	if e.m != nil {
		if a := e.talk.away; a != nil {
			a.said = append(a.said, e)
			return false
		}
		q.message(e)
		return true
	}
	e.truncated = e.x.Truncated() || e.x.Response != nil && e.x.Response.Truncated()
	f := q.choose(e.x)
	if e.talk != nil {
		e.talk.session = e.x.Session
	}
	if f.stored() && q.o.Middleware != nil {
		if f.lost = q.show(e); f.lost == "" {
			return false
		}
	}
	if f.stored() {
		f = q.store(e.x)
	}
	q.settle(e, f)
	return true
}

// A fate is what becomes of an exchange. Its zero value is that it is stored.
type fate struct {
	lost    string // cause
	err     error  // of it
	rule    string // that leaves it out
	sampled bool   // its session is left out
}

func (f fate) stored() bool { return f.lost == "" && f.rule == "" && !f.sampled }

// settle keeps the books of an exchange.
func (q *queue) settle(e parcel, f fate) {
	if e.talk != nil {
		e.talk.out.Store(!f.stored())
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case f.lost != "":
		q.count(e, f.lost)
		if f.err != nil {
			q.failed(f.err)
		}
		return
	case f.rule != "":
		q.counts.Filtered.Count(f.rule, 1)
		return
	case f.sampled:
		q.leaveOut(e.x.At)
		return
	}
	q.counts.Captured++
	if e.truncated {
		q.counts.Truncated++
	}
	if e.x.Response == nil || e.x.Response.Cut {
		q.counts.Cut++
	}
}

// failed keeps the first error. The caller holds the lock.
func (q *queue) failed(err error) {
	if q.err == nil {
		q.err = err
	}
}

// choose filters, rewrites, redacts and names one exchange, and says whether it is to be stored.
func (q *queue) choose(x *replay.Exchange) fate {
	if q.o.Rules != nil {
		if rule := q.o.Rules.Apply(x); rule != "" {
			return fate{rule: rule}
		}
	}
	var credentials []string
	if !q.sampler.idle() { // as they come with the next request: before redaction
		credentials = []string{cookieValue(x.Header, q.sessions.Cookie), lastWord(x.Header.Get(q.sessions.Header))}
	}
	if f := q.redact(x); !f.stored() {
		return f
	}
	x.Session = q.sessions.name(x)
	chosen := x.Session
	if chosen == "" {
		chosen = fmt.Sprint(x.Seq) // nobody's: chosen by itself
	}
	return fate{sampled: !q.sampler.take(chosen, credentials...)}
}

func (q *queue) redact(x *replay.Exchange) (f fate) {
	if q.o.Redact == nil {
		return f
	}
	if err := safely(q.o.Redact, x); err != nil {
		return fate{lost: LostRedaction, err: err}
	}
	return f
}

func (q *queue) store(x *replay.Exchange) (f fate) {
	if err := q.recorder.Record(x); err != nil {
		return fate{lost: LostWrite, err: err}
	}
	return f
}

// message redacts and records one message.
func (q *queue) message(e parcel) {
	books, ok := q.recorder.(replay.Messenger)
	if !ok || e.talk.out.Load() {
		q.loseMessage(LostExchange)
		return
	}
	if !e.talk.unpack(e.m) {
		q.loseMessage(replay.LostParse)
		return
	}
	m := &e.m.Message
	if q.o.Redact != nil {
		x := &replay.Exchange{Body: m.Body, Size: m.Size} // a message is a body without a header
		if err := safely(q.o.Redact, x); err != nil {
			q.loseMessage(LostRedaction)
			return
		}
		m.Body, m.Size = x.Body, x.Size
	}
	m.Session = e.talk.session
	err := books.Message(m)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.count(e, LostWrite)
		q.failed(err)
		return
	}
	q.counts.Messages++
}

func safely(redact func(*replay.Exchange), x *replay.Exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("redact exchange %d: panic: %v", x.Seq, p)
		}
	}()
	redact(x)
	return nil
}

// keepBooks hands the ledger to a recorder that keeps one, when it changed.
func (q *queue) keepBooks(last *replay.Counts) {
	books, ok := q.recorder.(replay.Bookkeeper)
	if !ok {
		return
	}
	var err error
	for _, g := range q.takeGaps() {
		if err == nil {
			err = books.Gap(g)
		}
	}
	if now := q.ledger(); err == nil && !reflect.DeepEqual(now, *last) {
		*last = now
		err = books.Account(q.o.Source, now)
	}
	if err != nil {
		q.mu.Lock()
		q.failed(err)
		q.mu.Unlock()
	}
}

func (q *queue) takeGaps() []replay.Gap {
	q.mu.Lock()
	defer q.mu.Unlock()
	gaps := q.notes
	q.notes = nil
	for cause, g := range q.gaps {
		gaps = append(gaps, *g)
		delete(q.gaps, cause)
	}
	return gaps
}
