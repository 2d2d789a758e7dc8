package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/scenarios"
)

func newPlan(g *global) *cobra.Command {
	var o wire.CompileOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan SCENARIO",
		Short: "Say what a run would touch, how that is healed, and what cannot be observed; change nothing",
		Long: `Compile a scenario and resolve its targets, on the topology that "gameday up" keeps or else on the topology file.
Nothing is started, changed or written.`,
		Example: `  gameday plan scenarios/library/zone-outage.yaml
  gameday plan scenarios/library/chaos-monkey.yaml --seed 7 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.File = args[0]
			plan, err := wire.Compile(o)
			if err != nil {
				if wrong := invalid(err); wrong != nil {
					return wrong
				}
				return err
			}
			if asJSON {
				e := json.NewEncoder(g.stdout)
				e.SetIndent("", "  ")
				return e.Encode(plan)
			}
			resolved, err := wire.Resolve(c.Context(), g.store, plan)
			if err != nil {
				return failed(err)
			}
			if err := scenarios.Describe(g.stdout, plan, resolved); err != nil {
				return failed(err)
			}
			for _, r := range resolved {
				if r.Problem != "" {
					return exitError{code: gameday.ExitUsage}
				}
			}
			return nil
		},
	}
	compileFlags(c, &o)
	c.Flags().BoolVar(&asJSON, "json", false, "print the resolved plan as JSON")
	return c
}
