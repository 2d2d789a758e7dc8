//go:build linux && !race

package replay

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// transfer writes to a socket or reads from it without telling the Go runtime, which need not know of what never waits. It
// returns errAgain where it would. The calls of sockets are on a shorter way through the system than those of files.
func transfer(fd int, b []byte, write bool) (int, error) {
	number := uintptr(unix.SYS_RECVFROM)
	if write {
		number = unix.SYS_SENDTO
	}
	for {
		n, _, errno := unix.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
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
