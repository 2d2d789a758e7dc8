//go:build !unix

package capture

import (
	"os"
	"os/exec"
)

func apart(*exec.Cmd) {}

func slay(p *os.Process) { _ = p.Kill() } // unless it has ended
