package replay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of a shard's work.
const (
	maxBurst     = 64       // requests sent before answers are looked for again
	maxLook      = 16 << 10 // of a body that is looked into between two requests; longer ones are elsewhere
	bufferSize   = 64 << 10
	maxWaitShard = wheelTick // without looking for what took too long
)

// A shard is one thread that sends the requests of its sessions when they are due and reads the answers. Its sessions
// and connections belong to that thread alone, so that nothing in it needs a lock: other goroutines leave what they
// have for it in its inbox. It never waits for anything but the next due time or the next event.
type shard struct {
	e       *engine
	clock   clock
	poller  *poller
	due     queue[*shot]
	again   queue[*shot]  // to be pressed again: their sessions wait for them, so that they do not wait for room
	open    weight        // requests that were due and have not ended
	room    weight        // for as many of them
	opened  time.Duration // when there was room for one more again
	chats   int           // conversations that go on
	pools   [poolLinks + 1]pool
	trunk   trunk
	wheel   wheel
	closed  bool
	stopped time.Duration  // when it was closed
	raw     []byte         // what was written last
	buf     []byte         // what was read last
	clear   []byte         // and what it says, under TLS
	wg      sync.WaitGroup // goroutines that dial, carry, or look into answers
	reached atomic.Int64   // everything due before it has been taken

	mu      sync.Mutex
	inbox   []*shot
	errands []func()
	left    bool // the poller is closed
}

// newShard returns a shard that holds a poller until run ends.
func newShard(e *engine) (*shard, error) {
	p, err := newPoller(e.reserved)
	if err != nil {
		return nil, err
	}
	s := &shard{e: e, clock: clock{read: e.now}, poller: p, room: maxOpen(e.maxConns), buf: make([]byte, bufferSize), clear: make([]byte, bufferSize)}
	for i := range s.pools {
		s.pools[i] = pool{max: e.maxConns, carried: i == poolCarried || i == poolSockets}
	}
	return s, nil
}

// The pools of a shard.
const (
	poolFast    = iota // HTTP/1.1
	poolCarried        // requests by HTTP/2, and by couriers
	poolSockets        // conversations
	poolLinks          // the connections of the trunk
)

// poolOf returns the connections by which a request goes: the shard's own, the trunk's and the courier's, or those of
// conversations.
func (s *shard) poolOf(r *request) *pool {
	switch {
	case r.script != nil:
		return &s.pools[poolSockets]
	case s.e.courier.wants(r):
		return &s.pools[poolCarried]
	}
	return &s.pools[poolFast]
}

// post hands shots over. Any goroutine may call it.
func (s *shard) post(shots []*shot) {
	s.mu.Lock()
	s.inbox = append(s.inbox, shots...)
	s.wake()
	s.mu.Unlock()
}

// onThread has f done by the shard's thread. Only goroutines that the shard waits for may call it.
func (s *shard) onThread(f func()) {
	s.mu.Lock()
	s.errands = append(s.errands, f)
	s.wake()
	s.mu.Unlock()
}

// wake has the shard look around at once. Called with the lock: once the poller is closed, what it wrote to may be
// anything.
func (s *shard) wake() {
	if !s.left {
		s.poller.wake()
	}
}

// run sends and receives until every request has ended, or ctx does.
func (s *shard) run(ctx context.Context) {
	holdThread()
	unwatch := context.AfterFunc(ctx, func() { s.post(nil) })
	defer unwatch()
	for ctx.Err() == nil {
		fed := time.Duration(s.e.fed.Load()) // before the inbox, which holds at least that much
		s.collect()
		s.send()
		now := s.clock.exact() // what is waited for depends on it
		s.tell(min(now, fed))
		if s.over(fed, now) {
			break
		}
		s.await(now)
	}
	s.stop()
	s.wg.Wait()
	s.clock.passed()
	s.collect()
	s.mu.Lock()
	s.left = true
	s.poller.close()
	s.mu.Unlock()
}

// collect takes what other goroutines have left.
func (s *shard) collect() {
	s.mu.Lock()
	shots, errands := s.inbox, s.errands
	s.inbox, s.errands = nil, nil
	s.mu.Unlock()
	for _, x := range shots {
		if s.e.think {
			s.listen(x)
		} else {
			s.due.push(x)
		}
	}
	for _, f := range errands {
		f()
	}
	if len(shots)+len(errands) > 0 {
		s.clock.passed()
	}
}

