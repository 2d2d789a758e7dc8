package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay/redact"
)

func newTapeScan(g *global) *cobra.Command {
	var rules redact.Rules
	var keys wire.Keys
	var asJSON bool
	c := &cobra.Command{
		Use:   "scan TAPE",
		Short: "Look for what still looks like a secret on a tape",
		Long: `Look for what still looks like a secret on a tape: values with secret names, credentials, card numbers, e-mail addresses
and phone numbers wherever they stand, and words that are too random to be words. Each is told with the number of
its exchange, its place, its first two characters and its length.

Exit codes: 0 nothing found, 1 something found, 2 wrong call, 5 error.`,
		Example: `  gameday tape scan shop.gdtape
  gameday tape scan shop.gdtape --keep email --json | jq -r .place | sort | uniq -c`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			findings, touched, last := 0, 0, uint64(0)
			e := json.NewEncoder(g.stdout)
			n, err := wire.ScanTape(c.Context(), args[0], rules, keys, func(f redact.Finding) {
				if findings == 0 || f.Exchange != last {
					touched++
				}
				findings, last = findings+1, f.Exchange
				if asJSON {
					_ = e.Encode(f) // a reader that went away ends the process by itself
					return
				}
				fmt.Fprintf(g.stdout, "exchange %d: %s: %s: %s\n", f.Exchange, f.Place, f.Kind, f.Sample)
			})
			if err != nil {
				return failed(err)
			}
			fmt.Fprintf(g.stderr, "%d exchanges: %d findings in %d of them\n", n, findings, touched)
			if findings > 0 {
				return exitError{code: gameday.ResultFail.ExitCode()}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one object on each line")
	c.Flags().StringSliceVar(&rules.Keep, "keep", nil, "an entry of the default rules that is no secret here: email, $..phone")
	c.Flags().StringSliceVar(&rules.JSON, "redact-json", nil, "one more path into JSON bodies that is secret")
	c.Flags().StringSliceVar(&rules.Headers, "redact-header", nil, "one more header that is secret")
	addIdentities(c, &keys)
	return c
}
