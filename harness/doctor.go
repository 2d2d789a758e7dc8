package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
)

// Chart is a run as [Doctor] looks at it.
type Chart struct {
	Run    string
	Events []gameday.Event
	Live   bool // a process works on it: its faults are its own business
}

// Leftover is something that a fault left behind, or may have.
type Leftover struct {
	Run    string           // empty when no journal knows the fault
	Fault  string           // its id
	What   string           // "kill on product-z1-1, in the journal"
	Left   gameday.Duration // until the platform ends it by itself; 0 when it does not hold it
	Remedy string           // what to do
}

// Doctor lists what is left over: faults that journals hold open though nobody works on their run, and holds of the
// platform that no live run owns. A nil platform is not asked. It changes nothing.
func Doctor(ctx context.Context, p gameday.Platform, charts []Chart) ([]Leftover, error) {
	holds, err := allHolds(ctx, p)
	var list []Leftover
	known := map[string]bool{}
	for _, c := range charts {
		for _, f := range gameday.OpenFaults(c.Events) {
			known[f.ID] = true
			if c.Live {
				continue
			}
			hold, held := holds[f.ID]
			where := "open in the journal"
			if held {
				where = "held by the platform: " + strings.Join(hold.What, ", ")
			}
			list = append(list, Leftover{
				Run: c.Run, Fault: f.ID, What: fmt.Sprintf("%s on %s, %s", f.Monkey, f.Target.Name, where), Left: hold.Left,
				Remedy: "gameday recover " + c.Run,
			})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(holds)) {
		hold := holds[id]
		if known[id] {
			continue
		}
		list = append(list, Leftover{
			Fault: id, What: "held by the platform, in no journal here: " + strings.Join(hold.What, ", "), Left: hold.Left,
			Remedy: fmt.Sprintf("it ends by itself in %s; to end it now, recover it with the --store of its run, or stop the topology", hold.Left),
		})
	}
	return list, err
}

func allHolds(ctx context.Context, p gameday.Platform) (map[string]gameday.Hold, error) {
	holds := map[string]gameday.Hold{}
	if p == nil {
		return holds, nil
	}
	var errs []error
	for _, h := range gameday.Abilities[gameday.Holder](p) {
		list, err := h.Held(ctx)
		errs = append(errs, err)
		for _, hold := range list {
			holds[hold.Fault] = hold
		}
	}
	if err := errors.Join(errs...); err != nil {
		return holds, fmt.Errorf("ask the platform for open faults: %w", err)
	}
	return holds, nil
}
