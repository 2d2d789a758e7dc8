package monkeys

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// Kill ends an instance at once, as a power cut would (SIGKILL), and keeps it down for as long as the fault
// lasts; then the platform starts it again. It is the Chaos Monkey: a scenario chooses among the instances by
// count or percent, and repeats it with a mean time between kills.
//
// In effect: the supervisor sees no process. Gone: a process runs again, and is healthy if it was before.
type Kill struct{}

var _ gameday.Monkey = (*Kill)(nil)

// Prepare reads the process that will be ended.
func (m *Kill) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if err := wants(gameday.KindInstance, t); err != nil {
		return gameday.Fault{}, err
	}
	if _, err := able[gameday.Killer](p, "kill "+t.Name); err != nil {
		return gameday.Fault{}, err
	}
	before, err := look(ctx, p, t)
	if err != nil {
		return gameday.Fault{}, err
	}
	summary := fmt.Sprintf("kill %s and keep it down; the platform starts it again at the end", t.Name)
	return fault(m, t, before, summary, "instance "+t.Name)
}

// Inject kills the instance.
func (m *Kill) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	killer, err := able[gameday.Killer](p, "kill "+f.Target.Name)
	if err != nil {
		return err
	}
	return killer.Kill(ctx, f.Target, f.Grip())
}

// Verify looks at the process through the platform's supervisor.
func (m *Kill) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
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
	case !s.Running:
		return gameday.Evidence{Effect: gameday.InEffect, What: fmt.Sprintf("%s does not run; pid %d ended", f.Target.Name, before.PID)}, nil
	case before.up(s):
		return gameday.Evidence{Effect: gameday.Gone, What: fmt.Sprintf("%s runs as pid %d", f.Target.Name, s.PID), Measured: map[string]float64{"starts": float64(s.Starts)}}, nil
	}
	return unknown("%s runs as pid %d and is not healthy yet", f.Target.Name, s.PID), nil
}

// Heal lets the platform start the instance again.
func (m *Kill) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}
