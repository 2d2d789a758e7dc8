//go:build linux && !race

package replay

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// transfer writes or reads without telling the Go runtime, which need not know of what never waits. It returns errAgain where
// it would.
func transfer(fd int, b []byte, write bool) (int, error) {
	call := uintptr(unix.SYS_READ)
	if write {
		call = unix.SYS_WRITE
	}
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, errAgain
		default:
			return 0, errno
		}
	}
}
