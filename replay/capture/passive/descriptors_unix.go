//go:build unix

package passive

import (
	"math"
	"syscall"
)

// descriptorsMax is how many the process may have.
func descriptorsMax() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxUint64
	}
	return uint64(limit.Cur)
}
