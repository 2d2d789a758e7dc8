package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/harness/metrics"
	"github.com/gameday-dev/gameday/harness/platform/local"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/replay/diff"
	"github.com/gameday-dev/gameday/scenarios"
)

// CompileOptions say which scenario becomes which plan.
type CompileOptions struct {
	File     string
	Set      map[string]string // parameters
	Seed     uint64
	Topology string // instead of the scenario's, when not empty
}

// Compile reads a scenario strictly and resolves it. Its error is scenarios.Diagnostics when the file is wrong.
func Compile(o CompileOptions) (gameday.Plan, error) {
	plan, _, err := compile(o)
	return plan, err
}

// compile returns the URL of the remote Prometheus too, with the credentials that no plan holds.
func compile(o CompileOptions) (plan gameday.Plan, remote string, err error) {
	text, err := os.ReadFile(o.File)
	if err != nil {
		return gameday.Plan{}, "", fmt.Errorf("read scenario: %w", err)
	}
	s, err := scenarios.Parse(o.File, text, scenarios.Options{Set: o.Set, Checks: scenarios.Checks{
		PromQL:  metrics.Check,
		Monkeys: monkeys.Catalog(), DiffField: diff.CheckField, DiffSign: diff.CheckSign, Recording: checkRecording,
		Topology: func(path string) (scenarios.Known, error) {
			if o.Topology != "" {
				path = o.Topology
			}
			return known(path)
		},
	}})
	if err != nil {
		return gameday.Plan{}, "", err
	}
	plan = s.Compile(o.Seed)
	if o.Topology != "" {
		plan.Environment.Topology = o.Topology
	}
	return plan, s.Remote(), nil
}

// checkRecording says that a recording is not there. Whether it can be played is seen when it is.
func checkRecording(path string) error {
	source, err := openTape(path)()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil:
		return closeSource(source)
	}
	return nil
}

// known lists what scenarios may refer to. A topology whose binary is not built yet is still readable.
func known(path string) (scenarios.Known, error) {
	t, err := local.Load(path)
	if err != nil {
		return scenarios.Known{}, err
	}
	var k scenarios.Known
	for _, s := range t.Services {
		k.Services = append(k.Services, s.Name)
	}
	for _, z := range t.Zones {
		k.Zones = append(k.Zones, z.Name)
	}
	for _, e := range t.Entries {
		k.Entries = append(k.Entries, e.Name)
	}
	return k, nil
}

// Resolve finds what each step of the plan would touch and how that is healed, and changes nothing: on the
// topology that `gameday up` keeps on the store, or else on a draft of the topology file.
func Resolve(ctx context.Context, root string, plan gameday.Plan) ([]scenarios.Resolved, error) {
	p, done, err := preview(ctx, root, plan)
	if err != nil {
		return nil, err
	}
	defer done()
	var resolved []scenarios.Resolved
	for _, look := range harness.Look(ctx, p, monkeys.Catalog(), plan) {
		r := scenarios.Resolved{Step: look.Step.Name, Matched: look.Matched}
		for _, f := range look.Faults {
			r.Targets = append(r.Targets, f.Target)
			r.Summaries = append(r.Summaries, f.Summary)
		}
		if look.Err != nil {
			r.Problem = look.Err.Error()
		}
		resolved = append(resolved, r)
	}
	return resolved, nil
}

// preview returns a platform to look at.
func preview(ctx context.Context, root string, plan gameday.Plan) (gameday.Platform, func(), error) {
	if up, err := Attach(ctx, root); err != nil {
		return nil, nil, err
	} else if up != nil {
		return system{up.Client, draftLoad{}}, up.Close, nil
	}
	t, err := local.Load(plan.Environment.Topology)
	if err != nil {
		return nil, nil, err
	}
	if err := t.Replicate(plan.Environment.Replicas); err != nil {
		return nil, nil, err
	}
	return system{local.NewDraft(t), draftLoad{}}, func() {}, nil
}
