package descriptor

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Duplicate returns a descriptor of its own for the socket of c, which stays as it is. The caller closes it.
func Duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(old uintptr) { fd, failed = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, failed)
}
