package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// A child is a program with a pipe at either end. Reading from it is reading its standard output.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *os.File
	exited chan struct{}
	err    error // valid after exited
	killed atomic.Bool
}

const (
	drainWait = 2 * time.Second        // for what a program that has exited left to its own children to say
	drainMore = 200 * time.Millisecond // after more of it
)

// startChild starts the program of a command line, in a process group of its own: Ctrl-C at the terminal is for us, who
// then end it in good order.
func startChild(command string, stderr io.Writer) (*child, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil, errors.New("no command")
	}
	c := &child{cmd: exec.Command(words[0], words[1:]...), exited: make(chan struct{})}
	c.cmd.Stderr, c.cmd.WaitDelay = stderr, drainWait
	apart(c.cmd)
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out, c.cmd.Stdout = in, out, theirs
	err = c.cmd.Start()
	_ = theirs.Close() // the program has its own
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	go func() {
		c.err = c.cmd.Wait()
		_ = c.out.SetReadDeadline(time.Now().Add(drainWait)) // pipes have deadlines
		close(c.exited)
	}()
	return c, nil
}

// Read reads what the program says. When it has exited, and others hold its output open, it ends when they are silent.
func (c *child) Read(b []byte) (int, error) {
	n, err := c.out.Read(b)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if err := c.out.SetReadDeadline(time.Now().Add(drainMore)); err != nil {
		return 0, err
	}
	if n, err = c.out.Read(b); n == 0 {
		err = io.EOF
	}
	return n, err
}

// end waits until the program has exited, whose output has ended, and says what was wrong with that.
func (c *child) end() error {
	<-c.exited
	if c.killed.Load() {
		return fmt.Errorf("did not end within %s after its input had, and was killed", graceMax)
	}
	return c.err
}

// kill ends the program, and those that it started.
func (c *child) kill() {
	c.killed.Store(true)
	slay(c.cmd.Process)
}

// String names the program.
func (c *child) String() string { return c.cmd.Args[0] }
