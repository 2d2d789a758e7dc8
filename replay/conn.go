package replay

import (
	"context"
	"time"
)

// A conn is one connection of a shard, with at most one request in flight. Everything in it belongs to the shard's
// thread.
type conn struct {
	pool   *pool
	index  int                // in the pool
	cancel context.CancelFunc // of what a goroutine does for it; nil when none does
	hand   hand

	current  *shot // in flight
	settling bool  // its answer is being looked into
	uses     int
	ready    bool // established
	gone     bool // no longer in the pool

	away   bool      // a goroutine may still look at what was in flight
	stream *h2stream // of a slot that was used in a trunk
	h2     *h2conn   // of a link; nil for everything else

	sock   *socket // nil until it is established, and for what is carried
	tls    *tlsLink
	out    []byte // of the request, not yet written
	parser responseParser

	owner *session // whose recorded connection it stands for; nil in the pool
	stand uint64   // the number of that

	isIdle     bool
	idleSince  time.Duration
	prev, next *conn // in the list of idle ones
}

// A pool is the connections of one kind, and what waits for one of them.
type pool struct {
	carried bool // by a courier or a trunk: its connections are requests at the same time
	max     int
	conns   []*conn
	idle    connList // least recently used first
	apart   connList // those that are idle and held for their owners
	waiting fifo[*shot]
}

// add makes a connection, which is established by its first request.
func (p *pool) add() *conn {
	c := &conn{pool: p, index: len(p.conns), ready: p.carried}
	p.conns = append(p.conns, c)
	return c
}

// remove takes c out.
func (p *pool) remove(c *conn) {
	c.gone = true
	p.rouse(c)
	last := p.conns[len(p.conns)-1]
	p.conns[c.index], last.index = last, c.index
	p.conns = p.conns[:len(p.conns)-1]
}

// rouse takes c out of the idle ones.
func (p *pool) rouse(c *conn) {
	if c.owner != nil {
		p.apart.remove(c)
	} else {
		p.idle.remove(c)
	}
}

// A connList is a list of idle connections, the least recently used first.
type connList struct{ first, last *conn }

func (l *connList) push(c *conn) {
	c.isIdle, c.prev, c.next = true, l.last, nil
	if l.last != nil {
		l.last.next = c
	} else {
		l.first = c
	}
	l.last = c
}

// remove takes c out, if it is in.
func (l *connList) remove(c *conn) {
	if !c.isIdle {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.last = c.prev
	}
	c.isIdle, c.prev, c.next = false, nil, nil
}
