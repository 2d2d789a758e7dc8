package capture

import (
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
		if q.o.Budget.CPU <= 0 { // nobody asks how long it takes
			q.do(e)
			return
		}
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
