//go:build race

package descriptor

import (
	"errors"
	"syscall"
)

// Receive and Send have the race detector know: what one end of a connection did before it wrote happened before what the other
// end, in the same process, does with what it reads.

// Receive reads what is there.
func Receive(fd int, b []byte) (int, syscall.Errno) { return transfer(syscall.Read, fd, b) }

// Send writes as much as there is room for.
func Send(fd int, b []byte) (int, syscall.Errno) { return transfer(syscall.Write, fd, b) }

func transfer(call func(int, []byte) (int, error), fd int, b []byte) (int, syscall.Errno) {
	for {
		n, err := call(fd, b)
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			return n, 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
