//go:build unix

package replay

import (
	"time"

	"golang.org/x/sys/unix"
)

// ownCPU returns the CPU time that this process has used; 0 when that is not known.
func ownCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
