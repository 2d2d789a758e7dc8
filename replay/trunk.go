package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"
)

// errHTTP1 says that a target turned HTTP/2 down.
var errHTTP1 = errors.New("the target does not speak HTTP/2")

// A trunk is the HTTP/2 connections of a shard, which its requests share: there is one for each target, and another when
// all streams that the servers allow are in use. A connection of a trunk, a link, is a conn with frames. A request that
// goes over it has a conn of its own, its slot, in the pool that bounds how many requests there are at the same time.
type trunk struct {
	links   []*conn       // that are made, and take requests
	turn    int           // whose turn it is to take the next one
	laying  int           // links that are being made: their servers have not said how many streams they allow
	again   time.Duration // no link is laid before
	waiting fifo[*conn]   // slots whose requests have no stream yet
	cues    queue[cue]    // of calls
	dirty   []*conn       // links that may have something to write
}

// linkStreams is how many streams a link that is being made will probably have: RFC 9113 recommends to allow that many.
const linkStreams = 100

// linkWaiting is how many bytes a link holds for a server that does not read before it takes no more requests.
const linkWaiting = 8 << 20

// layAgain is how long a trunk goes on with the links that it has when no further one could be made.
const layAgain = 100 * time.Millisecond

// linkPatience is how long a link takes requests after one was given up, when nothing at all comes from its server.
const linkPatience = 3 * time.Second

// errLapsed says that a server is gone without having said so.
var errLapsed = fmt.Errorf("the server says nothing any more: %w", syscall.ETIMEDOUT)

// framed reports whether requests over HTTP/2 go over the trunk, and not by a courier.
func (s *shard) framed() bool { return fastPath && !s.e.noFrames.Load() }

// enlist has the request of a slot wait for its stream, which it gets before the shard waits for anything else if there
// is one.
func (s *shard) enlist(c *conn) {
	t := &s.trunk
	t.waiting.push(c)
	if len(s.pools[poolLinks].conns) < s.e.targets || t.link() < 0 {
		s.lay(c.current.req.h2 == h2Must)
	}
}

// serve begins streams for the requests that wait, as many as there are, has calls go on, and all links write.
func (s *shard) serve() {
	t := &s.trunk
	for t.cues.len() > 0 && t.cues.first().at <= s.e.now() {
		s.speak(t.cues.pop().call)
	}
	for t.waiting.len() > 0 {
		c := t.waiting.first()
		if c.gone { // it has waited for too long
			t.waiting.pop()
			continue
		}
		i := t.link()
		if i < 0 {
			s.lay(c.current.req.h2 == h2Must)
			break
		}
		t.waiting.pop()
		t.turn = i + 1
		s.ride(t.links[i], c)
	}
	for i := 0; i < len(t.dirty); i++ { // writing may leave more to be written
		s.pour(t.dirty[i])
	}
	t.dirty = t.dirty[:0]
}

// link returns the number of a link that has room, each in its turn; -1 when none has.
func (t *trunk) link() int {
	for i := range t.links {
		i = (t.turn + i) % len(t.links)
		if l := t.links[i]; len(l.out)+len(l.h2.out) < linkWaiting && l.h2.room() {
			return i
		}
	}
	return -1
}

// lay makes another link in a goroutine of its own, unless those on the way are enough for all that wait. Only if it
// must does it not ask first whether the target speaks HTTP/2.
func (s *shard) lay(must bool) {
	t, p := &s.trunk, &s.pools[poolLinks]
	if t.laying > 0 && t.laying*linkStreams >= t.waiting.len() || len(p.conns) >= p.max || s.e.now() < t.again {
		return
	}
	c := p.add()
	ctx, cancel := context.WithTimeout(context.Background(), s.e.timeout)
	c.cancel = cancel
	t.laying++
	s.wg.Go(func() {
		defer cancel()
		nc, secure, err := s.e.connectFrames(ctx, must)
		if err != nil && ctx.Err() != nil { // what the dialer says of it differs
			err = ctx.Err()
		}
		s.onThread(func() { s.laid(c, nc, secure, err) })
	})
}

