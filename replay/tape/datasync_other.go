//go:build !linux

package tape

import "os"

func datasync(f *os.File) error { return f.Sync() }
