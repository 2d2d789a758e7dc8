package replay

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// Why a request was never sent.
const (
	causePool    = "no connection was free in time"
	causeSession = "its session was waiting for an earlier answer"
)

// maxWaiting bounds how many due requests may wait for a connection.
const maxWaiting = 100_000

// affinity is how long an idle connection is left to the session that used it last, while there is
// another way.
const affinity = 5 * time.Second

// An engine sends shots that are due over a bounded pool of connections, keeps the order within sessions,
// and sees each to its end. Nothing in it slows the schedule down: what cannot be sent waits here, with its
// latency running, until its timeout makes it unsent.
type engine struct {
	stamp    *stamp
	timeout  time.Duration
	busy     string // policy: wait, spill or drop
	retries  int
	maxConns int
	dial     func(context.Context) (net.Conn, error)
	fallback *fallback // instead of dial, for what the fast path does not speak
	now      func() time.Duration
	ledger   *ledger
	again    func(*shot, time.Duration)                // presses a shot again, so much later
	observe  func(*shot, gameday.Class, time.Duration) // live series
	ack      func(*shot, string, time.Duration)

	mu      sync.Mutex
	conns   []*conn
	idle    connList // least recently used first
	waiting []*shot  // for a connection
	closed  bool
	wg      sync.WaitGroup // one goroutine per connection

	dialled, opened, waited, spilled, resent, unresolved, unsent, inFlight, sentTotal atomic.Int64
}

// take receives a shot at its due time. It does not block on the network.
func (e *engine) take(s *shot) {
	e.ledger.expect(s.due)
	if s.req.skip != "" {
		e.skip(s, s.req.skip)
		return
	}
	e.mu.Lock()
	if s.attempt == 0 && s.sess.busy > 0 && e.held(s) { // a shot pressed again holds its session already
		e.mu.Unlock()
		return
	}
	if s.attempt == 0 && s.sess.busy == 0 && e.barren(s) {
		e.mu.Unlock()
		return
	}
	if s.attempt == 0 {
		s.sess.busy++
	}
	c := e.place(s)
	e.mu.Unlock()
	if c != nil {
		c.fire(s)
	}
}

// held keeps back a shot whose session is busy, by the policy; it reports false when the shot is sent nevertheless,
// over another connection. What needs a value of an answer that is still to come waits, except to be dropped. Called
// with the lock.
func (e *engine) held(s *shot) bool {
	switch {
	case e.busy == "drop":
		s.refuse()
		e.skip(s, skipBusy)
	case e.busy == "spill" && s.raw != nil:
		e.spilled.Add(1)
		return false
	default:
		e.waited.Add(1)
		s.sess.queue = append(s.sess.queue, s)
	}
	return true
}

// place finds the connection for s, or leaves s waiting for one and returns nil. Called with the lock.
func (e *engine) place(s *shot) *conn {
	c := s.sess.conn
	switch {
	case c != nil && c.isIdle:
	case s.sess.single: // any will do; the warmest is the cheapest
		c = e.idle.last
	default:
		c = e.idle.first
		if c != nil && e.now()-c.idleSince < affinity && len(e.conns) < e.maxConns {
			c = nil // somebody may come back for it
		}
	}
	if c == nil && len(e.conns) < e.maxConns {
		c = e.connect()
	}
	if c == nil {
		e.waiting = append(e.waiting, s)
		return nil
	}
	e.idle.remove(c)
	e.give(c, s)
	return c
}

// connect adds a connection, which is established by its first request. Called with the lock.
func (e *engine) connect() *conn {
	c := &conn{engine: e, index: len(e.conns), work: make(chan *shot, 1)}
	e.conns = append(e.conns, c)
	return c
}

// give makes s the request in flight on c. Called with the lock.
func (e *engine) give(c *conn, s *shot) {
	s.render(e.stamp)
	c.current, c.deadline = s, s.due+e.timeout
	c.uses++
	s.sess.conn = c
	if s.sent == 0 && c.ready {
		s.sent = e.now()
	}
	e.inFlight.Add(1)
}

// An outcome is how a request on a connection ended.
type outcome struct {
	answer answer
	err    error
	began  bool // a byte of the answer came
	dead   bool // the connection cannot be used again
	late   bool // there was no answer in time

	acked string // id of the effect that the answer acknowledges
}

