//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The cores of a measurement: the program measured has one, and whatever it talks to another.
const (
	clientCore = 0
	serverCore = 1
)

// usage is what a process cost.
type usage struct {
	cpu  time.Duration // user and system
	rss  int64         // bytes at most
	wall time.Duration
}

// bench holds what the measurements share.
type bench struct {
	bin, gameday, dir string
	rounds, seconds   int
	missing           []string
}

func (b *bench) duration() time.Duration { return time.Duration(b.seconds) * time.Second }

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// find returns the path of a peer, from the directory of peers or from the system; empty when there is none.
func (b *bench) find(name string) string {
	if path := filepath.Join(b.bin, name); executable(path) {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0 && !info.IsDir()
}

// pinned returns a command that runs on one core and dies with this process.
func pinned(ctx context.Context, core int, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(core)}, args...)...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// client carries a program out on the client's core and returns what it cost. An exit code of 3 is gameday's word that the
// load was not offered as planned, which is no error of a measurement.
func client(ctx context.Context, args ...string) (usage, error) {
	var fault bytes.Buffer
	c := pinned(ctx, clientCore, args...)
	c.Stderr = &fault
	begun := time.Now()
	if err := c.Start(); err != nil {
		return usage{}, fmt.Errorf("start %s: %w", filepath.Base(args[0]), err)
	}
	peak := watchMemory(c.Process.Pid)
	err := c.Wait()
	rss := peak()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 3) {
		return usage{}, fmt.Errorf("run %s: %w: %.300s", filepath.Base(args[0]), err, fault.String())
	}
	u := used(c.ProcessState)
	u.wall, u.rss = time.Since(begun), rss
	return u, nil
}

func used(s *os.ProcessState) usage {
	return usage{cpu: s.UserTime() + s.SystemTime()}
}

// watchMemory reads a process's high-water mark now and then, until the returned function is called. What the kernel
// tells in the end would count the memory of this process too, which the other one had for the moment between fork
// and exec.
func watchMemory(pid int) func() int64 {
	stop, last := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				last <- peak
				return
			case <-tick.C:
				peak = max(peak, highWater(pid))
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-last
	}
}

// highWater returns VmHWM of a process in bytes, 0 when there is none (proc_pid_status(5)).
func highWater(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(text, []byte("VmHWM:"))
	line, _, _ := bytes.Cut(after, []byte("kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// service is a process that runs beside a measurement.
type service struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// start runs a program on a core until stop.
func start(ctx context.Context, core int, args ...string) (*service, error) {
	c := pinned(ctx, core, args...)
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(args[0]), err)
	}
	return &service{cmd: c, stdin: stdin}, nil
}

// stop ends the process and returns what it cost.
func (s *service) stop() usage {
	_ = s.stdin.Close()
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = s.cmd.Process.Kill()
		}
	}()
	_ = s.cmd.Wait() // the signal is how it ends
	close(done)
	return used(s.cmd.ProcessState)
}
