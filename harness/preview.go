package harness

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// Preview is what a step would do, as far as that can be known without doing it.
type Preview struct {
	Step    gameday.Step
	Matched int             // targets that match, before mode and limits
	Faults  []gameday.Fault // one per chosen target, with summary and claims
	Err     error           // why the step could not be prepared
}

// Look prepares every step of the plan and changes nothing. A step that cannot be prepared is returned with its error;
// targets that appear or change later, when its time has come, may be chosen differently.
func Look(ctx context.Context, p gameday.Platform, c gameday.Catalog, plan gameday.Plan) []Preview {
	var previews []Preview
	for _, step := range plan.Steps {
		previews = append(previews, look(ctx, p, c, plan, step))
	}
	return previews
}

func look(ctx context.Context, p gameday.Platform, c gameday.Catalog, plan gameday.Plan, step gameday.Step) Preview {
	preview := Preview{Step: step}
	found, err := find(ctx, p, plan.Environment, step.Selector)
	if err != nil {
		preview.Err = err
		return preview
	}
	preview.Matched = len(found)
	targets, err := Targets(ctx, p, plan, step)
	if err != nil {
		preview.Err = err
		return preview
	}
	for _, t := range targets {
		f, err := prepareOne(ctx, p, c, step, t)
		if err != nil {
			preview.Err = fmt.Errorf("prepare %s on %s: %w", step.Monkey, t.Name, err)
			return preview
		}
		preview.Faults = append(preview.Faults, f)
	}
	return preview
}

func prepareOne(ctx context.Context, p gameday.Platform, c gameday.Catalog, step gameday.Step, t gameday.Target) (gameday.Fault, error) {
	monkey, err := c.New(step.Monkey, step.Config)
	if err != nil {
		return gameday.Fault{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	f, err := monkey.Prepare(ctx, p, t)
	f.Step, f.Monkey, f.For = step.Name, step.Monkey, step.For
	return f, err
}