// done takes the end of the request in flight on c and returns the next one to send on it, or nil: then c
// is idle, or gone when it was dead.
func (e *engine) done(c *conn, s *shot, o outcome) *shot {
	live := readLive(s, o)
	o.acked = readAck(s, o)
	at := e.now()
	e.inFlight.Add(-1)
	e.mu.Lock()
	defer e.mu.Unlock()
	c.current = nil
	o.late = o.err != nil && (o.late || c.expired)
	dead := o.dead || c.expired || c.writing.Load()
	if dead {
		e.remove(c)
	}
	for recorded, now := range live {
		s.sess.bound.set(recorded, now)
	}
	if o.err != nil || o.answer.status >= 400 {
		s.refuse()
	}
	if e.mayResend(c, s, o) {
		s.resent = true
		e.resent.Add(1)
		fresh := e.connect()
		e.give(fresh, s)
		e.wg.Go(func() { fresh.start(s) })
		return nil
	}
	var next *shot
	if e.finish(s, o, at) {
		next = e.release(s.sess)
	}
	if dead {
		e.dispatch(next)
		e.drain()
		return nil
	}
	return e.reuse(c, next)
}

// mayResend says whether a request whose connection broke is sent once more over a fresh one. A server may
// close an idle connection at the very moment it is used, and no client calls that an error: as browsers and
// net/http do, it is sent again if the connection had served before, no byte of an answer came, and sending it
// twice does no harm. Everything else is a failure that the user would have seen.
func (e *engine) mayResend(c *conn, s *shot, o outcome) bool {
	return o.err != nil && !o.late && !o.began && c.uses > 1 && s.req.resendable && !s.resent && !e.closed && len(e.conns) < e.maxConns
}

// finish settles s, and reports whether its session is free. Called with the lock.
func (e *engine) finish(s *shot, o outcome, at time.Duration) bool {
	r := s.record()
	r.done, r.code, r.in = at, o.answer.status, o.answer.size
	switch {
	case e.closed && o.err != nil:
		r.fate, r.cause = skipped, skipStopped
		e.ledger.settle(r)
		return true
	case o.late:
		r.class, r.code, r.cause = gameday.ClassTimeout, 0, "no answer within "+e.timeout.String()
	case o.err != nil:
		r.class, r.code, r.cause = gameday.ClassError, 0, o.err.Error()
	default:
		r.class = classify(o.answer, s.req.recorded)
	}
	if r.sent == 0 { // there was no connection to send it on
		r.sent = at
	}
	e.sentTotal.Add(1)
	e.observe(s, r.class, r.latency())
	if o.acked != "" && succeeded(r.class) {
		e.ack(s, o.acked, at)
	}
	e.ledger.settle(r)
	if succeeded(r.class) || s.attempt >= e.retries || e.closed {
		return true
	}
	pressed := *s
	pressed.attempt, pressed.sent, pressed.resent = s.attempt+1, 0, false
	e.again(&pressed, at)
	return false
}

// release frees one place in the session and returns what it was holding back, if its time has not passed. Called
// with the lock.
func (e *engine) release(s *session) *shot {
	s.busy--
	for s.busy == 0 && len(s.queue) > 0 {
		next := s.queue[0]
		s.queue = s.queue[1:]
		if e.late(next, causeSession) || e.barren(next) {
			continue
		}
		s.busy++
		return next
	}
	return nil
}

// late settles a shot that waited for too long, or for a run that was stopped, and reports whether it did.
func (e *engine) late(s *shot, cause string) bool {
	switch {
	case e.closed:
		e.skip(s, skipStopped)
	case e.now() > s.due+e.timeout:
		e.giveUp(s, cause)
	default:
		return false
	}
	return true
}

// barren settles a shot that needs a value which no answer of its session gave, and reports whether it did. Who
// never got an order number asks for no order: sending the recorded one would blame the system for an answer
// that nobody asked for. Every earlier answer of the session is in. Called with the lock.
func (e *engine) barren(s *shot) bool {
	if !s.render(e.stamp) {
		return false
	}
	if !s.sess.refused { // else the failure that it follows from is on the record already
		e.unresolved.Add(1)
	}
	e.skip(s, skipBarren)
	return true
}

