package capture

import (
	"fmt"
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
	in       chan *replay.Exchange
	held     atomic.Int64 // bytes of bodies in flight and waiting
	done     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	counts replay.Counts
	gap    replay.Gap // what was dropped since the last gap record
	err    error      // the first error of the recorder
}

func newQueue(r replay.Recorder, o Options) *queue {
	q := &queue{o: o, recorder: r, sessions: newSessions(o.Sessions), in: make(chan *replay.Exchange, o.QueueMax)}
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

// put takes an exchange whose bodies were reserved. It never blocks on the recorder.
func (q *queue) put(x *replay.Exchange) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		q.release(bodies(x))
		q.counts.Lost.Count(LostClosed, 1)
		return
	}
	select {
	case q.in <- x:
	default:
		q.release(bodies(x))
		q.counts.Lost.Count(LostQueueFull, 1)
		if q.gap.Lost == 0 {
			q.gap = replay.Gap{From: x.At, To: x.At, Cause: LostQueueFull}
		}
		q.gap.From, q.gap.To = min(q.gap.From, x.At), max(q.gap.To, x.At)
		q.gap.Lost++
	}
}

func (q *queue) filtered(rule string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Filtered.Count(rule, 1)
}

// ledger returns a copy of the counts.
func (q *queue) ledger() replay.Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts.Clone()
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
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

func (q *queue) drain() {
	books := time.NewTicker(time.Second)
	defer books.Stop()
	var last replay.Counts
	for {
		select {
		case x, ok := <-q.in:
			if !ok {
				q.keepBooks(&last)
				return
			}
			q.record(x)
		case <-books.C:
			q.keepBooks(&last)
		}
	}
}

func (q *queue) record(x *replay.Exchange) {
	defer q.release(bodies(x)) // as they were reserved: redaction changes them
	truncated := x.Truncated() || x.Response != nil && x.Response.Truncated()
	lost, err := q.hand(x)
	q.mu.Lock()
	defer q.mu.Unlock()
	if lost != "" {
		q.counts.Lost.Count(lost, 1)
		if q.err == nil {
			q.err = err
		}
		return
	}
	q.counts.Captured++
	if truncated {
		q.counts.Truncated++
	}
	if x.Response == nil || x.Response.Cut {
		q.counts.Cut++
	}
}

// hand redacts, names and records one exchange; lost is the cause when it could not.
func (q *queue) hand(x *replay.Exchange) (lost string, err error) {
	if q.o.Redact != nil {
		if err := safely(q.o.Redact, x); err != nil {
			return LostRedaction, err
		}
	}
	x.Session = q.sessions.name(x)
	if err := q.recorder.Record(x); err != nil {
		return LostWrite, err
	}
	return "", nil
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
	q.mu.Lock()
	gap := q.gap
	q.gap = replay.Gap{}
	q.mu.Unlock()
	var err error
	if gap.Lost > 0 {
		err = books.Gap(gap)
	}
	if now := q.ledger(); err == nil && (now.Arrived() != last.Arrived() || now.Captured != last.Captured) {
		*last = now
		err = books.Account(q.o.Source, now)
	}
	if err != nil {
		q.mu.Lock()
		if q.err == nil {
			q.err = err
		}
		q.mu.Unlock()
	}
}
