package local

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func checkSystem() error { return nil }

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // and never unlock: the thread ends with this goroutine
		for r := range s.requests {
			r.cmd.SysProcAttr = &syscall.SysProcAttr{
				Setpgid:   true,            // Ctrl-C in the terminal is ours to handle
				Pdeathsig: syscall.SIGKILL, // no orphan, however this process ends
			}
			r.started <- r.cmd.Start()
		}
	}()
	return s
}

// reap waits for the end without collecting it, so that the process id stays taken until no signal can
// be under way, and collects it then.
func (p *process) reap() {
	defer p.ended()
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = unix.Kill(-p.pid, unix.SIGKILL) // what it started goes with it; there may be nothing
	err := p.cmd.Wait()
	p.reaped = true
	p.reason = "exit status 0"
	if err != nil {
		p.reason = err.Error()
	}
}

// signal reaches the whole group of a process that has not ended yet.
func (p *process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return nil
	}
	if err := unix.Kill(-p.pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", sig, p.pid, err)
	}
	return nil
}

func (p *process) kill() error      { return p.signal(unix.SIGKILL) }
func (p *process) terminate() error { return p.signal(unix.SIGTERM) }
func (p *process) stop() error      { return p.signal(unix.SIGSTOP) }
func (p *process) resume() error    { return p.signal(unix.SIGCONT) }

// stopped reads from the kernel whether the process is stopped by a signal.
func (p *process) stopped() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return false
	}
	// The state follows the name in parentheses, which may itself hold any character.
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	return len(rest) > 0 && rest[0] == 'T'
}