// giveUp settles a shot as unsent. Called with the lock.
func (e *engine) giveUp(s *shot, cause string) {
	s.refuse()
	r := s.record()
	r.fate, r.cause, r.done = unsent, cause, e.now()
	e.unsent.Add(1)
	e.ledger.settle(r)
}

// unwait takes the next shot that waits for a connection; nil when none does. Called with the lock.
func (e *engine) unwait() *shot {
	for len(e.waiting) > 0 {
		s := e.waiting[0]
		e.waiting = e.waiting[1:]
		if !e.late(s, causePool) {
			return s
		}
		if next := e.release(s.sess); next != nil {
			e.waiting = append(e.waiting, next)
		}
	}
	return nil
}

// dispatch sends s, if there is one, over any connection. Called with the lock, from a connection's goroutine.
func (e *engine) dispatch(s *shot) {
	if s == nil {
		return
	}
	if c := e.place(s); c != nil {
		e.wg.Go(func() { c.fire(s) })
	}
}

// drain sends what waits, for as long as there are connections for it. Called with the lock, from a
// connection's goroutine.
func (e *engine) drain() {
	for len(e.waiting) > 0 && (e.idle.first != nil || len(e.conns) < e.maxConns) {
		e.dispatch(e.unwait())
	}
}

// reuse chooses what c sends next: what its session was holding back, or what waits for longer. Called with
// the lock.
func (e *engine) reuse(c *conn, next *shot) *shot {
	if waiting := e.unwait(); waiting != nil {
		if next != nil && next.due < waiting.due {
			waiting, next = next, waiting
		}
		if next != nil {
			e.waiting = append(e.waiting, next)
		}
		next = waiting
	}
	if next == nil {
		c.idleSince = e.now()
		e.idle.push(c)
		return nil
	}
	e.give(c, next)
	return next
}

// remove takes c out of the pool. Called with the lock.
func (e *engine) remove(c *conn) {
	if c.gone {
		return
	}
	c.gone = true
	e.idle.remove(c)
	last := e.conns[len(e.conns)-1]
	e.conns[c.index], last.index = last, c.index
	e.conns = e.conns[:len(e.conns)-1]
}

// sweep ends what has waited for too long. It looks at each connection of the bounded pool instead of keeping a
// timer per request.
func (e *engine) sweep() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	for _, c := range e.conns {
		if c.current != nil && now > c.deadline && !c.expired {
			c.expired = true
			c.abort()
		}
	}
	for len(e.waiting) > 0 && (len(e.waiting) > maxWaiting || now > e.waiting[0].due+e.timeout) {
		s := e.waiting[0]
		e.waiting = e.waiting[1:]
		e.giveUp(s, causePool)
		if next := e.release(s.sess); next != nil {
			e.waiting = append(e.waiting, next)
		}
	}
}

// stop breaks off everything: what is in flight or waiting ends as skipped.
func (e *engine) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for e.unwait() != nil {
	}
	for _, c := range e.conns {
		c.abort()
	}
}

// abandon ends a shot that will not be pressed again, and what its session holds back.
func (e *engine) abandon(s *shot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for e.release(s.sess) != nil {
	}
}

// wait returns when every connection's goroutine has ended.
func (e *engine) wait() { e.wg.Wait() }

// skip settles s as skipped by policy.
func (e *engine) skip(s *shot, cause string) {
	r := s.record()
	r.fate, r.cause, r.sent, r.done = skipped, cause, 0, e.now()
	e.ledger.settle(r)
}

// readLive takes from an answer what later requests of the session may need.
func readLive(s *shot, o outcome) (live map[string]string) {
	if o.err != nil || len(s.req.captures) == 0 || o.answer.status >= 400 {
		return nil
	}
	bind(s.req.captures, o.answer, func(recorded, now string) {
		if live == nil {
			live = make(map[string]string)
		}
		live[recorded] = now
	})
	return live
}

// readAck takes the id of an acknowledged effect from an answer.
func readAck(s *shot, o outcome) string {
	if o.err != nil || s.req.ack == "" || o.answer.status < 200 || o.answer.status > 299 {
		return ""
	}
	id, _ := lookJSON(unzip(o.answer.header, o.answer.body), s.req.ack)
	return id
}
