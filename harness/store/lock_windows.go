package store

import (
	"os"

	"golang.org/x/sys/windows"
)

// flock takes the exclusive lock of an open file, or fails at once. It is of a byte that the file does not have: others may
// read here who is at work.
func flock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
}
