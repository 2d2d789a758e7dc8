package local

import (
	"context"
	"os/exec"
	"sync"
	"time"
)

// process is one running program and everything it started: signals go to its whole group.
type process struct {
	cmd     *exec.Cmd
	pid     int
	started time.Time
	ctx     context.Context // done when the process has ended and been reaped
	ended   context.CancelFunc

	before map[string]string // what switches read before a fault turned them; guarded by Supervisor.mu

	mu     sync.Mutex // orders signals before the reaping, so that none reaches a reused process id
	reaped bool
	reason string // how it ended; valid once ctx is done
}

// spawner starts processes from one operating system thread of its own. The kernel kills a process with
// a parent death signal when the thread that started it ends, so this thread outlives all of them.
type spawner struct {
	requests chan spawnRequest
	done     chan struct{}
}

type spawnRequest struct {
	cmd     *exec.Cmd
	started chan<- error
}

// start runs cmd and watches it until it ends. The caller waits for process.ctx before it stops the
// spawner.
func (s *spawner) start(cmd *exec.Cmd) (*process, error) {
	started := make(chan error)
	s.requests <- spawnRequest{cmd, started}
	if err := <-started; err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, pid: cmd.Process.Pid, started: time.Now(), before: map[string]string{}}
	p.ctx, p.ended = context.WithCancel(context.Background())
	go p.reap() // ends with the process
	return p, nil
}

// stop ends the spawner's thread.
func (s *spawner) stop() {
	close(s.requests)
	<-s.done
}
