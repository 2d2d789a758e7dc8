package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture/passive"
	"github.com/gameday-dev/gameday/replay/tape"
)

func newCapture(g *global) *cobra.Command {
	var o wire.CaptureOptions
	c := &cobra.Command{
		Use:   "capture (--to URL | --interface NAME --port N | --pcap FILE) --out TAPE",
		Short: "Record the traffic of an HTTP service, redacted: in front of it, or from its network interface",
		Long: `Run a proxy in front of an HTTP service and record every request and answer to a tape until Ctrl-C: HTTP/1, HTTP/2, gRPC,
WebSockets and event streams. In plain text every byte passes as it comes; where clients (--cert) or the service (https://) speak
TLS, requests are made anew as they were sent.

Credentials (Authorization, cookies, API keys, passwords and tokens), card numbers, e-mail addresses and phone numbers
are replaced by keyed pseudonyms before the first byte is written; the same secret always gets the same pseudonym,
so sessions can be replayed. What redaction may have missed is found by gameday tape scan.
The service never waits for the recorder: what it cannot keep up with is counted in the tape's ledger.

With --interface nothing stands in between: packets are copied as they pass, and HTTP/1 and HTTP/2 in plain text are put together from them. This
needs root or the right to capture: setcap cap_net_raw+ep gameday. Packets that the kernel had to drop are counted as lost.
--interface any takes all interfaces. On Linux a ring of the kernel captures (--engine afpacket). In a build with -tags libpcap,
--engine libpcap does, on other systems too; without it tcpdump captures there, and --pcap - reads what it pipes. TLS cannot
be read this way.

The flags of filters and rewriting are goreplay's, with or without their http-. They see what passes before it is redacted;
what they leave out is counted by rule. A --middleware sees what is left, redacted, and what it gives back is recorded,
redacted once more: see docs/from-goreplay.md.

With a budget (--max-cpu, --max-memory, --max-disk, --min-free) whole sessions are left out rather than exceed it, and
taken again when there is room. SIGUSR1, or the file named by --kill-file, ends recording at once; the traffic
goes on. With --rotate, --rotate-every or --keep, --out is a directory of tapes with a manifest.json, which plays like
one tape.

What is recorded is written every 50 ms, so that a crash costs little. A tape that is complete is then packed: written
anew in whole frames, which take a quarter of the space, within the budget (of --max-cpu a quarter is for it with --rotate)
and where the disk has room for both. Until that is done the tape is the old one, whole; Ctrl-C once more leaves it so.`,
		Example: `  gameday capture --to http://127.0.0.1:9000 --listen 127.0.0.1:9001 --out shop.gdtape
  gameday capture --interface eth0 --port 8080 --out shop.gdtape
  gameday capture --interface eth0 --vxlan --port 8080 --out mirrored.gdtape
  gameday capture --interface en0 --engine libpcap --port 8080 --out shop.gdtape
  tcpdump -i en0 -U -w - 'tcp port 8080' | gameday capture --pcap - --port 8080 --out shop.gdtape
  gameday capture --interface any --port 8080 --buffer 64MB --out shop.gdtape
  gameday capture --to http://127.0.0.1:9000 --out shop.gdtape --redact-header X-Customer --redact-json '$..email'
  gameday capture --to http://127.0.0.1:9000 --out shop.gdtape --disallow-url ^/health --header-limiter user-id:10%
  gameday capture --to http://127.0.0.1:9000 --out shop.gdtape --encrypt-to recipients.txt
  gameday capture --to https://10.0.0.7 --ca ca.pem --cert shop.pem --key shop.key --listen :443 --allow-remote --out shop.gdtape
  gameday capture --to http://127.0.0.1:9000 --out tapes --rotate 256MB --keep 20 --sample 10% --max-cpu 20% --min-free 5GB`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Tool = "gameday " + version()
			return capture(c.Context(), g, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.To, "to", "", "base URL of the service")
	f.StringSliceVar(&o.Interfaces, "interface", nil, "network interface to watch instead (repeatable); any for all of them")
	f.Func("engine", "what captures from --interface: afpacket, a ring that the kernel of Linux fills, or libpcap, in a build with -tags libpcap", func(name string) (err error) {
		o.Engine, err = passive.ParseEngine(name)
		return err
	})
	f.Var((*byteSize)(&o.Buffer), "buffer", "bytes of packets that the kernel holds while gameday is busy, with --interface (default 16MB)")
	f.StringVar(&o.Packets, "pcap", "", "file or pipe of packets to read instead, pcap or pcapng; - for standard input")
	f.Var((*ports)(&o.Ports), "port", "port of the service, with --interface or --pcap (repeatable)")
	addVXLAN(c, &o.VXLAN)
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8888", "address for clients")
	f.BoolVar(&o.Remote, "allow-remote", false, "let --listen be an address that other machines reach")
	f.StringVar(&o.Security.Cert, "cert", "", "certificate for clients, PEM; with --key they speak TLS")
	f.StringVar(&o.Security.Key, "key", "", "key of the certificate, PEM")
	f.StringVar(&o.Security.CA, "ca", "", "certificates that vouch for the service, PEM; the system's when not given")
	f.BoolVar(&o.Security.Insecure, "insecure", false, "take any certificate of the service")
	f.StringVar(&o.Out, "out", "", "tape to write; it must not exist yet")
	f.StringVar(&o.Match, "match", "", "record only paths that begin so")
	f.BoolVar(&o.Replays, "replays", false, "record replayed requests too, which are left out otherwise")
	f.StringVar(&o.Sessions.Cookie, "session-cookie", "", `cookie that tells sessions apart ("sid")`)
	f.StringVar(&o.Sessions.Header, "session-header", "", `header that tells sessions apart ("Authorization")`)
	f.StringSliceVar(&o.Rules.Headers, "redact-header", nil, "one more header to redact")
	f.StringSliceVar(&o.Rules.JSON, "redact-json", nil, "one more path into JSON bodies to redact: $..email")
	f.StringSliceVar(&o.Rules.Query, "redact-query", nil, "one more query parameter to redact")
	addRedactKeyFlag(f, &o.RedactKey)
	f.StringSliceVar(&o.Rules.Keep, "redact-keep", nil, "an entry of the default rules to leave alone")
	f.Var((*share)(&o.Limits.Sample), "sample", "record this share of the sessions: 10%")
	f.Var((*share)(&o.Limits.CPU), "max-cpu", "share of a core that recording may take: 20%")
	f.Var((*byteSize)(&o.Limits.Memory), "max-memory", "bytes that the process may take: 200MB")
	f.Var((*byteSize)(&o.Limits.Disk), "max-disk", "bytes that may be written: 10GB")
	f.Var((*byteSize)(&o.Limits.FreeMin), "min-free", "bytes that must stay free on the disk: 5GB")
	f.StringVar(&o.KillFile, "kill-file", "", "record nothing while this file exists")
	f.Var((*byteSize)(&o.Rotation.Size), "rotate", "begin another tape after this many bytes: 256MB")
	f.DurationVar(&o.Rotation.Every, "rotate-every", 0, "begin another tape after this time: 1h")
	f.IntVar(&o.Rotation.Keep, "keep", 0, "complete tapes that are kept, the newest; all when 0")
	addMiddlewareFlag(c, g, &o.Middleware)
	addRuleFlags(f, &o.Choose)
	addRecipients(c, &o.Keys)
	c.MarkFlagsOneRequired("to", "interface", "pcap")
	c.MarkFlagsMutuallyExclusive("to", "interface", "pcap")
	c.MarkFlagsMutuallyExclusive("to", "port")
	c.MarkFlagsMutuallyExclusive("to", "engine")
	c.MarkFlagsMutuallyExclusive("pcap", "engine")
	_ = c.MarkFlagRequired("out")
	return c
}

// capture records until the context ends, and tells about it.
func capture(ctx context.Context, g *global, o wire.CaptureOptions) error {
	kill := make(chan os.Signal, 1)
	defer onKillSwitch(kill)()
	o.Kill = kill
	line := &captureLine{to: g.stderr, terminal: isTerminal("")}
	o.Progress = line.show
	o.Problem = func(err error) { fmt.Fprintln(g.stderr, "warning:", err) }
	o.Ready = func(addr string) {
		if o.To == "" {
			fmt.Fprintf(g.stderr, "recording HTTP from %s; Ctrl-C ends\n", addr)
			return
		}
		scheme := "http"
		if o.Security.Cert != "" {
			scheme = "https"
		}
		fmt.Fprintf(g.stderr, "recording what passes %s://%s to %s; Ctrl-C ends\n", scheme, addr, o.To)
		if o.Remote {
			fmt.Fprintln(g.stderr, "warning: other machines may reach the service through this address: --allow-remote was given")
		}
	}
	drop := func() { _ = tape.DropPacking(o.Out) } // the tape is whole without
	g.drop.Store(&drop)
	var packed tape.Packed
	o.Packed = func(p tape.Packed) { packed = p }
	o.Counted = func(c replay.Counts) { // at once: packing takes a while, for which not everybody waits
		line.end()
		printCounts(g, c)
		fmt.Fprintf(g.stderr, "completing %s, and packing it where that pays\n", o.Out)
	}
	counts, err := wire.Capture(ctx, o)
	line.end()
	printPacked(g.stderr, packed)
	if share, known := counts.Completeness(); known {
		fmt.Fprintf(g.stderr, "%.2f %% of what was to be recorded is in %s\n", 100*share, o.Out)
	}
	return failed(err)
}

func printCounts(g *global, c replay.Counts) {
	fmt.Fprintf(g.stdout, "%d arrived: %d recorded, %d filtered, %d sampled out, %d lost", c.Arrived(), c.Captured, c.Filtered.Total(), c.Sampled, c.Lost.Total())
	fmt.Fprint(g.stdout, causes(c.Lost))
	fmt.Fprintf(g.stdout, "; %d with a body cut, %d broken off\n", c.Truncated, c.Cut)
	if c.Messages+c.MessagesLost.Total() > 0 {
		fmt.Fprintf(g.stdout, "%d messages of WebSockets recorded, %d lost%s\n", c.Messages, c.MessagesLost.Total(), causes(c.MessagesLost))
	}
}

// causes lists a tally in parentheses, behind a blank; "" when there is nothing in it.
func causes(t replay.Tally) string {
	var all []string
	for _, cause := range slices.Sorted(maps.Keys(t)) {
		all = append(all, fmt.Sprintf("%d %s", t[cause], cause))
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s)", strings.Join(all, ", "))
}
