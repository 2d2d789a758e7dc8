package monkeys

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// Pause stops an instance from running without ending it (SIGSTOP): its connections stay open and nothing
// answers, which is harder on callers than a death that refuses. It runs on at the end (SIGCONT).
//
// In effect: the supervisor sees a stopped process. Gone: it runs, and is healthy if it was before.
type Pause struct{}

var _ gameday.Monkey = (*Pause)(nil)

// Prepare reads the process that will be stopped.
func (m *Pause) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if err := wants(gameday.KindInstance, t); err != nil {
		return gameday.Fault{}, err
	}
	if _, err := able[gameday.Pauser](p, "pause "+t.Name); err != nil {
		return gameday.Fault{}, err
	}
	before, err := look(ctx, p, t)
	if err != nil {
		return gameday.Fault{}, err
	}
	summary := fmt.Sprintf("stop %s without ending it; the platform lets it run on at the end", t.Name)
	return fault(m, t, before, summary, "instance "+t.Name)
}

// Inject stops the instance.
func (m *Pause) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	pauser, err := able[gameday.Pauser](p, "pause "+f.Target.Name)
	if err != nil {
		return err
	}
	return pauser.Pause(ctx, f.Target, f.Grip())
}

// Verify looks at the process through the platform's supervisor.
func (m *Pause) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	before, err := readBefore[view](f)
	if err != nil {
		return gameday.Evidence{}, err
	}
	if !before.Known {
		return unknown("the platform cannot watch %s", f.Target.Name), nil
	}
	s, exists, err := state(ctx, p, f.Target)
	switch {
	case err != nil:
		return gameday.Evidence{}, err
	case !exists:
		return gameday.Evidence{Effect: gameday.Gone, What: f.Target.Name + " is no longer part of the system"}, nil
	case s.Running && s.Paused:
		return gameday.Evidence{Effect: gameday.InEffect, What: fmt.Sprintf("%s is stopped as pid %d", f.Target.Name, s.PID)}, nil
	case before.up(s):
		return gameday.Evidence{Effect: gameday.Gone, What: fmt.Sprintf("%s runs as pid %d", f.Target.Name, s.PID)}, nil
	}
	return unknown("%s is neither stopped nor healthy yet", f.Target.Name), nil
}

// Heal lets the instance run on.
func (m *Pause) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}
