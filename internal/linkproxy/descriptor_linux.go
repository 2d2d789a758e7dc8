package linkproxy

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// adopted returns the socket as Go knows it, with a descriptor of its own.
func adopted(fd int) (*net.TCPConn, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(own), "socket")
	defer f.Close() // FileConn makes one more
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}
