//go:build unix

package tape

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hold keeps others from packing the tape that is open as f, until f is closed. Where a file system has no locks it does
// nothing.
func hold(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return errPacking
	}
	return nil
}

// adopt gives a file the owner, the group and the permissions of another. A group that has no permissions is no matter.
func adopt(file string, old fs.FileInfo) error {
	is, err := os.Stat(file)
	if err != nil {
		return err
	}
	own, theirs := is.Sys().(*syscall.Stat_t), old.Sys().(*syscall.Stat_t)
	if own.Uid != theirs.Uid || own.Gid != theirs.Gid {
		err = os.Chown(file, int(theirs.Uid), int(theirs.Gid))
	}
	if err != nil && (own.Uid != theirs.Uid || old.Mode()&0o070 != 0) {
		return fmt.Errorf("keep its owner: %w: pack it as user %d", err, theirs.Uid)
	}
	return os.Chmod(file, old.Mode().Perm())
}
