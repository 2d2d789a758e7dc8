package replay

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// fastPath is whether the player writes to sockets itself.
const fastPath = true

// holdThread takes hold of the calling goroutine's thread, which ends with the goroutine, and asks the system not to
// round its sleeps; a Go timer is up to a millisecond late.
func holdThread() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // ns; without it sleeps are 50 us late
}
