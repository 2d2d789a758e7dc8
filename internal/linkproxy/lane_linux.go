package linkproxy

import (
	"container/heap"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/descriptor"
)

// A lane is one direction of a connection that a loop carries. Whether a socket is ready is known from the edges that
// the system told of and from what reads and writes said since.
type lane struct {
	flow     *flow
	relay    *relay
	from, to int // sockets
	shape    shape

	readable bool // there may be something to read
	ending   bool // the end of the source is there, too: a short read does not say that all has been read
	full     bool // there is no room to write
	over     bool // the source has ended
	passed   bool // and its end was passed on
	again    bool // it is in the loop's list of that name

	first, last *chunk // held back: for their time, or for room
	held        int    // chunks from first to last
	due         time.Time
	place       int // among the loop's late lanes, plus 1; 0 when it is not there
}

// set makes the lane take shape s, as flow.set does.
func (a *lane) set(s shape) {
	if a.relay.closed || a.shape == s {
		return
	}
	a.shape = s
	for c := a.first; c != nil; c = c.next {
		c.due = time.Time{}
	}
	a.pump()
}

// pump writes what is due and reads once, so that no lane keeps the others waiting for long.
func (a *lane) pump() {
	if a.relay.closed {
		return
	}
	a.deliver()
	if a.mayRead() {
		a.read()
		if a.mayRead() && !a.again {
			a.again = true
			a.relay.loop.again = append(a.relay.loop.again, a)
		}
	}
	a.settle()
}

// mayRead reports whether a read is worth it. When the relay is closed the number may be that of another socket by now.
func (a *lane) mayRead() bool { return a.readable && !a.over && !a.relay.closed && a.hasRoom() }

func (a *lane) hasRoom() bool {
	if a.shape.late() {
		return a.held < a.shape.inFlight()
	}
	return a.first == nil
}

// read takes what one read brings, and hangs up behind it when the watcher asks for that.
func (a *lane) read() {
	l := a.relay.loop
	n, errno := descriptor.Receive(a.from, l.spare.space)
	switch {
	case errno == unix.EAGAIN:
		a.readable = false
		return
	case errno != 0:
		a.relay.close(true)
		return
	case n == 0:
		a.readable, a.over = false, true
		if !a.relay.broken && !a.flow.conn.watcher.End(a.flow.dir) {
			defer a.relay.cease()
		}
		a.finish()
		return
	}
	a.readable = n == len(l.spare.space) || a.ending
	data := l.spare.space[:n]
	a.flow.conn.link.bytes[a.flow.dir].Add(int64(n))
	if !a.flow.conn.watcher.Pass(a.flow.dir, data) {
		defer a.relay.cease()
	}
	if a.shape.late() {
		c := l.keep(data)
		c.read = time.Now()
		c.due = c.read.Add(a.shape.delay(a.flow.rand))
		a.hold(c)
		return
	}
	if data = a.write(data); len(data) > 0 {
		a.hold(l.keep(data))
	}
}

// write returns what there was no room for.
func (a *lane) write(data []byte) []byte {
	n, errno := descriptor.Send(a.to, data)
	if errno != 0 && errno != unix.EAGAIN {
		a.giveUp()
		return nil
	}
	a.full = n < len(data)
	return data[n:]
}

// hold puts c behind what is held already.
func (a *lane) hold(c *chunk) {
	if a.first == nil {
		a.first = c
	} else {
		a.last.next = c
	}
	a.last = c
	a.held++
}

// deliver writes what is due, as far as there is room.
func (a *lane) deliver() {
	if a.first == nil || a.full {
		return
	}
	now := time.Now()
	for a.first != nil && !a.first.due.After(now) {
		c := a.first
		rest := a.write(c.data)
		if a.first != c { // the lane gave up, and has freed the chunk
			return
		}
		if c.data = rest; a.full {
			return
		}
		a.flow.conn.link.delivered(a.flow.dir, c)
		a.first = c.next
		a.held--
		c.free()
	}
	a.finish()
}

// finish passes the end of the source on, behind all that is held.
func (a *lane) finish() {
	if !a.over || a.passed || a.first != nil {
		return
	}
	a.passed = true
	if !a.relay.broken {
		_ = unix.Shutdown(a.to, unix.SHUT_WR) // fails only when the other side is gone already
	}
	if a.opposite().passed {
		a.relay.end()
	}
}

// giveUp is called when the receiver takes nothing any more. What it said before goes on first, such as the refusal of a body
// that is still being sent.
func (a *lane) giveUp() {
	back := a.opposite()
	if !back.over {
		a.relay.broken = true
	}
	a.drop()
	a.over, a.passed, a.full = true, true, false
	if back.passed {
		a.relay.end()
		return
	}
	back.readable = true
	back.pump()
}

// opposite is the lane of the other direction.
func (a *lane) opposite() *lane {
	if a == &a.relay.lanes[0] {
		return &a.relay.lanes[1]
	}
	return &a.relay.lanes[0]
}

// settle puts the lane among the late ones, if that is where it belongs.
func (a *lane) settle() {
	late := &a.relay.loop.late
	waits := a.first != nil && !a.full
	switch {
	case a.place == 0 && waits:
		a.due = a.first.due
		heap.Push(late, a)
	case a.place > 0 && !waits:
		heap.Remove(late, a.place-1)
	case a.place > 0 && !a.due.Equal(a.first.due):
		a.due = a.first.due
		heap.Fix(late, a.place-1)
	}
}

// drop forgets what is held.
func (a *lane) drop() {
	freeAll(a.first)
	a.first, a.held = nil, 0
	a.settle()
}
