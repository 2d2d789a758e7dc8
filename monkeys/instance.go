package monkeys

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// view is what was known of an instance before a fault touched it.
type view struct {
	Target  gameday.Target `json:"target"`
	PID     int            `json:"pid,omitempty"`
	Healthy bool           `json:"healthy,omitempty"`
	Known   bool           `json:"known"` // false: the platform cannot tell
}

// look reads the state of a running instance. What is down already is an error: killing it proves nothing.
func look(ctx context.Context, p gameday.Platform, t gameday.Target) (view, error) {
	observer, ok := gameday.Able[gameday.Observer](p)
	if !ok {
		return view{Target: t}, nil
	}
	s, err := observer.State(ctx, t)
	if err != nil {
		return view{}, fmt.Errorf("read the state of %s: %w", t.Name, err)
	}
	if !s.Running || s.Paused {
		return view{}, fmt.Errorf("instance %s does not run, and a fault on it would prove nothing: %w", t.Name, gameday.ErrNoTarget)
	}
	return view{Target: t, PID: s.PID, Healthy: s.Healthy, Known: true}, nil
}

// state reads an instance now; exists is false when the platform no longer has it, for example because it was
// scaled away under the fault.
func state(ctx context.Context, p gameday.Platform, t gameday.Target) (s gameday.State, exists bool, err error) {
	observer, err := able[gameday.Observer](p, "watch "+t.Name)
	if err != nil {
		return s, true, err
	}
	s, err = observer.State(ctx, t)
	if err == nil {
		return s, true, nil
	}
	found, findErr := p.Find(ctx, gameday.Selector{Kind: gameday.KindInstance, Instance: t.Name})
	if findErr == nil && len(found) == 0 {
		return gameday.State{}, false, nil
	}
	return s, true, fmt.Errorf("read the state of %s: %w", t.Name, err)
}

// up measures whether an instance lives again as before: it runs, is not paused, and is healthy if it was.
func (v view) up(s gameday.State) bool {
	return s.Running && !s.Paused && (s.Healthy || !v.Healthy)
}
