//go:build !linux

package local

import (
	"errors"
	"runtime"
)

// errSystem says why nothing here works; checkSystem returns it before anything is tried.
var errSystem = errors.New("the local platform needs Linux: it gives every instance a loopback address of its own and ties processes to the life of their parent; this is " + runtime.GOOS)

func checkSystem() error { return errSystem }

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for r := range s.requests {
			r.started <- errSystem
		}
	}()
	return s
}

func (p *process) reap() { p.ended() }

func (p *process) kill() error      { return errSystem }
func (p *process) terminate() error { return errSystem }
func (p *process) stop() error      { return errSystem }
func (p *process) resume() error    { return errSystem }
func (p *process) stopped() bool    { return false }
