package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay/tape"
)

func newTape(g *global) *cobra.Command {
	c := &cobra.Command{Use: "tape", Short: "Look at recordings, change and convert them"}
	c.AddCommand(newTapeInfo(g), newTapeConvert(g), newTapeRepair(g), newTapePack(g),
		newTapeCat(g), newTapeCut(g), newTapeMerge(g), newTapeFilter(g), newTapeScan(g))
	return c
}

func newTapeInfo(g *global) *cobra.Command {
	var verify, asJSON bool
	var keys wire.Keys
	c := &cobra.Command{
		Use:   "info TAPE",
		Short: "Summarise a tape: times, counts, ledger, damage; of a directory of tapes, show the manifest",
		Example: `  gameday tape info fixtures/tapes/shop.gdtape --verify
  gameday tape info shop.gdtape --json | jq .ledger
  gameday tape info tapes --verify`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, file := range tape.Leftovers(args[0]) {
				fmt.Fprintf(g.stderr, "warning: %s is left of a packing that was broken off, and no part of the tape: gameday tape pack %s removes it\n", file, args[0])
			}
			if wire.IsReel(args[0]) {
				return reelInfo(g, args[0], verify)
			}
			info, err := wire.TapeInfo(args[0], verify, keys)
			if err != nil {
				return failed(err)
			}
			if err := showInfo(g, args[0], info, asJSON); err != nil {
				return failed(err)
			}
			if len(info.Damage) > 0 {
				return failed(info.Damage[0])
			}
			return nil
		},
	}
	c.Flags().BoolVar(&verify, "verify", false, "read every byte instead of the index alone")
	c.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON, times in nanoseconds")
	addIdentities(c, &keys)
	return c
}

func showInfo(g *global, path string, info tape.Info, asJSON bool) error {
	if !asJSON {
		return wire.ShowTape(g.stdout, path, info)
	}
	text, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.stdout, "%s\n", text)
	return err
}

func reelInfo(g *global, dir string, verify bool) error {
	m, err := wire.ReelInfo(dir, verify)
	if err != nil {
		return failed(err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return failed(err)
	}
	fmt.Fprintf(g.stdout, "%s\n", text)
	return nil
}

func newTapeRepair(g *global) *cobra.Command {
	r := tape.Recipe{Verb: "repaired", Tool: "gameday " + version(), Read: tape.ReadOptions{Skip: true}}
	var keys wire.Keys
	c := &cobra.Command{
		Use:     "repair TAPE --out TAPE",
		Short:   "Copy what can be read of a damaged tape into a new one",
		Example: `  gameday tape repair shop.gdtape --out whole.gdtape`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.From = args
			made, err := wire.MakeTape(c.Context(), r, keys)
			for _, d := range made.Damage {
				fmt.Fprintln(g.stderr, "lost:", d)
			}
			if err == nil {
				fmt.Fprintf(g.stdout, "%d exchanges kept\n", made.Kept)
				noteUnsealed(g, args, r.To, keys)
			}
			return failed(err)
		},
	}
	addOut(c, &r, &keys)
	return c
}
