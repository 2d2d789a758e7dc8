package replay

import (
	"cmp"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// An outcome is how a request on a connection ended.
type outcome struct {
	answer answer
	err    error
	at     time.Duration // last byte, or the end of waiting
	began  bool          // a byte of the answer came
	dead   bool          // the connection cannot be used again
	kept   bool          // it is held for the conversation that began
	late   bool          // there was no answer in time

	refused bool // the server says that it has done nothing with the request

	live  map[string]string // by recorded value
	acked string            // id of the effect that the answer acknowledges
}

// take receives a shot at its due time.
func (s *shard) take(x *shot, now time.Duration) {
	late := max(0, now-max(x.due, s.opened)) // what is due while the system paces us does not wait for us
	s.e.taken(x, late)
	if x.taken == 0 {
		x.taken = x.due + late
	}
	s.e.ledger.expect(x.due)
	s.open.add(x)
	switch {
	case x.req.skip != "":
		x.sess.unasked = cmp.Or(x.sess.unasked, x.req.admits)
		s.skip(x, x.req.skip)
		s.rest(x.sess)
		return
	case x.attempt > 0: // it holds its session already
	case x.sess.open != nil && !s.joins(x) && s.held(x):
		return
	case x.sess.open == nil && s.barren(x):
		s.rest(x.sess)
		return
	default:
		x.sess.opens(x)
	}
	if s.late(x, causeRoom) {
		s.passOn(x)
		return
	}
	s.dispatch(x)
}

// held keeps back a shot whose session is busy, by the policy; it reports false when the shot is sent nevertheless,
// over another connection. What needs a value of an answer that is still to come waits, except to be dropped.
func (s *shard) held(x *shot) bool {
	switch {
	case s.e.busy == "drop":
		x.refuse(missUnsent)
		s.skip(x, skipBusy)
	case s.e.busy == "spill" && !x.req.live:
		s.e.spilled.Add(1)
		return false
	default:
		s.e.waited.Add(1)
		x.sess.queue.push(x)
	}
	return true
}

// dispatch sends x over any connection, or leaves it waiting for one.
func (s *shard) dispatch(x *shot) {
	p := s.poolOf(x.req)
	if c := s.place(p, x); c != nil {
		p.rouse(c)
		s.give(c, x)
	} else {
		p.waiting.push(x)
	}
}

// place finds the connection for x; nil when there is none.
func (s *shard) place(p *pool, x *shot) *conn {
	if s.e.hold && x.req.conn != 0 && !p.carried {
		if c := s.own(p, x); c != nil {
			return c
		}
	}
	c := x.sess.conn
	switch {
	case c != nil && c.isIdle && c.pool == p && c.owner == nil:
	case x.sess.single || p.carried: // any will do; the warmest is the cheapest
		c = p.idle.last
	default:
		c = p.idle.first
		if c != nil && s.clock.now()-c.idleSince < affinity && len(p.conns) < p.max {
			c = nil // somebody may come back for it
		}
	}
	if c == nil && (len(p.conns) < p.max || s.forsake(p)) {
		c = p.add()
	}
	return c
}

// give makes x the request in flight on c, and sends it.
func (s *shard) give(c *conn, x *shot) {
	c.current = x
	c.uses++
	x.sess.conn = c
	if x.had == 0 {
		x.had = s.clock.now()
	}
	s.wheel.set(c, s.deadline(x))
	s.e.inFlight.Add(1)
	switch {
	case x.req.script != nil:
		x.sent = x.had
		s.converse(c, x)
	case c.pool.carried && s.framed():
		s.enlist(c)
	case c.pool.carried:
		x.sent = x.had
		s.carry(c, x)
	case !c.ready:
		s.establish(c, x)
	default:
		s.launch(c, x)
	}
}

// done takes the end of the request in flight on c, which goes on with the next one, is idle, or is gone.
func (s *shard) done(c *conn, x *shot, o outcome) {
	s.e.inFlight.Add(-1)
	s.wheel.clear(c)
	c.current = nil
	if o.dead {
		s.remove(c)
	}
	for recorded, now := range o.live {
		x.sess.bound.set(recorded, now)
	}
	switch {
	case o.late:
		x.refuse(missLate)
	case o.err != nil || o.answer.status >= 400:
		x.refuse(missFailed)
	case len(o.live) < len(x.req.captures):
		x.withhold(o.live, missAbsent)
	}
	if s.mayResend(c, x, o) {
		x.resent, x.first = true, 0
		s.e.resent.Add(1)
		s.give(c.pool.add(), x)
		return
	}
	var next *shot
	sess := x.sess
	if s.finish(x, o) {
		if !x.loose {
			next = s.release(x)
		}
		if !c.away {
			x.drop()
		}
	}
	defer s.join(sess)
	if o.dead || o.kept {
		if next != nil {
			s.dispatch(next)
		}
		s.drain(c.pool)
		return
	}
	s.reuse(c, next)
}

// mayResend says whether a request whose connection broke is sent once more over a fresh one. A server may
// close an idle connection at the very moment it is used, and no client calls that an error: as browsers and
// net/http do, it is sent again if the connection had served before, no byte of an answer came, and sending it
// twice does no harm; or if the server says that it was not looked at, which HTTP/2 has words for. Everything else is
// a failure that the user would have seen. What is carried has no connection of its own to speak of.
func (s *shard) mayResend(c *conn, x *shot, o outcome) bool {
	if o.refused || c.pool.carried {
		return o.refused && !x.resent && !s.closed
	}
	return o.err != nil && !o.late && !o.began && c.uses > 1 && x.req.resendable && !x.resent && !s.closed && len(c.pool.conns) < c.pool.max
}

// finish settles x, and reports whether its session is free.
func (s *shard) finish(x *shot, o outcome) bool {
	r := x.record()
	r.done, r.code, r.in = o.at, o.answer.status, o.answer.size
	if r.done == 0 {
		r.done = s.clock.now()
	}
	switch {
	case s.closed && o.err != nil:
		r.fate, r.cause = skipped, skipStopped
		s.silence(x, skipStopped)
		s.settle(x, r)
		return true
	case o.late:
		r.class, r.code, r.cause = gameday.ClassTimeout, 0, "no answer within "+s.e.timeout.String()
	case o.err != nil:
		r.class, r.code, r.cause = gameday.ClassError, 0, o.err.Error()
	default:
		r.class = classify(o.answer, x.req.recorded, x.req.rpc)
	}
	if x.req.stream != nil {
		r.own = max(0, min(x.req.stream.upload, r.done-r.due, r.done-r.sent))
	}
	if r.failure = failure(o, r.class, x.req.rpc); denied(r.failure) {
		s.lockedOut(x)
	}
	if r.sent == 0 { // there was no connection to send it on
		r.sent = r.done
	}
	s.e.sentTotal.Add(1)
	s.e.observe(x, r.class, r.latency())
	s.e.watch(x, o, r.class, r.done)
	if o.acked != "" && succeeded(r.class) {
		s.e.ack(x, o.acked, r.done)
	}
	again := !succeeded(r.class) && x.attempt < s.e.retries && !s.closed
	s.settle(x, r)
	if again {
		y := &shot{due: r.done + s.e.gap, seq: x.seq, req: x.req, sess: x.sess, trace: x.trace, attempt: x.attempt + 1, lines: x.lines, loose: x.loose}
		if !x.loose {
			x.sess.closes(x)
			x.sess.opens(y)
		}
		s.again.push(y)
	} else {
		s.silence(x, causeHandset)
	}
	return !again
}

// release ends x, and returns what its session was holding back behind it, if its time has not passed. What may go beside
// that, join sends.
func (s *shard) release(x *shot) *shot {
	sess := x.sess
	sess.closes(x)
	for sess.open == nil && sess.queue.len() > 0 {
		next := sess.queue.pop()
		if s.late(next, causeSession) || s.barren(next) {
			continue
		}
		sess.opens(next)
		return next
	}
	s.rest(sess)
	return nil
}

// joins reports whether x need not wait for those of its session that are open: it did not when it was recorded. What needs a
// value that is still to come does.
func (s *shard) joins(x *shot) bool {
	for y := x.sess.open; y != nil; y = y.beside {
		if !x.req.on.overlaps(y.req.on) {
			return false
		}
	}
	_, lacks := x.req.lacks(x.sess.bound.live)
	return !lacks
}

// join sends what the session holds back behind others than those that are open.
func (s *shard) join(sess *session) {
	for sess.open != nil && sess.queue.len() > 0 && s.joins(sess.queue.first()) {
		x := sess.queue.pop()
		if s.late(x, causeSession) {
			continue
		}
		sess.opens(x)
		s.dispatch(x)
	}
}

// late settles a shot that waited for too long, or for a run that was stopped, and reports whether it did.
func (s *shard) late(x *shot, cause string) bool {
	switch {
	case s.closed:
		s.skip(x, skipStopped)
	case s.clock.now() > x.due+s.e.timeout:
		s.giveUp(x, cause)
	default:
		return false
	}
	return true
}

// barren settles a shot that needs a value which no answer of its session gave, and reports whether it did. Who
// never got an order number asks for no order: sending the recorded one would blame the system for an answer
// that nobody asked for. Every earlier answer of the session is in.
func (s *shard) barren(x *shot) bool {
	p, missing := x.req.lacks(x.sess.bound.live)
	if !missing {
		return false
	}
	if !x.sess.refused { // else the failure that it follows from is on the record already
		s.e.unresolved.Add(1)
	}
	s.e.missing.count(x.sess.bound.why(p))
	s.lockedOut(x)
	x.withhold(nil, missUnsent)
	s.skip(x, skipBarren)
	return true
}

// lockedOut takes note of a shot that would have been let in, had an earlier one of its session been sent.
func (s *shard) lockedOut(x *shot) {
	if x.sess.unasked != "" {
		s.e.lockedOut.count(x.sess.unasked)
	}
}

// giveUp settles a shot as unsent.
func (s *shard) giveUp(x *shot, cause string) {
	x.refuse(missUnsent)
	s.silence(x, cause)
	r := x.record()
	r.fate, r.cause, r.done = unsent, cause, s.clock.now()
	s.e.unsent.Add(1)
	s.settle(x, r)
}

// skip settles x as skipped by policy.
func (s *shard) skip(x *shot, cause string) {
	s.silence(x, cause)
	r := x.record()
	r.fate, r.cause, r.sent, r.done = skipped, cause, 0, s.clock.now()
	s.settle(x, r)
}

// silence accounts for the messages that x should have begun.
func (s *shard) silence(x *shot, cause string) {
	x.lines.leave(cause)
	if x.req.stream != nil && !x.begun {
		s.e.books.leave(cause, int64(len(x.req.stream.beats)-x.said))
	}
}

// deadline returns when x has waited for too long.
func (s *shard) deadline(x *shot) time.Duration {
	d := x.due + s.e.timeout
	if x.req.stream != nil {
		d += x.req.stream.lasts
	}
	return d
}

// paced reports whether the shard is full because of what the system has not answered yet. Where what is open takes as many
// bytes as it may, that is a bound of the generator, and whoever waits then waits for the generator.
func (s *shard) paced() bool {
	return s.open.shots >= s.room.shots && s.open.bytes < s.room.bytes
}

// settle ends x.
func (s *shard) settle(x *shot, r record) {
	if s.paced() {
		s.opened = r.done
	}
	s.open.remove(x)
	s.e.ledger.settle(&r)
}

// unwait takes the next shot that waits for a connection; nil when none does.
func (s *shard) unwait(p *pool) *shot {
	for p.waiting.len() > 0 {
		x := p.waiting.pop()
		if !s.late(x, causePool) {
			return x
		}
		s.passOn(x)
	}
	return nil
}

// passOn sends what a session held back behind a shot that was never sent, if anything.
func (s *shard) passOn(x *shot) {
	if x.loose { // its session did not wait for it
		return
	}
	if next := s.release(x); next != nil {
		s.dispatch(next)
	}
	s.join(x.sess)
}

// drain sends what waits, for as long as there are connections for it.
func (s *shard) drain(p *pool) {
	for p.waiting.len() > 0 && (p.idle.first != nil || p.apart.first != nil || len(p.conns) < p.max) {
		if x := s.unwait(p); x != nil {
			s.dispatch(x)
		}
	}
}

// reuse chooses what c sends next: what its session was holding back, or what waits for longer.
func (s *shard) reuse(c *conn, next *shot) {
	if next != nil && s.poolOf(next.req) != c.pool {
		s.dispatch(next)
		next = nil
	}
	if c.owner != nil {
		s.rejoin(c, next)
		return
	}
	if waiting := s.unwait(c.pool); waiting != nil {
		if next != nil && next.due < waiting.due {
			waiting, next = next, waiting
		}
		if next != nil {
			c.pool.waiting.push(next)
		}
		next = waiting
	}
	if next != nil {
		s.give(c, next)
		return
	}
	c.idleSince = s.clock.now()
	c.pool.idle.push(c)
}

// remove takes c out of its pool, and closes it.
func (s *shard) remove(c *conn) {
	if c.gone {
		return
	}
	c.pool.remove(c)
	if c.owner != nil {
		c.owner.conns[c.stand] = nil
	}
	if c.cancel != nil {
		c.cancel()
	}
	if c.sock != nil {
		c.sock.close()
	}
	c.sock, c.out = nil, nil
}

// sweep gives up what has waited for a connection for too long.
func (s *shard) sweep(p *pool, now time.Duration) {
	for p.waiting.len() > 0 && now > p.waiting.first().due+s.e.timeout {
		x := p.waiting.pop()
		s.giveUp(x, causePool)
		s.passOn(x)
	}
}

// stop breaks off everything: what is in flight or waiting ends as skipped, but for answers that are here.
func (s *shard) stop() {
	s.closed, s.stopped = true, s.clock.exact()
	for s.again.len() > 0 { // they will not be
		s.passOn(s.again.pop())
	}
	for i := range s.pools {
		p := &s.pools[i]
		for s.unwait(p) != nil {
		}
		for len(p.conns) > 0 {
			c := p.conns[len(p.conns)-1]
			if x := c.current; x != nil && !c.settling {
				s.done(c, x, outcome{err: errStopped, dead: true})
			} else {
				s.remove(c)
			}
		}
	}
}

// forgo puts on the record what was due when the shard stopped and had not been taken in hand for lack of room. Nobody hands
// it anything any more.
func (s *shard) forgo() {
	s.collect()
	for s.due.len() > 0 && s.due.first().due <= s.stopped {
		x := s.due.pop()
		s.e.ledger.expect(x.due)
		s.open.add(x)
		s.skip(x, skipStopped)
	}
}

// look takes from an answer what later requests of the session may need, and the id of an effect that it
// acknowledges.
func (o *outcome) look(r *request) {
	if o.err != nil || !r.keeps() {
		return
	}
	if len(r.captures) > 0 && o.answer.status < 400 {
		live := make(map[string]string)
		bind(r.captures, o.answer, func(recorded, now string) { live[recorded] = now })
		o.live = live
	}
	if r.ack != "" && o.answer.status >= 200 && o.answer.status <= 299 {
		o.acked, _ = lookJSON(unzip(o.answer.header, o.answer.body), r.ack)
	}
}
