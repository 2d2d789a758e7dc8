package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gameday-dev/gameday/internal/wire"
	formats "github.com/gameday-dev/gameday/replay/capture"
)

func newTapeConvert(g *global) *cobra.Command {
	var o wire.ConvertOptions
	var to string
	c := &cobra.Command{
		Use:     "convert FILE --out FILE",
		Aliases: []string{"import", "export"},
		Short:   "Turn a recording into another format",
		Long: `Read a recording and write it in another format: a tape, .gor, HAR, vegeta targets or a k6 script. What the file is
is told by its content, what is written by the ending of its name (.gdtape .gor .har .json .js, and .gz behind it).

Of a recording in numbered chunks (requests_0.gor, requests_1.gor ...) give requests.gor; many files may be given as
a quoted pattern. What is no tape yet is redacted on the way. What cannot be read or written is counted, and so are
parts of exchanges that only a tape has a place for.

Packets that tcpdump or Wireshark wrote (pcap, pcapng) become a tape: HTTP/1 and HTTP/2 in plain text are put together, and the ledger of
the tape says what became of every packet and byte.

Access logs hold no headers and no bodies: their tapes are marked shape-only. Lists of targets hold no times: they
are made up, at --source-rate.`,
		Example: `  gameday tape convert requests.gor.gz --out requests.gdtape
  gameday tape convert access.log --out access.gdtape --log-format '$remote_addr [$time_local] "$request" $status $request_time'
  gameday tape convert shop.pcapng --port 8080 --out shop.gdtape
  gameday tape convert 'taps/*.json' --out taps.gdtape
  gameday tape convert shop.gdtape --out shop.gor --disallow-url ^/health --header-limiter user-id:10%
  gameday tape convert shop.gdtape --out shop.js --base http://127.0.0.1:8080`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.From, o.Format, o.Tool = args[0], formats.Format(to), "gameday "+version()
			told := 0
			o.Problem = func(err error) {
				if told++; told <= problemsShown { // the counts tell of the others
					fmt.Fprintln(g.stderr, "warning:", err)
				}
			}
			done, err := wire.Convert(c.Context(), o)
			if err == nil || done.Counts.Arrived() > 0 {
				printCounts(g, done.Counts)
			}
			if done.Counts.Shape > 0 {
				fmt.Fprintf(g.stdout, "%d are shape-only: when, who, method, target and status are real, headers and bodies are not there\n", done.Counts.Shape)
			}
			if done.Unkept.Total() > 0 {
				fmt.Fprintf(g.stdout, "written without what the format has no place for%s\n", causes(done.Unkept))
			}
			if err == nil {
				noteUnsealed(g, args, o.To, o.Keys)
			}
			return failed(err)
		},
	}
	f := c.Flags()
	f.StringVar(&o.To, "out", "", "file to write; it must not exist yet")
	f.StringVar(&to, "to", "", "format to write, where the ending of --out does not tell: "+list(wire.Formats()))
	f.Var((*ports)(&o.Ports), "port", "port of a server, in packets; all that speak HTTP when not given (repeatable)")
	addVXLAN(c, &o.VXLAN)
	f.StringVar(&o.Base, "base", "", "base of the URLs that are written: http://127.0.0.1:8080 (the recorded hosts)")
	f.BoolVar(&o.Prettify, "prettify", false, "take gzip, deflate and zstd off bodies")
	f.StringSliceVar(&o.Redact.Headers, "redact-header", nil, "one more header to redact")
	f.StringSliceVar(&o.Redact.JSON, "redact-json", nil, "one more path into JSON bodies to redact")
	f.StringSliceVar(&o.Redact.Keep, "redact-keep", nil, "an entry of the default rules to leave alone")
	addRedactKeyFlag(f, &o.RedactKey)
	addImportFlags(f, &o.Import)
	addRuleFlags(f, &o.Rules)
	addIdentities(c, &o.Keys)
	addRecipients(c, &o.Keys)
	_ = c.MarkFlagRequired("out")
	return c
}

// addImportFlags adds what says how a file of another tool is read.
func addImportFlags(f *pflag.FlagSet, o *formats.ImportOptions) {
	f.StringVar((*string)(&o.Format), "format", "", "what the file is, where its content does not tell: "+list(formats.Formats()))
	f.StringVar(&o.Layout, "log-format", "", "log_format of an nginx access log")
	f.Float64Var(&o.Rate, "source-rate", 0, "requests per second of sources that hold no times (100)")
	f.StringVar(&o.Sessions.Cookie, "session-cookie", "", `cookie that tells sessions apart ("sid")`)
	f.StringVar(&o.Sessions.Header, "session-header", "", `header that tells sessions apart ("Authorization")`)
}

// addRuleFlags adds the flags of filters and rewriting. goreplay's spelling works, too.
func addRuleFlags(f *pflag.FlagSet, r *wire.Rules) {
	for _, flag := range r.Flags() {
		f.Func(flag.Name, flag.Usage, flag.Set)
	}
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "prettify-http":
			return "prettify"
		case "input-raw-engine":
			return "engine"
		}
		return pflag.NormalizedName(strings.TrimPrefix(name, "http-"))
	})
}

func list(known []formats.Format) string {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = string(f)
	}
	return strings.Join(names, " ")
}
