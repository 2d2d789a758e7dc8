//go:build !unix

package tape

import (
	"io/fs"
	"os"
)

// hold does nothing where there are no locks: a packing whose file another one took notices that.
func hold(*os.File) error { return nil }

// adopt gives a file the permissions of another.
func adopt(file string, old fs.FileInfo) error { return os.Chmod(file, old.Mode().Perm()) }
