package replay

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A clock waits with the precision that the system has. On Linux that is a thread of its own which asks
// the kernel not to round its sleeps; a Go timer is up to a millisecond late.
type clock struct{ start time.Time }

// newClock takes hold of the calling goroutine's thread, which ends with the goroutine.
func newClock(start time.Time) clock {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // ns; without it sleeps are 50 us late
	return clock{start}
}

// now returns the offset from the start.
func (c clock) now() time.Duration { return time.Since(c.start) }

// sleep waits for d, or less.
func (c clock) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil) // interrupted by a signal is slept less
}
