package linkproxy

import (
	"context"
	"net"
)

// A Watcher looks at what passes on one connection. It is called from within the forwarding, and must not block. Calls for one
// direction come one after the other; those for the two directions may come at the same time.
type Watcher interface {
	// Pass is given bytes as they were read, before they go on. They are valid, and must stay as they are, during the call.
	// When it returns false, both sides are told of the end behind these bytes, and nothing more is read.
	Pass(d Direction, data []byte) bool
	// End is called when the source of a direction has ended in order, behind its last bytes. What it returns means what it
	// means for Pass.
	End(d Direction) bool
	// Idle reports whether nothing is under way, when the connection is to be hung up: with false it lives on, until Pass or
	// End says otherwise. Nothing passes meanwhile.
	Idle() bool
	// Close is called once, when nothing passes any more. A direction that has not ended until then was broken off.
	Close()
}

// Carry forwards one connection between sockets that it takes over, and returns when it is over. w sees what passes. No limit
// of connections counts here, and rules and counters know both sides as nobody. When ctx is done, and w is idle, nothing more
// is read, and both sides are told of the end behind what was read before; [Proxy.Close] resets the connection.
func (p *Proxy) Carry(ctx context.Context, caller, callee *net.TCPConn, w Watcher) {
	var nobody Peer
	c, ok := p.admit(nobody, nobody, p.stats.link(nobody, nobody), caller, callee, w)
	if !ok {
		w.Close()
		return
	}
	defer context.AfterFunc(ctx, c.hangUp)()
	p.carry(c)
}
