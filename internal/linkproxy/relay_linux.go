package linkproxy

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/descriptor"
)

// A relay is a connection that a loop carries, until both directions have ended or a rule asks for what only goroutines do.
type relay struct {
	loop   *loop
	conn   *conn
	number int32   // among the loop's; of the events it is twice that, plus the socket's index
	fds    [2]int  // of the caller's socket and of the callee's
	lanes  [2]lane // by the socket that they read: up, down
	broken bool    // one side was reset: the other is, too, behind what was said before
	closed bool    // the sockets are not the loop's any more
	left   bool    // but those of goroutines
	done   chan struct{}
}

// carry takes a connection over, with the shapes of its directions. It returns nil when it cannot: then nothing has
// changed, unless the sockets themselves are broken.
func (l *loop) carry(c *conn, cond condition) *relay {
	if cond.cut || cond.request.toxic() || cond.response.toxic() {
		return nil
	}
	r := &relay{loop: l, conn: c, done: make(chan struct{})}
	var err error
	if r.fds[0], err = descriptor.Duplicate(c.caller); err != nil {
		return nil
	}
	if r.fds[1], err = descriptor.Duplicate(c.callee); err != nil {
		_ = unix.Close(r.fds[0])
		return nil
	}
	// Go's poller forgets them; the duplicates keep the connections.
	_ = c.caller.Close()
	_ = c.callee.Close()
	r.lanes[0] = lane{flow: c.up, relay: r, from: r.fds[0], to: r.fds[1], shape: cond.request}
	r.lanes[1] = lane{flow: c.down, relay: r, from: r.fds[1], to: r.fds[0], shape: cond.response}

	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		r.number, l.free = l.free[n-1], l.free[:n-1]
		l.relays[r.number] = r
	} else {
		r.number = int32(len(l.relays))
		l.relays = append(l.relays, r)
	}
	for i, fd := range r.fds {
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: 2*r.number + int32(i)}
		if unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event) != nil {
			r.close(true) // out of memory, or of the watches that a user may have
			return r
		}
	}
	return r
}

// wait blocks until the loop carries the connection no more, and reports whether goroutines are to go on with it.
func (r *relay) wait() bool {
	<-r.done
	return r.left
}

// set makes the connection feel other shapes: chunks that are held back go on at once, the next ones feel the new shape.
// When these need goroutines, the loop lets go of the connection.
func (r *relay) set(cond condition) {
	r.loop.mu.Lock()
	defer r.loop.mu.Unlock()
	if r.closed { // and with it, maybe, the loop
		return
	}
	if cond.request.toxic() || cond.response.toxic() {
		r.leave()
		return
	}
	r.lanes[0].set(cond.request)
	r.lanes[1].set(cond.response)
	r.loop.nudge()
}

// abort resets both sides. It reports whether that was for it to do: after it has left, it is not.
func (r *relay) abort() bool {
	r.loop.mu.Lock()
	defer r.loop.mu.Unlock()
	r.close(true)
	return !r.left
}

// hangUp ends both directions behind what is held back, as if nothing more came to be read, unless something is under way. It reports whether that was for
// it to do.
func (r *relay) hangUp() bool {
	r.loop.mu.Lock()
	defer r.loop.mu.Unlock()
	if r.conn.watcher.Idle() {
		r.cease()
	}
	return !r.left
}

// cease ends both directions behind what is held back; the mutex is held.
func (r *relay) cease() {
	for i := range r.lanes {
		if r.closed {
			return
		}
		a := &r.lanes[i]
		a.readable, a.over = false, true
		a.finish()
	}
}

// end closes a connection of which both directions are over; the mutex is held.
func (r *relay) end() {
	for _, fd := range r.fds {
		r.loop.discard(fd)
	}
	r.close(r.broken)
}

// close gives everything back; the mutex is held. With a reset the peers see RST instead of an orderly end.
func (r *relay) close(reset bool) {
	if r.closed {
		return
	}
	for _, fd := range r.fds {
		if reset {
			_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // fails when it is broken already
		}
		_ = unix.Close(fd) // which takes it out of the epoll
	}
	r.forget()
}

// leave hands the connection to goroutines, with what there is no room for yet; the mutex is held.
func (r *relay) leave() {
	for i := range r.lanes {
		r.lanes[i].set(shape{})
	}
	if r.closed { // by a write that failed
		return
	}
	caller, callee, err := r.giveBack()
	if err != nil {
		r.close(true)
		return
	}
	r.conn.attach(caller, callee)
	for i := range r.lanes {
		a := &r.lanes[i]
		a.flow.rest, a.first = a.first, nil
	}
	r.left = true
	r.close(false)
}

// giveBack returns the sockets as Go knows them, which the loop hears of no more.
func (r *relay) giveBack() (caller, callee *net.TCPConn, err error) {
	for _, fd := range r.fds {
		if err := unix.EpollCtl(r.loop.epoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
			return nil, nil, err
		}
	}
	if caller, err = adopted(r.fds[0]); err != nil {
		return nil, nil, err
	}
	if callee, err = adopted(r.fds[1]); err != nil {
		reset(caller)
		return nil, nil, err
	}
	return caller, callee, nil
}

// forget takes the connection out of the loop.
func (r *relay) forget() {
	r.closed = true
	for i := range r.lanes {
		r.lanes[i].drop()
	}
	r.loop.relays[r.number] = nil
	r.loop.free = append(r.loop.free, r.number)
	close(r.done)
}
