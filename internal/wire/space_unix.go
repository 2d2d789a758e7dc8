//go:build linux || darwin

package wire

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeSpace is how many bytes may still be written where a directory lies.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
