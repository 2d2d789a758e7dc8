package main

import (
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// tmpfs DIR SIZE: the directory is a disk of its own of that size. Where that is not allowed the script is skipped.
func scriptTmpfs(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]); err != nil {
		skip(ts, fmt.Sprintf("a small disk cannot be mounted here: %v", err))
	}
	ts.Defer(func() { _ = unix.Unmount(dir, 0) })
}
