package replay

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// maxInline is the longest request that the dispatcher writes itself: what fits the socket buffer does not
// block.
const maxInline = 16 << 10

// A conn is one connection of the pool, with at most one request in flight. A goroutine of its own reads from it
// for as long as it lives, and so notices at once when the server closes it.
type conn struct {
	engine  *engine
	nc      net.Conn
	work    chan *shot  // requests for the fallback
	writing atomic.Bool // a long request is still being written

	// Guarded by the engine's lock.
	cancel     context.CancelFunc // of what the connection does
	index      int
	current    *shot // in flight
	deadline   time.Duration
	uses       int
	ready      bool // established
	expired    bool // its request took too long
	gone       bool // no longer in the pool
	isIdle     bool
	idleSince  time.Duration
	prev, next *conn // in the list of idle ones
}

// fire sends the request that c was given, in the caller's goroutine where that cannot block.
func (c *conn) fire(s *shot) {
	switch {
	case c.uses == 1:
		c.engine.wg.Go(func() { c.start(s) })
	case c.engine.fallback != nil:
		c.work <- s
	default:
		c.send(s)
	}
}

// start establishes the connection for its first request, and stays to read the answers.
func (c *conn) start(s *shot) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.begin(cancel)
	if c.engine.fallback != nil {
		c.roundTrips(ctx, s)
		return
	}
	nc, err := c.establish(ctx, s)
	if err != nil {
		c.engine.done(c, s, outcome{err: err, dead: true, late: errors.Is(err, context.DeadlineExceeded)})
		return
	}
	defer nc.Close()
	c.send(s)
	c.receive()
}

// begin makes what follows end with cancel, at once if it is over already.
func (c *conn) begin(cancel context.CancelFunc) {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	c.cancel = cancel
	if e.closed || c.expired {
		cancel()
	}
}

func (c *conn) establish(ctx context.Context, s *shot) (net.Conn, error) {
	e := c.engine
	ctx, cancel := context.WithTimeout(ctx, s.due+e.timeout-e.now())
	defer cancel()
	nc, err := e.dial(ctx)
	if err != nil {
		if ctx.Err() != nil { // what the dialer says of it differs
			err = ctx.Err()
		}
		return nil, err
	}
	e.opened.Add(1)
	c.established(nc, s)
	return nc, nil
}

func (c *conn) established(nc net.Conn, s *shot) {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	c.nc, c.ready = nc, true
	if s.sent == 0 {
		s.sent = e.now()
	}
	if e.closed || c.expired {
		nc.Close()
	}
}

// send writes a request. An error shows where the answer is read.
func (c *conn) send(s *shot) {
	if len(s.raw) <= maxInline {
		c.write(s.raw)
		return
	}
	c.writing.Store(true)
	c.engine.wg.Go(func() {
		c.write(s.raw)
		c.writing.Store(false)
	})
}

func (c *conn) write(raw []byte) {
	if _, err := c.nc.Write(raw); err != nil {
		c.nc.Close()
	}
}

// receive reads answers until the connection ends.
func (c *conn) receive() {
	e, r := c.engine, newResponseReader(c.nc)
	for !c.gone {
		err := r.await()
		s := e.awaited(c)
		if s == nil { // closed while idle, or the server spoke out of turn
			return
		}
		o := outcome{err: err, dead: true}
		if err == nil {
			o.began = true
			o.answer, o.err = r.read(s.req.method, s.req.keeps())
			o.dead = o.err != nil || o.answer.final || r.ahead()
		}
		if next := e.done(c, s, o); next != nil {
			c.send(next)
		}
	}
}

// awaited returns the request in flight on c; without one c leaves the pool.
func (e *engine) awaited(c *conn) *shot {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.current == nil {
		e.remove(c)
		e.drain()
	}
	return c.current
}

// abort makes whatever c is doing end soon. Called with the lock.
func (c *conn) abort() {
	if c.cancel != nil {
		c.cancel()
	}
	if c.nc != nil {
		c.nc.Close()
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
