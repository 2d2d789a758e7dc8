package replay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/descriptor"
)

// brief is how long a thread waits without giving up its place in the Go runtime, if it has one of its own. Whoever gives it up
// has to find one again, and keeps the runtime's monitor looking for places that were left: some 3,000 times a second, on the
// processor of whoever sends.
const brief = time.Millisecond

// maxEvents is how many ready sockets are taken from the system at once.
const maxEvents = 256

// A poller waits for sockets and for the clock at the same time, on one thread. All but wake belongs to that thread.
type poller struct {
	epoll  int
	event  int // an eventfd: wake writes to it
	events []unix.EpollEvent
	ready  []readiness
	socks  []*socket // by the number that the system tells of them
	free   []int32
	coarse bool // the system has no epoll_pwait2
	keeps  bool // its place in the Go runtime, while it waits briefly
	alarm  alarm
}

// readiness says what can be done with a connection.
type readiness struct {
	conn           *conn
	read, mayWrite bool
}

// newPoller takes what it needs from the system, until close. One that keeps its place waits as if it were at work: nobody else
// may depend on that place.
func newPoller(keeps bool) (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	p := &poller{epoll: epoll, event: event, events: make([]unix.EpollEvent, maxEvents), ready: make([]readiness, 0, maxEvents), keeps: keeps}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, event, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1}); err != nil {
		p.close()
		return nil, fmt.Errorf("watch eventfd: %w", err)
	}
	return p, nil
}

// wake ends the present wait, or the next one. Any goroutine may call it until close.
func (p *poller) wake() {
	_, _ = unix.Write(p.event, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it can only be full, and so wakes already
}

// wait returns what is ready, valid until the next call, after at most the timeout.
func (p *poller) wait(timeout time.Duration) []readiness {
	p.ready = p.ready[:0]
	for _, e := range p.events[:p.alarm.wait(timeout, p.poll)] {
		if e.Fd < 0 {
			var count [8]byte
			_, _ = unix.Read(p.event, count[:])
			continue
		}
		if s := p.socks[e.Fd]; s != nil {
			p.ready = append(p.ready, readiness{s.conn, e.Events&^unix.EPOLLOUT != 0, e.Events&unix.EPOLLOUT != 0})
		}
	}
	return p.ready
}

// poll returns the number of events.
func (p *poller) poll(timeout time.Duration) int {
	t := unix.NsecToTimespec(int64(timeout))
	if !p.coarse {
		n, errno := p.pwait(&t, timeout < brief && (p.keeps || timeout == 0))
		if errno == 0 {
			return int(n)
		}
		if errno != unix.ENOSYS && errno != unix.EPERM { // interrupted by a signal
			return 0
		}
		p.coarse = true
	}
	_, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(p.epoll), Events: unix.POLLIN}}, &t, nil)
	n, _ := unix.EpollWait(p.epoll, p.events, 0)
	return max(n, 0)
}

// pwait is epoll_pwait2(2). A raw one is not told to the Go runtime, whose signals end it, too.
func (p *poller) pwait(t *unix.Timespec, raw bool) (n uintptr, errno syscall.Errno) {
	if raw {
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), maxEvents, uintptr(unsafe.Pointer(t)), 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), maxEvents, uintptr(unsafe.Pointer(t)), 0, 0)
	}
	return n, errno
}

// adopt takes the connection over from the Go runtime; nc is closed in any case.
func (p *poller) adopt(c *conn, nc net.Conn) (*socket, error) {
	defer nc.Close()
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("take over connection: %w", errors.ErrUnsupported)
	}
	fd, err := descriptor.Duplicate(sc)
	if err != nil {
		return nil, fmt.Errorf("take over connection: %w", err)
	}
	s := &socket{poller: p, conn: c, fd: fd}
	if n := len(p.free); n > 0 {
		s.number, p.free = p.free[n-1], p.free[:n-1]
		p.socks[s.number] = s
	} else {
		s.number = int32(len(p.socks))
		p.socks = append(p.socks, s)
	}
	if err := s.watch(unix.EPOLL_CTL_ADD, unix.EPOLLIN); err != nil {
		s.close()
		return nil, fmt.Errorf("watch connection: %w", err)
	}
	return s, nil
}

func (p *poller) close() {
	unix.Close(p.event)
	unix.Close(p.epoll)
}

// A socket is a connection that never blocks.
type socket struct {
	poller *poller
	conn   *conn
	fd     int
	number int32
}

// watch sets what the poller looks for.
func (s *socket) watch(op int, events uint32) error {
	return unix.EpollCtl(s.poller.epoll, op, s.fd, &unix.EpollEvent{Events: events, Fd: s.number})
}

// wantWrite says whether the poller looks for room to write, too.
func (s *socket) wantWrite(want bool) error {
	events := uint32(unix.EPOLLIN)
	if want {
		events |= unix.EPOLLOUT
	}
	return s.watch(unix.EPOLL_CTL_MOD, events)
}

// read returns errAgain when nothing is there, and io.EOF at the end.
func (s *socket) read(to []byte) (int, error) {
	n, errno := descriptor.Receive(s.fd, to)
	switch {
	case errno == unix.EAGAIN:
		return 0, errAgain
	case errno != 0:
		return 0, fmt.Errorf("read: %w", errno)
	case n == 0 && len(to) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// write returns errAgain when there is no room, and writes less than all when there is not enough.
func (s *socket) write(b []byte) (int, error) {
	n, errno := descriptor.Send(s.fd, b)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, errAgain
	}
	return 0, fmt.Errorf("write: %w", errno)
}

// close gives it back; what the poller has seen of it already is not told any more.
func (s *socket) close() {
	s.poller.socks[s.number] = nil
	s.poller.free = append(s.poller.free, s.number)
	unix.Close(s.fd)
}