// send takes in hand what is due.
func (s *shard) send() {
	var fed weight
burst:
	for range maxBurst {
		switch now := s.clock.now(); {
		case s.again.len() > 0 && s.again.first().due <= now:
			s.take(s.again.pop(), now)
		case s.due.len() > 0 && s.due.first().due <= now && !s.full():
			x := s.due.pop()
			fed.add(x)
			s.take(x, now)
		default:
			break burst
		}
	}
	s.e.backlog.remove(fed)
	s.serve()
}

// full reports whether no more requests are taken in hand until some have ended.
func (s *shard) full() bool { return s.open.reaches(s.room) }

// next returns when the next request will be taken in hand, if nothing happens before; never when none will.
func (s *shard) next() time.Duration {
	next := never
	if s.due.len() > 0 && !s.full() {
		next = s.due.first().due
	}
	if s.again.len() > 0 {
		next = min(next, s.again.first().due)
	}
	if s.trunk.cues.len() > 0 {
		next = min(next, s.trunk.cues.first().at)
	}
	return next
}

// tell says up to when everything has been taken in hand.
func (s *shard) tell(until time.Duration) {
	if s.due.len() > 0 {
		until = min(until, s.due.first().due)
	}
	if s.again.len() > 0 {
		until = min(until, s.again.first().due)
	}
	s.reached.Store(int64(until))
}

// over reports whether nothing is left to be sent or to be waited for.
func (s *shard) over(fed, now time.Duration) bool {
	if fed < 1<<62 || now < s.e.length || s.open.shots > 0 || s.chats > 0 || s.due.len()+s.again.len() > 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inbox) == 0
}

// await waits for events until the next request is due, and deals with them.
func (s *shard) await(now time.Duration) {
	events := s.poller.wait(min(maxWaitShard, s.next()-now))
	s.clock.passed()
	for _, r := range events {
		if r.mayWrite && !r.conn.gone {
			s.flush(r.conn)
		}
		if r.read && !r.conn.gone {
			s.receive(r.conn)
		}
		if s.due.len()+s.again.len()+s.trunk.cues.len() > 0 { // many answers at once must not make requests late, nor messages
			s.send()
		}
	}
	if now := s.clock.now(); int64(now/wheelTick) > s.wheel.at {
		s.wheel.turn(now, s.expire)
		for i := range s.pools {
			s.sweep(&s.pools[i], now)
			s.unhold(&s.pools[i], now)
		}
	}
}

// establish makes the connection in a goroutine of its own.
func (s *shard) establish(c *conn, x *shot) {
	ctx, cancel := context.WithTimeout(context.Background(), x.due+s.e.timeout-s.e.now())
	c.cancel = cancel
	s.wg.Go(func() {
		defer cancel()
		nc, link, err := s.e.connect(ctx)
		if err != nil && ctx.Err() != nil { // what the dialer says of it differs
			err = ctx.Err()
		}
		s.onThread(func() {
			if c.gone {
				if err == nil {
					nc.Close()
				}
				return
			}
			if c.cancel = nil; err == nil {
				c.sock, err = s.poller.adopt(c, nc)
			}
			if err != nil {
				s.done(c, c.current, outcome{err: err, dead: true, late: errors.Is(err, context.DeadlineExceeded)})
				return
			}
			c.tls, c.ready = link, true
			s.launch(c, c.current)
		})
	})
}

// carry has the courier bring x.
func (s *shard) carry(c *conn, x *shot) {
	ctx, cancel := context.WithTimeout(context.Background(), s.deadline(x)-s.e.now())
	c.cancel, c.away = cancel, true
	r := &parcel{request: x.req, raw: x.render(make([]byte, 0, x.req.size()), s.e.stamp), due: x.due, again: x.resent, said: x.said}
	s.wg.Go(func() {
		defer cancel()
		a, way, err := s.e.courier.carry(ctx, r)
		o := outcome{answer: a, err: err, began: true, at: s.e.now(), late: err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded)}
		o.refused = !o.late && errors.Is(err, errRefused)
		o.dead = o.refused // its place is another's
		if way == byHTTP2 {
			s.e.sentHTTP2.Add(1)
		} else {
			s.e.sentNetHTTP.Add(1)
			if s.e.hold && r.conn != 0 {
				s.e.unheld.Add(1) // net/http takes any connection
			}
		}
		o.look(x.req)
		s.onThread(func() {
			if c.cancel = nil; c.gone {
				return
			}
			if o.refused && !r.again {
				x.begun, x.said = false, r.said
			}
			s.done(c, x, o)
		})
	})
	if x.req.stream != nil && !x.loose {
		s.passOn(x)
		x.loose = true
	}
	x.begun = x.req.stream != nil
}

