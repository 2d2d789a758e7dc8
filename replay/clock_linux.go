package replay

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// fastPath is whether the player writes to sockets itself.
const fastPath = true

// turn is how long a thread that sends runs at a time where others want the processor: the least that Linux takes. One
// that asks for less may interrupt one that asks for more as soon as it wakes; without, what is due waits until the feed or
// the garbage collector, on the same processor, has used up its own turn of some milliseconds.
const turn = 100 * time.Microsecond

// niceness of a thread that sends, where the process may raise it (CAP_SYS_NICE): it then has its turn before the feed and the
// collector of its own process, and beside compilers next door. It works for what is due and for nothing else.
const niceness = -10

// holdThread takes hold of the calling goroutine's thread, which ends with the goroutine, and asks the system not to
// round its sleeps, and to wake it at once. A Go timer is up to a millisecond late.
func holdThread() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // ns; without it sleeps are 50 us late
	own, err := unix.SchedGetAttr(0, 0)
	if err != nil || own.Policy != unix.SCHED_NORMAL {
		return
	}
	own.Runtime = uint64(turn) // from Linux 6.12 on; before, it means nothing here
	first := *own
	if own.Nice == 0 { // nobody chose another
		first.Nice = niceness
	}
	if unix.SchedSetAttr(0, &first, 0) != nil { // most may not
		_ = unix.SchedSetAttr(0, own, 0)
	}
}
