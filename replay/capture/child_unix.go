//go:build unix

package capture

import (
	"os"
	"os/exec"
	"syscall"
)

// apart puts a program into a process group of its own.
func apart(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// slay kills the group of a program.
func slay(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) } // whoever is left of it
