package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay/tape"
)

func newTapePack(g *global) *cobra.Command {
	var keys wire.Keys
	c := &cobra.Command{
		Use:   "pack TAPE",
		Short: "Write a tape anew in whole frames, in its place",
		Long: `Write a tape anew in whole frames, in its place. A tape is recorded in small frames, so that a crash costs little; in
whole ones it takes about a quarter of the space and half the time to read. A capture does this by itself at its end, so
this is for tapes of older versions, and for those that the disk had no room for. One that it would make smaller by less
than a tenth stays as it is: where much passes, frames are large enough. Nothing on the tape changes. Until it is
done the tape is the old one, whole. With --encrypt-to any tape is written anew, and these recipients alone can read it.

What a packing that was broken off left beside the tape is removed; of a directory of tapes nothing else is done: its
manifest has the checksums of the tapes, and a single one of them is refused. gameday tape convert makes one tape of a directory.`,
		Example: `  gameday tape pack shop.gdtape
  gameday tape pack tapes
  gameday tape pack sealed.gdtape --identity key.txt --encrypt-to recipients.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if wire.IsReel(args[0]) {
				return sweepReel(g, args[0], keys)
			}
			packed, err := wire.PackTape(c.Context(), args[0], keys)
			if err != nil {
				return failed(err)
			}
			if packed.Tapes == 0 {
				fmt.Fprintln(g.stdout, "nothing to gain: it is in whole frames already, or fills none, or would hardly be smaller")
			}
			printPacked(g.stdout, packed)
			return nil
		},
	}
	addIdentities(c, &keys)
	addRecipients(c, &keys)
	return c
}

func sweepReel(g *global, dir string, keys wire.Keys) error {
	removed, err := wire.SweepReel(dir, keys)
	for _, file := range removed {
		fmt.Fprintln(g.stdout, "removed", file)
	}
	if len(removed) == 0 && err == nil {
		fmt.Fprintln(g.stdout, "nothing to remove: the tapes of a directory stay as they are, for its manifest has their checksums")
	}
	return failed(err)
}

// printPacked tells what came of packing, when there was any.
func printPacked(w io.Writer, p tape.Packed) {
	if p.Tapes > 0 {
		fmt.Fprintf(w, "packed %d frames into whole ones: %s became %s\n", p.Frames, mebibytes(p.Bytes), mebibytes(p.Bytes-p.Saved))
	}
	if p.Left > 0 {
		fmt.Fprintf(w, "%d tapes stay in small frames: %v; gameday tape pack does it later, and gameday tape convert for a reel\n", p.Left, p.Why)
	}
}
