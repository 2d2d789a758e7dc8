//go:build !race

package descriptor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receive reads what is there, which is nothing at the end. It never waits, so the runtime need not know of it: EAGAIN says that
// there is nothing yet.
func Receive(fd int, b []byte) (int, unix.Errno) { return transfer(unix.SYS_RECVFROM, fd, b) }

// Send writes less than all when there is not enough room, and returns EAGAIN when there is none. It never waits.
func Send(fd int, b []byte) (int, unix.Errno) { return transfer(unix.SYS_SENDTO, fd, b) }

// transfer makes the calls of sockets, which are on a shorter way through the system than those of files.
func transfer(call uintptr, fd int, b []byte) (int, unix.Errno) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