// launch writes a request, without waiting for room.
func (s *shard) launch(c *conn, x *shot) {
	if x.sent == 0 {
		x.sent = s.clock.exact()
	}
	s.raw = x.render(s.raw[:0], s.e.stamp)
	raw := s.raw
	if c.tls != nil {
		sealed, err := c.tls.seal(raw)
		if err != nil {
			s.done(c, x, outcome{err: err, dead: true})
			return
		}
		raw = sealed
	}
	s.e.sentFast.Add(1)
	c.parser.begin(x.req.method, x.req.keeps())
	s.write(c, raw)
}

// write writes what it can, and leaves the rest for when there is room. An error shows where the answer is read: it
// may have come already.
func (s *shard) write(c *conn, raw []byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, raw...)
		return
	}
	n, err := c.sock.write(raw)
	s.clock.passed()
	if n == len(raw) || err != nil && !errors.Is(err, errAgain) {
		return
	}
	if c.out = raw[n:]; c.tls != nil {
		c.out = bytes.Clone(c.out) // TLS writes over its own
	} else {
		s.raw = nil // it is the connection's now
	}
	if err := c.sock.wantWrite(true); err != nil {
		s.ended(c, err)
	}
}

// flush goes on writing.
func (s *shard) flush(c *conn) {
	n, err := c.sock.write(c.out)
	s.clock.passed()
	if errors.Is(err, errAgain) {
		return
	}
	if c.out = c.out[n:]; len(c.out) > 0 && err == nil {
		return
	}
	if c.out = nil; c.h2 != nil {
		c.h2.control = 0
	}
	if err := c.sock.wantWrite(false); err != nil {
		s.ended(c, err)
	}
}

// receive reads once: what is left makes the connection ready again.
func (s *shard) receive(c *conn) {
	n, err := c.sock.read(s.buf)
	s.clock.passed()
	if errors.Is(err, errAgain) {
		return
	}
	if n > 0 && c.current != nil && c.current.first == 0 {
		c.current.first = s.clock.now()
	}
	if c.tls != nil {
		err = c.tls.open(s.buf[:n], err, s.clear, func(plain []byte) bool { return s.hear(c, plain) })
		if out := c.tls.take(); len(out) > 0 && err == nil && !c.gone { // TLS answers by itself
			s.write(c, out)
		}
	} else if n > 0 {
		s.hear(c, s.buf[:n])
	}
	if err != nil && !c.gone {
		s.ended(c, err)
	}
}

// hear takes a part of an answer, and reports whether the connection goes on.
func (s *shard) hear(c *conn, data []byte) bool {
	if c.h2 != nil {
		return s.hearFrames(c, data)
	}
	x := c.current
	if x == nil || c.settling { // the server speaks out of turn: what comes next would be taken for another answer
		s.lose(c)
		return false
	}
	rest, done, err := c.parser.feed(data)
	if err == nil && !done {
		return true
	}
	a := c.parser.answer
	s.answered(c, x, outcome{answer: a, err: err, began: true, dead: err != nil || a.final || len(rest) > 0 || len(c.out) > 0})
	return !c.gone
}

// ended takes the end of a connection.
func (s *shard) ended(c *conn, err error) {
	if c.h2 != nil {
		s.sever(c, c.h2.lost(err))
		return
	}
	x := c.current
	if x == nil || c.settling {
		s.lose(c)
		return
	}
	if errors.Is(err, io.EOF) {
		err = c.parser.end()
	}
	s.answered(c, x, outcome{answer: c.parser.answer, err: err, began: x.first > 0, dead: true})
}

// lose gives up a connection on which no answer is awaited.
func (s *shard) lose(c *conn) {
	s.remove(c)
	s.drain(c.pool)
}

// answered looks into an answer and settles it; a long one is looked into elsewhere meanwhile.
func (s *shard) answered(c *conn, x *shot, o outcome) {
	o.at = s.clock.now() // that of the last read
	if len(o.answer.body) > maxLook {
		held := o // or every outcome would be on the heap
		s.lookElsewhere(c, x, &held)
		return
	}
	o.look(x.req)
	s.done(c, x, o)
}

func (s *shard) lookElsewhere(c *conn, x *shot, o *outcome) {
	s.wheel.clear(c)
	c.settling = true
	s.wg.Go(func() {
		o.look(x.req)
		s.onThread(func() {
			c.settling = false
			o.dead = o.dead || c.gone
			s.done(c, x, *o)
		})
	})
}

// expire ends what has waited for too long.
func (s *shard) expire(c *conn) {
	if c.h2 != nil {
		s.lapse(c)
		return
	}
	s.done(c, c.current, outcome{err: context.DeadlineExceeded, late: true, dead: true, at: s.clock.now()})
}
