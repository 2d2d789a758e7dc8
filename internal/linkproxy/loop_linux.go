package linkproxy

import (
	"container/heap"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/descriptor"
)

const (
	// maxEvents is how many ready sockets a loop takes from the system at once.
	maxEvents = 128
	// grain is what chunks wait at most beyond their time, so that those due at almost the same time cost one wake-up.
	grain = 50 * time.Microsecond
	// timerEvent is the number of the timer among the events; those of sockets are not negative.
	timerEvent = -1
	// discardMax bounds the reads for nothing before a socket is closed.
	discardMax = 16
)

// A loop carries connections on one goroutine, for which Go's own poller waits: it reads a socket when the system says
// that there is something, once, and costs none of the goroutines, locks and vain reads of a copy per direction.
//
//	sockets, timer -> epoll -> Go's poller -> the goroutine of the loop
//
// Its mutex guards all relays and lanes: rules act on them from outside.
type loop struct {
	epoll int      // all of whose events are edges
	file  *os.File // of the epoll, as Go's poller knows it
	timer int      // a timerfd, for the lanes that wait for their time
	start time.Time
	ended chan struct{}

	mu     sync.Mutex
	relays []*relay // by the number of their events
	free   []int32  // numbers that are not in use
	late   lateness
	again  []*lane   // may have more to read: the next pass goes on with them
	taken  []*lane   // again, of the pass before; kept for its memory
	armed  time.Time // of the timer
	spare  *chunk    // what the next read fills
}

// newLoop starts a loop, until stop.
func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("create timer: %w", err)
	}
	l := &loop{epoll: epoll, timer: timer, start: time.Now(), ended: make(chan struct{}), spare: newChunk(largeChunk)}
	err = errors.Join(
		unix.SetNonblock(epoll, true), // or else Go's poller does not take it
		unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, timer, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: timerEvent}),
	)
	l.file = os.NewFile(uintptr(epoll), "epoll")
	if err = errors.Join(err, l.file.SetReadDeadline(time.Time{})); err != nil { // which errs when nobody would poll
		_ = l.file.Close()
		_ = unix.Close(timer)
		return nil, fmt.Errorf("watch epoll: %w", err)
	}
	go l.run()
	return l, nil
}

// stop ends the loop, which carries nothing any more, and waits for that.
func (l *loop) stop() {
	_ = l.file.Close() // ends the wait
	<-l.ended
	_ = unix.Close(l.timer)
}

func (l *loop) run() {
	defer close(l.ended)
	raw, err := l.file.SyscallConn()
	if err != nil {
		return // closed already
	}
	events := make([]unix.EpollEvent, maxEvents)
	_ = raw.Read(func(uintptr) bool { // ends when the file is closed
		for l.pass(events[:l.harvest(events)]) {
			runtime.Gosched() // others may have work, too
		}
		return false // waits for the next event
	})
}

// harvest takes the events that are there.
func (l *loop) harvest(events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// pass moves what the events, the clock and the last pass call for. It reports whether there is more to do at once.
func (l *loop) pass(events []unix.EpollEvent) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again, l.taken = l.taken[:0], l.again
	for i := range events {
		l.heed(&events[i])
	}
	for _, a := range l.taken {
		a.again = false
		a.pump()
	}
	if len(l.late) > 0 {
		l.catchUp()
	}
	return len(l.again) > 0 || len(events) == maxEvents
}

// heed tells the lanes of a socket what the system says of it. A number may belong to a later connection than the event:
// that one then looks for nothing, and finds it.
func (l *loop) heed(e *unix.EpollEvent) {
	if e.Fd == timerEvent {
		l.armed = time.Time{}
		return
	}
	r := l.relays[e.Fd/2]
	if r == nil {
		return
	}
	in, out := &r.lanes[e.Fd%2], &r.lanes[1-e.Fd%2]
	const broken = unix.EPOLLHUP | unix.EPOLLERR
	if in.over && !out.passed && e.Events&unix.EPOLLERR != 0 { // a reset behind an end, of which no read tells
		out.giveUp()
		return
	}
	if out.full && e.Events&(unix.EPOLLOUT|broken) != 0 {
		out.full = false
		out.pump()
	}
	if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|broken) != 0 {
		in.readable = true
		in.ending = in.ending || e.Events&(unix.EPOLLRDHUP|broken) != 0
		in.pump()
	}
}

// discard reads what nobody wants any more: a socket that is closed before it was read resets, and what the other end has not read
// yet is gone.
func (l *loop) discard(fd int) {
	for range discardMax {
		if n, errno := descriptor.Receive(fd, l.spare.space); n < len(l.spare.space) || errno != 0 {
			return
		}
	}
}

// keep returns a chunk that holds data, which lies in the spare one.
func (l *loop) keep(data []byte) *chunk {
	if len(data) <= smallChunk {
		c := newChunk(smallChunk)
		c.data = c.space[:copy(c.space, data)]
		return c
	}
	c := l.spare
	c.data = data
	l.spare = newChunk(largeChunk)
	return c
}

// catchUp writes what is due, and sets the timer for what is due next.
func (l *loop) catchUp() {
	now := time.Now()
	for len(l.late) > 0 && !l.late[0].due.After(now) {
		l.late[0].pump()
	}
	if len(l.late) == 0 {
		return
	}
	since := l.late[0].due.Sub(l.start)
	at := l.start.Add((since + grain - 1) / grain * grain)
	if !at.Equal(l.armed) {
		l.armed = at
		l.wakeAfter(at.Sub(now))
	}
}

// nudge makes the loop look after the lanes that others than itself have set going.
func (l *loop) nudge() {
	if len(l.again) > 0 || len(l.late) > 0 {
		l.armed = time.Time{}
		l.wakeAfter(0)
	}
}

// wakeAfter sets the timer.
func (l *loop) wakeAfter(d time.Duration) {
	value := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, int64(d)))} // zero would stop it
	_ = unix.TimerfdSettime(l.timer, 0, &value, nil)                       // the timer exists, and the time is one
}

// lateness holds the lanes whose first chunk waits for its time, the earliest first.
type lateness []*lane

var _ heap.Interface = (*lateness)(nil)

func (q lateness) Len() int           { return len(q) }
func (q lateness) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q lateness) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i+1, j+1
}

// Push adds a lane.
func (q *lateness) Push(x any) {
	a := x.(*lane)
	*q = append(*q, a)
	a.place = len(*q)
}

// Pop takes the last lane out.
func (q *lateness) Pop() any {
	last := len(*q) - 1
	a := (*q)[last]
	a.place, (*q)[last] = 0, nil
	*q = (*q)[:last]
	return a
}
