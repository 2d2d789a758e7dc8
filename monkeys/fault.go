package monkeys

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// able returns the ability T of p, or an error that names what the monkey wanted to do with it.
func able[T any](p gameday.Platform, what string) (T, error) {
	ability, ok := gameday.Able[T](p)
	if !ok {
		return ability, fmt.Errorf("%s on platform %s: %w", what, p.Name(), gameday.ErrUnsupported)
	}
	return ability, nil
}

// wants reports a target of another kind than the monkey acts on.
func wants(kind gameday.Kind, t gameday.Target) error {
	if t.Kind != kind {
		return fmt.Errorf("target %s is of kind %q: want kind %q", t.Name, t.Kind, kind)
	}
	return nil
}

// fault returns a fault with the monkey's fields and what it read before written out as data.
func fault(monkey gameday.Monkey, t gameday.Target, before any, summary string, claims ...string) (gameday.Fault, error) {
	config, err := json.Marshal(monkey)
	if err != nil {
		return gameday.Fault{}, fmt.Errorf("write the monkey's fields: %w", err)
	}
	f := gameday.Fault{Config: config, Target: t, Claims: claims, Summary: summary}
	if before != nil {
		if f.Before, err = json.Marshal(before); err != nil {
			return gameday.Fault{}, fmt.Errorf("write the state before: %w", err)
		}
	}
	return f, nil
}

// readBefore decodes what Prepare read. A fault without it decodes to the zero value.
func readBefore[T any](f gameday.Fault) (before T, err error) {
	if len(f.Before) == 0 {
		return before, nil
	}
	if err := json.Unmarshal(f.Before, &before); err != nil {
		return before, fmt.Errorf("read the state before %s: %w", f.ID, err)
	}
	return before, nil
}

// letGo ends a fault that the platform holds: everything a monkey here changes is under the fault's grip.
func letGo(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return gameday.Release(ctx, p, f.ID)
}

func unknown(format string, args ...any) gameday.Evidence {
	return gameday.Evidence{What: fmt.Sprintf(format, args...)}
}
