//go:build linux || darwin

package wire

import "golang.org/x/sys/unix"

// coreMax is how many bytes the system may write of the memory of a process that captures, when it crashes. One is not enough
// for any dump; to Linux, unlike none, it also means that the program that dumps may be piped to gets nothing.
const coreMax = 1

// forbidDumps keeps the system from writing the memory of this process to the disk, from now on: what passes is in it as it came.
func forbidDumps() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil && limit.Max >= coreMax {
		limit.Cur = coreMax
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit) // lowering it is always allowed
	}
}
