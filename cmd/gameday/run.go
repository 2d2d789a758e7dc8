package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/scenarios"
)

func newRun(g *global) *cobra.Command {
	o := wire.RunOptions{}
	var progress string
	c := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Run a game day: replay, break, judge, heal, report",
		Long: `Run a scenario. The topology is started for it, or, when "gameday up" keeps one on the same store, attached to.

Ctrl-C heals every fault and ends the run, which is then ABORTED; a second one stops waiting. After the last phase
there is nothing to heal any more: Ctrl-C leaves the run recorded and not judged, for "gameday judge" to do later.
Once the verdict is written a signal changes neither it nor the exit code.

Exit codes: 0 PASS, 1 FAIL, 2 wrong call or invalid scenario, 3 INCONCLUSIVE, 4 ABORTED, 5 ERROR,
6 LEAKED (a fault may still be there), 130 and 143 after a signal.`,
		Example: `  gameday run scenarios/library/zone-outage.yaml
  gameday run scenarios/library/zone-outage.yaml --seed 7 --report out/report.html --junit out/junit.xml
  gameday run scenarios/library/latency-monkey.yaml --set delay=1s`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.File, o.Store, o.Version = args[0], g.store, version()
			o.Out, o.Terminal = g.stderr, isTerminal(progress)
			o.Panel, o.Settle = g.panel.Store, g.ending.settle
			o.Command = wire.Command("gameday", os.Args[1:])
			if g.tune != nil {
				g.tune(&o)
			}
			done, err := wire.Run(c.Context(), o)
			if err := invalid(err); err != nil {
				return err
			}
			if done.Result == "" {
				return failed(err)
			}
			if err := done.Print(g.stdout); err != nil {
				return failed(err)
			}
			switch {
			case done.ExitCode == 0 && err == nil:
				return nil
			case done.ExitCode == 0:
				return failed(err) // a pass that something of the harness stands against is none
			}
			return exitError{code: done.ExitCode, err: err}
		},
	}
	compileFlags(c, &o.CompileOptions)
	c.Flags().StringVar(&o.Report, "report", "", "write the HTML report here too")
	c.Flags().StringVar(&o.JUnit, "junit", "", "write JUnit XML here")
	choose(c.Flags(), &progress, "progress", "how it is told of while it lasts", "auto", "panel", "plain")
	return c
}

// compileFlags are the flags of every verb that reads a scenario.
func compileFlags(c *cobra.Command, o *wire.CompileOptions) {
	c.Flags().Uint64Var(&o.Seed, "seed", 424242, "fixes targets, times, arrivals and data")
	c.Flags().StringToStringVar(&o.Set, "set", nil, "value of a parameter: --set delay=1s")
	c.Flags().StringVar(&o.Topology, "topology", "", "topology file instead of the scenario's")
}

// invalid prints nothing itself: it turns diagnostics of a scenario into exit code 2 with their full text.
func invalid(err error) error {
	var d scenarios.Diagnostics
	if errors.As(err, &d) {
		return exitError{code: gameday.ExitUsage, err: fmt.Errorf("invalid scenario\n%s", strings.TrimSpace(d.String()))}
	}
	return nil
}

func isTerminal(progress string) bool {
	switch progress {
	case "panel":
		return true
	case "plain":
		return false
	}
	return term.IsTerminal(int(os.Stderr.Fd()))
}
