package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

func newRecover(g *global) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "recover [RUN]",
		Short: "Heal what a dead run left broken, from its journal alone",
		Long: `Heal every fault that the journal of a run holds open, and check that it is gone. It works after the harness
was killed at any point, may be repeated, and changes nothing when nothing is open.

Exit code 6 means that something may still be broken.`,
		Example: `  gameday recover last
  gameday recover --all`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			runs := []string{ref(args)}
			if all {
				var err error
				if runs, err = wire.OpenRuns(g.store); err != nil {
					return failed(err)
				}
			}
			var errs []error
			for _, run := range runs {
				healed, err := wire.Recover(c.Context(), g.store, run)
				for _, f := range healed {
					fmt.Fprintf(g.stdout, "✓ healed %s on %s (%s): %s\n", f.Monkey, f.Target.Name, f.ID, f.How)
				}
				if refused := (wire.Refused{}); errors.As(err, &refused) {
					return err
				}
				errs = append(errs, err)
			}
			if err := errors.Join(errs...); err != nil {
				return exitError{code: gameday.ResultLeaked.ExitCode(), err: err}
			}
			fmt.Fprintln(g.stdout, "nothing is left open")
			return nil
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every run of the store that left faults open")
	return c
}

func newDoctor(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Name what faults left behind",
		Long: `List the faults that dead runs left open in their journals, and those that the topology still holds. It changes
nothing. Exit code 6 while something is left.`,
		Example: `  gameday doctor`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			left, err := wire.Doctor(c.Context(), g.store)
			for _, l := range left {
				fmt.Fprintf(g.stdout, "✗ %s %s\n    %s\n", l.Fault, l.What, l.Remedy)
			}
			if err != nil {
				return failed(err)
			}
			if len(left) > 0 {
				return exitError{code: gameday.ResultLeaked.ExitCode()}
			}
			fmt.Fprintln(g.stdout, "✓ nothing is left behind")
			return nil
		},
	}
}
