package main

import (
	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
)

func newTapeCat(g *global) *cobra.Command {
	var o wire.CatOptions
	c := &cobra.Command{
		Use:   "cat TAPE",
		Short: "Print the exchanges and messages of a tape as text or as JSON lines",
		Example: `  gameday tape cat fixtures/tapes/shop.gdtape --limit 20
  gameday tape cat shop.gdtape --from 10m --to 10m5s --json | jq -r .Target`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return failed(wire.CatTape(c.Context(), g.stdout, args[0], o))
		},
	}
	addSpan(c, &o.Span)
	f := c.Flags()
	f.StringSliceVar(&o.Sessions, "session", nil, "only exchanges of this session (repeatable)")
	f.Int64Var(&o.Limit, "limit", 0, "at most so many exchanges and messages of WebSockets; all when 0")
	f.BoolVar(&o.JSON, "json", false, "one object on each line, with headers and bodies (base64), times in nanoseconds; those with a Kind are messages of WebSockets")
	addIdentities(c, &o.Keys)
	return c
}