// laid takes a link that was made, or why there is none.
func (s *shard) laid(c *conn, nc net.Conn, secure *tlsLink, err error) {
	t := &s.trunk
	if c.gone { // the run was stopped
		if err == nil {
			nc.Close()
		}
		return
	}
	if c.cancel = nil; err == nil {
		c.sock, err = s.poller.adopt(c, nc)
	}
	if err == nil {
		c.tls, c.h2 = secure, newH2conn(s)
		t.links = append(t.links, c)
		s.wheel.set(c, s.e.now()+s.e.timeout) // to be greeted
		s.soil(c)
		return
	}
	s.remove(c)
	t.laying--
	s.unlaid(err)
}

// unlaid tells those who wait why there is no link, if they have no other.
func (s *shard) unlaid(err error) {
	t := &s.trunk
	switch {
	case errors.Is(err, errHTTP1):
		s.turnAway(func(c *conn) {
			c.current.sent = s.e.now()
			s.carry(c, c.current)
		})
	case errors.Is(err, context.DeadlineExceeded): // who waits has a deadline of its own
	case len(t.links)+t.laying > 0:
		t.again = s.e.now() + layAgain
	default:
		s.turnAway(func(c *conn) { s.done(c, c.current, outcome{err: err, dead: true}) })
	}
}

// turnAway gives every slot that waits to do; none will get a stream.
func (s *shard) turnAway(do func(*conn)) {
	waiting := s.trunk.waiting
	s.trunk.waiting = fifo[*conn]{}
	for waiting.len() > 0 {
		if c := waiting.pop(); !c.gone {
			do(c)
		}
	}
}

// ride begins the stream of a slot.
func (s *shard) ride(link, c *conn) {
	x := c.current
	if x.sent == 0 {
		x.sent = s.clock.exact()
	}
	if c.stream == nil {
		st := &h2stream{slot: c}
		st.cancel = func() { s.abandon(st) }
		c.stream = st
	}
	s.raw = x.render(s.raw[:0], s.e.stamp)
	s.soil(link)
	st := c.stream
	st.link, st.call, st.answer, c.cancel, c.away = link, nil, answer{}, st.cancel, false
	if x.req.stream != nil {
		s.begin(x, st)
	}
	if err := link.h2.open(st, s.raw, x.req, s.e.secure != nil); err != nil {
		s.streamEnded(st, err, false)
		return
	}
	s.e.sentFrames.Add(1)
	if st.call != nil {
		s.speak(st.call)
	}
}

// abandon breaks a stream off.
func (s *shard) abandon(st *h2stream) {
	if st.call != nil && !st.call.closed {
		s.hangUp(st.call, context.Canceled)
	}
	s.takeBack(st)
}

// takeBack tells the server that nobody waits for a stream any more, and watches whether it says anything.
func (s *shard) takeBack(st *h2stream) {
	link := st.link
	h := link.h2
	h.abandon(st)
	s.soil(link)
	if h.owed == 0 || link.gone || link.hand.slot > 0 {
		return
	}
	switch {
	case !h.draining:
		s.wheel.set(link, s.e.now()+linkPatience)
	case h.ping == pingAsked:
		s.wheel.set(link, s.e.now()+s.e.timeout)
	}
}

// lapse deals with a link from which nothing has come. One that was not even greeted is of no use. Another takes no more
// requests: a machine that is gone tells nobody, and the next request is better off elsewhere. Those on it may still be
// answered, if the server was only stopped for a while; what outlasts even them ends when no PING was answered.
func (s *shard) lapse(link *conn) {
	h := link.h2
	switch {
	case !link.ready:
		s.sever(link, context.DeadlineExceeded)
	case !h.draining:
		h.draining = true
		s.soil(link)
		if h.ping == pingAsked {
			s.wheel.set(link, s.e.now()+s.e.timeout)
		}
	default:
		h.silent = true
		s.soil(link) // the wheel is turning, and the requests on it are in there
	}
}

// soil notes that a link may have something to write.
func (s *shard) soil(link *conn) {
	if !link.h2.dirty {
		link.h2.dirty = true
		s.trunk.dirty = append(s.trunk.dirty, link)
	}
}

