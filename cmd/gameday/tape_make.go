package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

func newTapeCut(g *global) *cobra.Command {
	r := tape.Recipe{Verb: "cut", Tool: "gameday " + version()}
	var keys wire.Keys
	c := &cobra.Command{
		Use:   "cut TAPE --out TAPE",
		Short: "Copy a stretch of a tape, or some of its sessions, into a new one",
		Long: `Copy a stretch of a tape, some of its sessions, or all of it into a new one. Offsets stay those of the whole. What is
left out is counted in the ledger of the new tape.`,
		Example: `  gameday tape cut shop.gdtape --from 10m --to 12m --out peak.gdtape
  gameday tape cut shop.gdtape --session gd~k2cov5dhwinrty4n --out one-customer.gdtape
  gameday tape cut shop.gdtape --encrypt-to age1... --out sealed.gdtape`,
		Args: cobra.ExactArgs(1),
		RunE: makeTape(g, &r, &keys),
	}
	addSpan(c, &r.Span)
	c.Flags().StringSliceVar(&r.Read.Sessions, "session", nil, "only exchanges of this session (repeatable)")
	addOut(c, &r, &keys)
	return c
}

func newTapeMerge(g *global) *cobra.Command {
	r := tape.Recipe{Verb: "merged", Tool: "gameday " + version()}
	var keys wire.Keys
	c := &cobra.Command{
		Use:   "merge TAPE TAPE... --out TAPE",
		Short: "Join tapes into one, in the order of wall time",
		Long: `Join tapes into one, in the order of wall time. Sessions of different tapes are kept apart: their names get the number
of their tape in front, as in 2/ada. The ledgers of all tapes are in that of the new one.`,
		Example: `  gameday tape merge node-1.gdtape node-2.gdtape --out both.gdtape
  gameday tape merge 2026-11-21T10.gdtape 2026-11-21T11.gdtape --same-sessions --out morning.gdtape`,
		Args: cobra.MinimumNArgs(2),
		RunE: makeTape(g, &r, &keys),
	}
	c.Flags().BoolVar(&r.Joined, "same-sessions", false, "take sessions of one name in several tapes for one, as in the parts of one capture")
	c.Flags().BoolVar(&r.Aligned, "align", false, "let all tapes begin at the same moment")
	addOut(c, &r, &keys)
	return c
}

func newTapeFilter(g *global) *cobra.Command {
	r := tape.Recipe{Verb: "filter", Tool: "gameday " + version()}
	var keys wire.Keys
	var s replay.Selection
	var flows []string
	var drop bool
	c := &cobra.Command{
		Use:   "filter TAPE --out TAPE",
		Short: "Copy the exchanges that meet conditions into a new tape",
		Long: `Copy the exchanges that meet every condition into a new tape; of values given to one condition any will do. With
--drop these are left out and all others kept. The ledger of the new tape counts what was left out by condition.`,
		Example: `  gameday tape filter shop.gdtape --method GET,HEAD --out reads.gdtape
  gameday tape filter shop.gdtape --path '/products/*' --status 5xx,none --out failures.gdtape
  gameday tape filter shop.gdtape --path '/static/**' --drop --out pages.gdtape`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if s.Flows, err = parseFlows(flows); err != nil {
				return err
			}
			if err := s.Check(); err != nil {
				return err
			}
			if s.Empty() {
				return fmt.Errorf("name a condition: --method, --path, --status, --session or --flow")
			}
			r.Keep = s.Misses
			if drop {
				r.Keep = s.Matches
			}
			return makeTape(g, &r, &keys)(c, args)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&s.Methods, "method", nil, "method")
	f.StringSliceVar(&s.Paths, "path", nil, "glob of the path: * is a segment, ** any rest")
	f.StringSliceVar(&s.Statuses, "status", nil, "status of the answer: 404, 5xx, or none")
	f.StringSliceVar(&s.Sessions, "session", nil, "name of the session")
	f.StringArrayVar(&flows, "flow", nil, "flow: 'order=POST /orders'")
	f.BoolVar(&drop, "drop", false, "leave out what meets the conditions")
	addOut(c, &r, &keys)
	return c
}

// makeTape returns what a verb does that makes a tape of others.
func makeTape(g *global, r *tape.Recipe, keys *wire.Keys) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		r.From = args
		made, err := wire.MakeTape(c.Context(), *r, *keys)
		if err != nil {
			return failed(err)
		}
		fmt.Fprintf(g.stdout, "%d exchanges kept", made.Kept)
		var left []string
		for _, rule := range slices.Sorted(maps.Keys(made.Left)) {
			left = append(left, fmt.Sprintf("%d by %s", made.Left[rule], rule))
		}
		if len(left) > 0 {
			fmt.Fprintf(g.stdout, "; left out: %s", strings.Join(left, ", "))
		}
		fmt.Fprintln(g.stdout)
		noteUnsealed(g, args, r.To, *keys)
		return nil
	}
}

func addSpan(c *cobra.Command, s *tape.Span) {
	c.Flags().DurationVar(&s.From, "from", 0, "offset of the first exchange: 90s")
	c.Flags().DurationVar(&s.To, "to", 0, "offset behind the last one; the end when 0")
}

// addOut gives a verb that makes a tape of others the flags that all of them have.
func addOut(c *cobra.Command, r *tape.Recipe, k *wire.Keys) {
	c.Flags().StringVar(&r.To, "out", "", "tape to write; it must not exist yet")
	_ = c.MarkFlagRequired("out")
	addIdentities(c, k)
	addRecipients(c, k)
}
