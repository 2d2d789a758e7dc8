package tcpstream

import "slices"

// conn puts the packets of one connection in order.
type conn struct {
	a         *Assembler
	id        uint64
	key       flow
	client    endpoint
	half      [2]half // by Direction
	handler   Handler
	last      int64 // time of the latest packet
	held      int   // cost of what both halves hold
	tiedSince int64 // when both streams were first seen waiting for each other; 0 when they do not
	opened    bool  // by a SYN
	done      bool
}

func (c *conn) direction(p *packet) Direction {
	if p.src == c.client {
		return ToServer
	}
	return ToClient
}

// reopens reports whether the packet starts another connection between the same ports.
func (c *conn) reopens(p *packet) bool {
	if p.flags&(flagSYN|flagACK|flagRST) != flagSYN {
		return false
	}
	h := &c.half[c.direction(p)]
	return c.done || h.started && p.seq+1 != h.first
}

func (c *conn) packet(p *packet, at int64) {
	c.last = max(c.last, at)
	d := c.direction(p)
	h, o := &c.half[d], &c.half[1-d]
	h.seen = true
	seq := p.seq
	if p.flags&flagSYN != 0 {
		seq++
	}
	h.start(seq)
	if p.flags&flagACK != 0 {
		o.start(p.ack)
		o.acknowledged(p.ack)
	}
	h.snapped = h.snapped || p.cut > 0
	c.a.stats.Cut += uint64(p.cut)
	if end := seq + uint32(len(p.data)+p.cut); p.flags&flagFIN != 0 && !h.fin && h.near(end) && ahead(end, h.next) >= 0 {
		h.fin, h.finSeq, h.finAck = true, end, p.ack
	}
	if len(p.data) > 0 {
		c.data(d, piece{seq: seq, ack: p.ack, at: at, data: p.data})
	}
	if h.held != nil || o.held != nil || h.fin || o.fin {
		c.drain()
	}
	if p.flags&flagRST != 0 && h.near(p.seq) {
		c.end(Reset)
	}
	c.settle(c.a.clock)
}

// data takes the payload of one segment: it is delivered, held, or counted as of no use.
func (c *conn) data(d Direction, p piece) {
	h, stats := &c.half[d], &c.a.stats
	if !h.near(p.seq) {
		stats.Discarded += uint64(len(p.data))
		return
	}
	far := ahead(p.seq, h.next)
	if early := ahead(h.first, p.seq); early > 0 && h.offset < windowMax { // sent before the stream was picked up
		n := min(early, len(p.data))
		stats.Early += uint64(n)
		p.seq, p.data, far = p.seq+uint32(n), p.data[n:], far+n
	}
	if far < 0 {
		n := min(-far, len(p.data))
		stats.Duplicate += uint64(n)
		p.seq, p.data, far = p.seq+uint32(n), p.data[n:], far+n
	}
	switch {
	case len(p.data) == 0:
	case h.ended:
		stats.Discarded += uint64(len(p.data))
	case far == 0 && c.caused(d, p.ack):
		c.deliver(d, p) // what it has in common with what is held is a duplicate there
	case c.held+p.cost() > c.a.o.ConnHeldMax || c.a.held+p.cost() > c.a.o.HeldMax:
		if !c.caused(d, p.ack) {
			c.force(1-d, p.ack, GapLimit)
		}
		c.force(d, p.seq, GapLimit)
		c.data(d, p) // nothing stands before it any more
	default:
		cost, duplicate := h.hold(p)
		stats.Duplicate += uint64(duplicate)
		c.held += cost
		c.a.held += cost
	}
}

// caused reports whether what the sender had received when it sent this is delivered.
func (c *conn) caused(d Direction, ack uint32) bool {
	o := &c.half[1-d]
	if !o.started || o.ended || ahead(ack, o.next) <= 0 || !o.near(ack) {
		return true
	}
	if o.fin && ahead(o.finSeq, o.next) <= 0 {
		return true // all that is missing is the word that it is over
	}
	if !o.seen { // a capture of one direction alone: waiting is in vain
		c.force(1-d, ack, GapMissed)
		return true
	}
	return false
}

func (c *conn) deliver(d Direction, p piece) {
	h, o := &c.half[d], &c.half[1-d]
	acked := o.offset + int64(min(ahead(p.ack, o.next), 0))
	s := Segment{Direction: d, At: p.at, Offset: h.offset, Acked: max(acked, 0), Data: p.data}
	h.advance(len(p.data))
	c.a.stats.Delivered += uint64(len(p.data))
	c.handler.Data(s)
}

// drain delivers what is complete, in both directions, and ends what has ended.
func (c *conn) drain() {
	for c.drainHalf(ToServer) || c.drainHalf(ToClient) {
	}
}

// tied reports whether both streams wait for each other. A retransmission is among what is held, then, that carries a later
// acknowledgement than its bytes had at first.
func (c *conn) tied() bool {
	a, b := &c.half[ToServer], &c.half[ToClient]
	return len(a.held) > 0 && len(b.held) > 0 && ahead(a.held[0].seq, a.next) <= 0 && ahead(b.held[0].seq, b.next) <= 0
}