// pour writes what a link has to say, and closes one that has no further use.
func (s *shard) pour(link *conn) {
	h := link.h2
	if h.dirty = false; link.gone {
		return
	}
	if h.silent {
		s.sever(link, errLapsed)
		return
	}
	if len(h.out) > 0 && !s.writeFrames(link) {
		return
	}
	if h.draining {
		s.unlink(link)
	}
	if !link.gone && h.spent() {
		s.sever(link, h.lost(io.EOF))
	}
}

// writeFrames writes what a link has to say, and reports whether the link goes on.
func (s *shard) writeFrames(link *conn) bool {
	h, raw := link.h2, link.h2.out
	if link.tls != nil {
		sealed, err := link.tls.seal(raw)
		if err != nil {
			s.sever(link, err)
			return false
		}
		raw = sealed
	}
	waiting := len(link.out) > 0
	s.write(link, raw)
	if h.out = h.out[:0]; link.tls == nil && !waiting && len(link.out) > 0 {
		h.out = nil // it is the link's now
	}
	if len(link.out) == 0 {
		h.control = 0
	}
	return !link.gone
}

// unlink has a link take no more requests.
func (s *shard) unlink(link *conn) {
	t := &s.trunk
	if i := slices.Index(t.links, link); i >= 0 {
		t.links = slices.Delete(t.links, i, i+1)
	}
}

// hearFrames takes what the server of a link sent, and reports whether the link goes on.
func (s *shard) hearFrames(link *conn, data []byte) bool {
	err := link.h2.feed(data)
	s.soil(link)
	if link.ready {
		s.wheel.clear(link)
	}
	if !link.ready && link.h2.settled {
		link.ready = true
		s.wheel.clear(link)
		if s.trunk.laying--; link.h2.limit == 0 { // another would hardly be allowed more
			s.trunk.again = s.e.now() + layAgain
		}
	}
	if err != nil {
		s.pour(link) // it says why
		if !link.gone {
			s.sever(link, err)
		}
	}
	return !link.gone
}

// sever ends a link, and all requests on it.
func (s *shard) sever(link *conn, err error) {
	if !link.ready {
		s.trunk.laying--
	}
	s.wheel.clear(link)
	s.unlink(link)
	s.remove(link)
	link.h2.close(err)
	if link.h2.next == 1 { // no request came to use it
		s.unlaid(err)
	}
}

var _ h2guest = (*shard)(nil)

func (s *shard) streamHeard(st *h2stream) {
	if x := st.slot.current; x.first == 0 {
		x.first = s.clock.now()
	}
}

func (s *shard) streamEnded(st *h2stream, err error, refused bool) {
	c := st.slot
	c.cancel = nil
	refused = refused && !st.heard
	switch {
	case st.call == nil:
	case refused && s.mayResend(c, c.current, outcome{refused: true}):
		s.retract(st.call, c.current)
	default:
		s.hangUp(st.call, err)
	}
	s.answered(c, c.current, outcome{answer: st.answer, err: err, began: !refused, refused: refused, dead: err != nil})
}

// connectFrames opens a connection for HTTP/2. Only if it must does it not ask first whether a target without TLS speaks
// it; the error is errHTTP1 when it does not.
func (e *engine) connectFrames(ctx context.Context, must bool) (net.Conn, *tlsLink, error) {
	if e.secure == nil && !must {
		speaks, err := e.courier.speaksH2C()
		if err != nil {
			return nil, nil, err
		}
		if !speaks {
			e.noFrames.Store(true)
			return nil, nil, errHTTP1
		}
	}
	nc, err := e.dial(ctx)
	if err != nil || e.secure == nil {
		return nc, nil, err
	}
	config := e.secure.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	secure, err := shake(ctx, nc, config)
	if err != nil {
		return nil, nil, err
	}
	if secure.conn.ConnectionState().NegotiatedProtocol != "h2" {
		nc.Close()
		e.noFrames.Store(true)
		return nil, nil, errHTTP1
	}
	return nc, secure, nil
}
