package linkproxy

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one forwarded connection.
type conn struct {
	from, to       Peer
	link           *link
	caller, callee *net.TCPConn
	relay          *relay // while a loop carries the connection, or until it did; nil when goroutines did all along
	up, down       *flow
	watcher        Watcher
	severed        atomic.Bool // one side took nothing any more
	broken         sync.Once
}

// newConn prepares a connection; seed and number fix its jitter.
func newConn(from, to Peer, l *link, caller, callee *net.TCPConn, w Watcher, seed, number uint64) *conn {
	c := &conn{from: from, to: to, link: l, watcher: w}
	c.up = &flow{
		conn: c, dir: Request,
		rand: rand.New(rand.NewPCG(seed, 2*number)),
	}
	c.down = &flow{
		conn: c, dir: Response,
		rand: rand.New(rand.NewPCG(seed, 2*number+1)),
	}
	c.attach(caller, callee)
	return c
}

// attach gives the connection its sockets.
func (c *conn) attach(caller, callee *net.TCPConn) {
	c.caller, c.callee = caller, callee
	c.up.src, c.up.dst = caller, callee
	c.down.src, c.down.dst = callee, caller
}

// apply makes the connection feel cond. It does not block on the connection.
func (c *conn) apply(cond condition) {
	if cond.cut {
		c.link.cut.Add(1)
		c.abort()
		return
	}
	c.up.set(cond.request)
	c.down.set(cond.response)
	if c.relay != nil {
		c.relay.set(cond)
	}
}

// run forwards both directions until both have ended.
func (c *conn) run() {
	c.link.opened.Add(1)
	c.link.active.Add(1)
	if c.relay == nil || c.relay.wait() {
		c.copy()
	}
	c.watcher.Close()
	c.link.active.Add(-1)
}

// copy forwards both directions with a goroutine each.
func (c *conn) copy() {
	var wg sync.WaitGroup
	wg.Go(c.down.run)
	c.up.run()
	wg.Wait()
	_ = c.caller.Close() // already closed after an abort
	_ = c.callee.Close()
}

// abort resets both sides. What the pipes hold back is lost, as it would be in a broken network.
func (c *conn) abort() {
	if c.relay != nil && c.relay.abort() {
		return
	}
	c.broken.Do(func() {
		reset(c.caller)
		reset(c.callee)
		c.up.release()
		c.down.release()
	})
}

// hangUp ends both directions as if their sources had, behind what is held back for them, unless something is under way.
func (c *conn) hangUp() {
	if c.relay != nil && c.relay.hangUp() {
		return
	}
	if !c.watcher.Idle() {
		return
	}
	past := time.Unix(1, 0)
	_ = c.caller.SetReadDeadline(past) // both fail only when the connection is closed already
	_ = c.callee.SetReadDeadline(past)
}

// reset closes c so that its peer sees RST instead of an orderly end.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // both fail only when the connection is closed already
	_ = c.Close()
}

const dialTimeout = 5 * time.Second
