package replay

import "time"

// What requests share connections.
const (
	connsPool     = "pool"     // those of all sessions
	connsRecorded = "recorded" // those of one session that shared one when they were recorded
)

// holdFor is how long a connection is held for a session that does not use it.
const holdFor = 2 * time.Minute

// own returns the connection that stands for the recorded one of x, a new one if need be; nil when there can be none, or
// when it is in use by another request of the session. What then goes another way is counted.
func (s *shard) own(p *pool, x *shot) *conn {
	c, known := x.sess.conns[x.req.conn]
	switch {
	case c != nil && c.isIdle:
		return c
	case c != nil, len(p.conns) >= p.max && !s.forsake(p):
		s.e.unheld.Add(1)
		return nil
	case known:
		s.e.unheld.Add(1) // the one before is gone
	}
	c = p.add()
	c.owner, c.stand = x.sess, x.req.conn
	if x.sess.conns == nil {
		x.sess.conns = make(map[uint64]*conn)
	}
	x.sess.conns[x.req.conn] = c
	return c
}

// forsake closes the held connection that was idle for longest, and reports whether there was one: a pool that is full
// has no other room.
func (s *shard) forsake(p *pool) bool {
	if p.apart.first == nil {
		return false
	}
	s.remove(p.apart.first)
	return true
}

// rejoin chooses what a held connection does next: it sends what its session held back, or waits for its owner. Where
// others wait for any connection, it makes room.
func (s *shard) rejoin(c *conn, next *shot) {
	if next != nil && next.req.conn == c.stand && s.poolOf(next.req) == c.pool {
		s.give(c, next)
		return
	}
	c.idleSince = s.clock.now()
	c.pool.apart.push(c)
	if next != nil {
		s.dispatch(next)
	}
	s.drain(c.pool)
}

// unhold closes the connections that nobody used for long.
func (s *shard) unhold(p *pool, now time.Duration) {
	for c := p.apart.first; c != nil && now-c.idleSince > holdFor; c = p.apart.first {
		s.remove(c)
	}
}
