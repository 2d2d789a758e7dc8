//go:build linux && race

package replay

import (
	"errors"
	"syscall"
)

// transfer writes or reads, and has the race detector know: what a server of the same process did before it answered happened
// before what is done with the answer. It returns errAgain where it would wait.
func transfer(fd int, b []byte, write bool) (n int, err error) {
	for {
		if write {
			n, err = syscall.Write(fd, b)
		} else {
			n, err = syscall.Read(fd, b)
		}
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, errAgain
		default:
			return max(n, 0), err
		}
	}
}
