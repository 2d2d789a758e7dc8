package linkproxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// lateBind lets the kernel choose the port when it knows the destination, so that one source address
// has its whole port range for each callee instead of one for all.
func lateBind(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}
