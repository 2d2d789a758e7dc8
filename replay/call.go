package replay

import (
	"context"
	"net/http"
	"time"
)

// A call is a stream of gRPC on its way over a trunk: what a recital is for a courier.
type call struct {
	*stream
	over   *h2stream // that carries it
	due    time.Duration
	said   int   // messages that were handed to the connection
	ended  bool  // and that nothing follows them
	left   bool  // as the recorded client did
	sent   int   // messages that the server's windows have let out whole: they are with the socket, or next in line for it
	bytes  int64 // of those
	before int   // messages that are on the books: they were sent once, to a server that did nothing with them
	answer listener
	closed bool // it has its outcome
}

// A cue is the moment at which a call goes on.
type cue struct {
	at   time.Duration
	call *call
}

func (c cue) before(d cue) bool { return c.at < d.at }

// next returns when c goes on by itself; false when it only listens from now on.
func (c *call) next() (at time.Duration, more bool) {
	switch {
	case c.said < len(c.beats):
		return c.due + c.beats[c.said].after, true
	case !c.ended && !c.open:
		return c.due + c.upload, true
	case c.stream.left && !c.left:
		return c.due + c.lasts, true
	}
	return 0, false
}

// begin makes a call of the request of st. Its session goes on meanwhile.
func (s *shard) begin(x *shot, st *h2stream) {
	if !x.resent {
		s.e.books.begun.Add(1)
	}
	st.call = &call{stream: x.req.stream, over: st, due: x.due, before: x.said, answer: listener{books: s.e.books}}
	s.passOn(x)
	x.loose, x.begun = true, true
}

// retract takes the word of a server that it did nothing with c: the shot can be sent anew. What was said of it counts once.
func (s *shard) retract(c *call, x *shot) {
	c.closed = true
	x.begun, x.said = false, max(c.sent, c.before)
}

// speak does what is due of c, and puts it down for the next time.
func (s *shard) speak(c *call) {
	for !c.closed {
		at, more := c.next()
		if !more {
			return
		}
		if at > s.e.now() {
			s.trunk.cues.push(cue{at, c})
			return
		}
		h := c.over.link.h2
		s.soil(c.over.link)
		switch {
		case c.said < len(c.beats):
			c.said++
			h.say(c.over, c.beats[c.said-1].size)
		case !c.ended && !c.open:
			c.ended = true
			h.hush(c.over)
		default:
			c.left = true
			s.leave(c)
		}
	}
}

// leave breaks c off as the recorded client did, which is a success if the server had said anything, or never did.
func (s *shard) leave(c *call) {
	st := c.over
	s.takeBack(st)
	if c.answer.n == 0 && c.recorded > 0 {
		s.streamEnded(st, context.Canceled, false)
		return
	}
	st.answer.status, st.answer.rpc = http.StatusOK, st.slot.current.req.rpc
	s.streamEnded(st, nil, false)
}

// hangUp accounts for what c had still to say.
func (s *shard) hangUp(c *call, err error) {
	c.closed = true
	cause := causeGone
	if err != nil {
		cause = causeCall
	}
	s.e.books.recorded.Add(c.recorded)
	s.e.books.leave(cause, int64(len(c.beats)-max(c.sent, c.before)))
}

// streamSent counts the messages that the server's windows have let out whole.
func (s *shard) streamSent(st *h2stream) {
	for c := st.call; c.sent < c.said && c.bytes+int64(c.beats[c.sent].size) <= st.sent; c.sent++ {
		c.bytes += int64(c.beats[c.sent].size)
		if c.sent >= c.before {
			s.e.books.send(s.e.now() - c.due - c.beats[c.sent].after)
		}
	}
}
