//go:build !linux

package linkproxy

import "syscall"

func lateBind(_, _ string, _ syscall.RawConn) error { return nil }
