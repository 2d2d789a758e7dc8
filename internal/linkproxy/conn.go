package linkproxy

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// conn is one forwarded connection.
type conn struct {
	from, to       Peer
	link           *link
	caller, callee *net.TCPConn
	up, down       *flow
	sniffer        *sniffer
	broken         sync.Once
}

// newConn prepares a connection; seed and number fix its jitter.
func newConn(from, to Peer, l *link, caller, callee *net.TCPConn, seed, number uint64) *conn {
	c := &conn{from: from, to: to, link: l, caller: caller, callee: callee, sniffer: newSniffer(l.count)}
	c.up = &flow{
		conn: c, dir: Request, src: caller, dst: callee, seen: c.sniffer.request,
		rand: rand.New(rand.NewPCG(seed, 2*number)),
	}
	c.down = &flow{
		conn: c, dir: Response, src: callee, dst: caller, seen: c.sniffer.response,
		rand: rand.New(rand.NewPCG(seed, 2*number+1)),
	}
	return c
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
}

// run forwards both directions until both have ended.
func (c *conn) run() {
	c.link.opened.Add(1)
	c.link.active.Add(1)
	var wg sync.WaitGroup
	wg.Go(c.down.run)
	c.up.run()
	wg.Wait()
	_ = c.caller.Close() // already closed after an abort
	_ = c.callee.Close()
	c.sniffer.close()
	c.link.active.Add(-1)
}

// abort resets both sides. What the pipes hold back is lost, as it would be in a broken network.
func (c *conn) abort() {
	c.broken.Do(func() {
		reset(c.caller)
		reset(c.callee)
		c.up.release()
		c.down.release()
	})
}

// reset closes c so that its peer sees RST instead of an orderly end.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // both fail only when the connection is closed already
	_ = c.Close()
}

const dialTimeout = 5 * time.Second
