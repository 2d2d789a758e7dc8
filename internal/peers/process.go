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
	"regexp"
	"strconv"
	"strings"
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
	user, system time.Duration
	rss          int64 // bytes at most
	half         int64 // bytes at most in the first half of its time
	wall         time.Duration
}

func (u usage) cpu() time.Duration { return u.user + u.system }

// without takes off what it costs to start the program.
func (u usage) without(start usage) usage {
	u.user, u.system = max(0, u.user-start.user), max(0, u.system-start.system)
	return u
}

// each is the share of one of n requests.
func (u usage) each(n int) cost {
	d := time.Duration(max(1, n))
	return cost{u.cpu() / d, u.user / d}
}

// cost is CPU time per request, and what of it was not the kernel's.
type cost struct{ total, user time.Duration }

func (c cost) all() float64 { return inMicros(c.total) }
func (c cost) own() float64 { return inMicros(c.user) }

// pinned returns a command that runs on one core and dies with this process.
func pinned(ctx context.Context, core int, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(core)}, args...)...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// addresses are those of a run: other ones every time.
var addresses = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

// command is a command line that took part in a measurement.
type command struct{ measurement, line string }

// note keeps a command line for the page, without what differs from run to run. The same program with as many arguments
// is noted once, as it was called last.
func (b *bench) note(args []string) {
	line := strings.Join(args[1:], " ")
	line = addresses.ReplaceAllString(strings.ReplaceAll(line, b.dir, "TMP"), "SERVER")
	if line = filepath.Base(args[0]) + " " + line; len(line) > 300 {
		line = line[:300] + " ..."
	}
	c := command{b.now, line}
	for i, old := range b.commands {
		if old.measurement == c.measurement && strings.Fields(old.line)[0] == filepath.Base(args[0]) && len(strings.Fields(old.line)) == len(strings.Fields(line)) {
			b.commands[i] = c
			return
		}
	}
	b.commands = append(b.commands, c)
}

// client carries a program out on the client's core and returns what it cost. An exit code of 3 is gameday's word that the
// load was not offered as planned, which is no error of a measurement. What it prints goes to out, if there is one.
func (b *bench) client(ctx context.Context, out io.Writer, args ...string) (usage, error) {
	b.note(args)
	return run(ctx, out, args...)
}

// run is client, and notes nothing.
func run(ctx context.Context, out io.Writer, args ...string) (usage, error) {
	var fault bytes.Buffer
	c := pinned(ctx, clientCore, args...)
	c.Stdout, c.Stderr = out, &fault
	begun := time.Now()
	if err := c.Start(); err != nil {
		return usage{}, fmt.Errorf("start %s: %w", filepath.Base(args[0]), err)
	}
	peak := watchMemory(c.Process.Pid)
	err := offered(c.Wait())
	rss, half := peak()
	if err != nil {
		err = fmt.Errorf("run %s: %w: %.300s", filepath.Base(args[0]), err, fault.String())
	}
	u := used(c.ProcessState)
	u.wall, u.rss, u.half = time.Since(begun), rss, half
	return u, err
}

// offered forgives an exit code of 3.
func offered(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
		return nil
	}
	return err
}

func used(s *os.ProcessState) usage {
	return usage{user: s.UserTime(), system: s.SystemTime()}
}

// starting measures what a program costs that has next to nothing to do: the start of the process. How it ends does not
// matter, for some have nothing better to do than to print their usage.
func starting(ctx context.Context, args []string) (usage, error) {
	var user, system []time.Duration
	for range 3 {
		u, err := run(ctx, nil, args...)
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return usage{}, err
		}
		user, system = append(user, u.user), append(system, u.system)
	}
	return usage{user: median(user), system: median(system)}, nil
}

// watchMemory reads a process's high-water mark now and then, until the returned function is called. What the kernel
// tells in the end would count the memory of this process too, which the other one had for the moment between fork
// and exec.
func watchMemory(pid int) (ended func() (peak, half int64)) {
	stop, seen := make(chan struct{}), make(chan []int64)
	go func() {
		var marks []int64
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				seen <- marks
				return
			case <-tick.C:
				if mark := highWater(pid); mark > 0 {
					marks = append(marks, mark)
				}
			}
		}
	}()
	return func() (peak, half int64) {
		close(stop)
		marks := <-seen
		if len(marks) == 0 {
			return 0, 0
		}
		return marks[len(marks)-1], marks[len(marks)/2]
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
func (b *bench) start(ctx context.Context, core int, args ...string) (*service, error) {
	b.note(args)
	return begin(pinned(ctx, core, args...))
}

func begin(c *exec.Cmd) (*service, error) {
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(c.Path), err)
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
