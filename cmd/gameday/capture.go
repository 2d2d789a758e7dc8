package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay"
)

func newCapture(g *global) *cobra.Command {
	var o wire.CaptureOptions
	c := &cobra.Command{
		Use:   "capture --to URL --out TAPE",
		Short: "Stand in front of an HTTP service and record its traffic, redacted",
		Long: `Run a reverse proxy in front of an HTTP service and record every request and answer to a tape until Ctrl-C.

Credentials (Authorization, cookies, API keys, passwords and tokens in JSON) are replaced by keyed pseudonyms
before the first byte is written; the same secret always gets the same pseudonym, so sessions can be replayed.
The service never waits for the recorder: what it cannot keep up with is counted in the tape's ledger.`,
		Example: `  gameday capture --to http://127.0.0.1:9000 --listen 127.0.0.1:9001 --out shop.gdtape
  gameday capture --to http://127.0.0.1:9000 --out shop.gdtape --redact-header X-Customer --redact-json '$..email'
  gameday capture --to http://127.0.0.1:9000 --out shop.gdtape --encrypt-to recipients.txt`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Tool = "gameday " + version()
			o.Ready = func(addr string) {
				fmt.Fprintf(g.stderr, "recording what passes http://%s to %s; Ctrl-C ends\n", addr, o.To)
			}
			counts, err := wire.Capture(c.Context(), o)
			printCounts(g, counts)
			return failed(err)
		},
	}
	c.Flags().StringVar(&o.To, "to", "", "base URL of the service")
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8888", "address for clients")
	c.Flags().StringVar(&o.Out, "out", "", "tape to write; it must not exist yet")
	c.Flags().StringVar(&o.Match, "match", "", "record only paths that begin so")
	c.Flags().StringVar(&o.Sessions.Cookie, "session-cookie", "", `cookie that tells sessions apart ("sid")`)
	c.Flags().StringVar(&o.Sessions.Header, "session-header", "", `header that tells sessions apart ("Authorization")`)
	c.Flags().StringSliceVar(&o.Rules.Headers, "redact-header", nil, "one more header to redact")
	c.Flags().StringSliceVar(&o.Rules.JSON, "redact-json", nil, "one more path into JSON bodies to redact: $..email")
	c.Flags().StringSliceVar(&o.Rules.Query, "redact-query", nil, "one more query parameter to redact")
	c.Flags().StringSliceVar(&o.Rules.Keep, "redact-keep", nil, "an entry of the default rules to leave alone")
	addRecipients(c, &o.Keys)
	_ = c.MarkFlagRequired("to")
	_ = c.MarkFlagRequired("out")
	return c
}

func printCounts(g *global, c replay.Counts) {
	fmt.Fprintf(g.stdout, "%d arrived: %d recorded, %d filtered, %d sampled out, %d lost", c.Arrived(), c.Captured, c.Filtered.Total(), c.Sampled, c.Lost.Total())
	var lost []string
	for _, cause := range slices.Sorted(maps.Keys(c.Lost)) {
		lost = append(lost, fmt.Sprintf("%d %s", c.Lost[cause], cause))
	}
	if len(lost) > 0 {
		fmt.Fprintf(g.stdout, " (%s)", strings.Join(lost, ", "))
	}
	fmt.Fprintf(g.stdout, "; %d with a body cut, %d broken off\n", c.Truncated, c.Cut)
}
