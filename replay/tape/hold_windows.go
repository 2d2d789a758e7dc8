package tape

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// hold keeps others from packing the tape that is open as f, until f is closed. Where a file system has no locks it does
// nothing. Locks keep others from reading too, here, so what is locked is a byte that no tape has.
func hold(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	beyond := &windows.Overlapped{OffsetHigh: 1 << 30}
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, beyond); errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errPacking
	}
	return nil
}