// untie delivers of the piece that was captured later, for that is the retransmission, as much as the other stream waits for.
func (c *conn) untie() {
	d := ToClient
	if c.half[ToServer].held[0].at >= c.half[ToClient].held[0].at {
		d = ToServer
	}
	h, need := &c.half[d], c.half[1-d].held[0].ack
	if p := h.held[0]; ahead(need, p.seq) > 0 && ahead(need, p.seq) < len(p.data) {
		n := ahead(need, p.seq)
		rest := piece{seq: need, ack: p.ack, at: p.at, data: p.data[n:]}
		h.held[0].data = p.data[:n]
		h.held = slices.Insert(h.held, 1, rest)
		c.held += pieceCost
		c.a.held += pieceCost
	}
	c.deliverFirst(d)
}

func (c *conn) drainHalf(d Direction) (moved bool) {
	h := &c.half[d]
	for len(h.held) > 0 && ahead(h.held[0].seq, h.next) <= 0 && c.caused(d, h.held[0].ack) {
		c.deliverFirst(d)
		moved = true
	}
	if h.fin && !h.ended && len(h.held) == 0 && ahead(h.finSeq, h.next) <= 0 && c.caused(d, h.finAck) {
		h.next++
		c.endHalf(d, Closed)
		moved = true
	}
	return moved
}

// deliverFirst delivers the first piece that is held.
func (c *conn) deliverFirst(d Direction) {
	h := &c.half[d]
	p := h.pop()
	c.held -= p.cost()
	c.a.held -= p.cost()
	if n := min(ahead(h.next, p.seq), len(p.data)); n > 0 {
		c.a.stats.Duplicate += uint64(n)
		p.seq, p.data = p.seq+uint32(n), p.data[n:]
	}
	if len(p.data) > 0 {
		c.deliver(d, p)
	}
}

// force delivers what is held up to a sequence number, and what is missing up to there as gaps.
func (c *conn) force(d Direction, upTo uint32, cause GapCause) {
	h := &c.half[d]
	if !h.started || h.ended {
		return
	}
	for len(h.held) > 0 && ahead(h.held[0].seq, upTo) < 0 {
		c.skip(d, h.held[0].seq, cause)
		c.deliverFirst(d)
	}
	c.skip(d, upTo, cause)
}

// skip gives up what is missing before a sequence number.
func (c *conn) skip(d Direction, to uint32, cause GapCause) {
	h := &c.half[d]
	n := ahead(to, h.next)
	if n <= 0 {
		return
	}
	if h.snapped && cause == GapMissed {
		cause = GapSnapped
	}
	g := Gap{Direction: d, At: c.last, Offset: h.offset, Bytes: int64(n), Cause: cause}
	h.advance(n)
	c.a.stats.Missing += uint64(n)
	c.handler.Gap(g)
}

// settle gives up holes that have waited long enough, and notes the others.
func (c *conn) settle(now int64) {
	if c.done {
		return
	}
	for d := range c.half {
		h := &c.half[d]
		if !h.watch(now) {
			continue
		}
		patience := c.a.o.Patience
		if ahead(h.acked, h.next) <= 0 {
			patience = c.a.o.Retransmit
		}
		if end, _ := h.hole(); now-h.since >= int64(patience) {
			c.force(Direction(d), end, GapMissed)
			c.drain()
			h.watch(now)
		}
	}
	switch {
	case !c.tied():
		c.tiedSince = 0
	case c.tiedSince == 0:
		c.tiedSince = max(now, 1)
	case now-c.tiedSince >= int64(c.a.o.Patience):
		c.tiedSince = 0
		c.untie()
		c.drain()
	}
}

// waits reports whether time alone may change something.
func (c *conn) waits() bool {
	return c.half[ToServer].since != 0 || c.half[ToClient].since != 0 || c.tiedSince != 0
}

// end delivers what is held, with gaps where something is missing, and ends both streams.
func (c *conn) end(how End) {
	for c.yield() {
		c.drain()
	}
	for d, h := range c.half {
		if h.fin && how != Reset {
			c.endHalf(Direction(d), Closed)
		} else {
			c.endHalf(Direction(d), how)
		}
	}
}

// yield gives up what both streams wait for first.
func (c *conn) yield() (moved bool) {
	for d := range c.half {
		if end, waits := c.half[d].hole(); waits {
			c.force(Direction(d), end, GapMissed)
			return true
		}
	}
	if c.tied() {
		c.untie()
		return true
	}
	return false
}

func (c *conn) endHalf(d Direction, how End) {
	h := &c.half[d]
	if h.ended {
		return
	}
	h.ended = true
	for len(h.held) > 0 { // behind the end that the sender gave
		p := h.pop()
		c.held -= p.cost()
		c.a.held -= p.cost()
		c.a.stats.Discarded += uint64(len(p.data))
	}
	c.handler.End(d, c.last, how)
	if c.half[1-d].ended {
		c.done, c.handler = true, nil
	}
}
