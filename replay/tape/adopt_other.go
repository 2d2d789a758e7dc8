//go:build !unix

package tape

import (
	"io/fs"
	"os"
)

// adopt gives a file the permissions of another.
func adopt(file string, old fs.FileInfo) error { return os.Chmod(file, old.Mode().Perm()) }
