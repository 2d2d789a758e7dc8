//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

// tmpfs DIR SIZE: no other system has such disks.
func scriptTmpfs(ts *testscript.TestScript, _ bool, _ []string) {
	skip(ts, "a small disk cannot be mounted here")
}
