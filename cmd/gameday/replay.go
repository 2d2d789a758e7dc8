package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/reports"
)

func newReplay(g *global) *cobra.Command {
	o := wire.ReplayOptions{}
	var timeout, start, maxWait, maxLate, retryGap time.Duration
	var flows, binds []string
	var rules wire.Rules
	var rateCap, maxWrong string
	var out replayOutput
	var progress string
	c := &cobra.Command{
		Use:   "replay TAPE --to URL",
		Short: "Play a tape, or what another tool recorded, against a URL",
		Long: `Play recorded traffic with its own spacing: each request is sent at its due time, however slow the answers are, and
its latency counts from that moment. Requests of one session keep their order; tokens and ids of live answers take
the place of the recorded ones.

What is no tape is read as what it is: .gor, HAR, Envoy tap, vegeta targets, access logs; pcap and pcapng files become a
temporary tape first, redacted as every tape is. The flags of filters and
rewriting have the names and the meaning of goreplay's, with or without their http-: see docs/from-goreplay.md.

Methods with effects (POST, PUT, PATCH, DELETE) are sent only when they are named with --unsafe, all or by their path. A target that looks
like production, by its name or by a public address, is refused before the first request.

The URL is http://, https:// or unix:///path/of.sock. What was recorded over HTTP/1.1 is sent over it, what was recorded
over HTTP/2 goes over HTTP/2 where the server speaks it, and gRPC always does; --http2 sends everything over it. WebSockets
are opened, and the client's messages sent at their recorded distances. The summary says how many requests went which way.

The rate is the recorded one, at a speed, or has a --shape of its own; --rate-cap bounds either. What a cap left out or put
off is said at the end, with how truthfully the load was offered: lateness of sending, spacing and mix against the
schedule, seconds in which the generator was the limit.

A --middleware sees every request before it is due, and every answer, and says what is sent, by the protocol of goreplay's:
see docs/from-goreplay.md. A request that it gives back late leaves late; one that it keeps is skipped, and counted.

With --diff the answers are compared with the recorded ones, with --diff-primary URL with those of another system that gets
the same requests at the same time; --diff-secondary URL, a second instance of that one, shows which fields differ by
themselves.

Everything is told per flow: of a --flow, or of the routes of the recording, such as GET /products/{}. The summary stands at
the end; --json prints all that is known instead, --report writes an HTML page. A terminal shows a panel meanwhile, anything
else a line every few seconds; --metrics serves the gameday_ series. Ctrl-C ends the replay with what was done until then.

Exit codes: 0 played as planned, 1 no request succeeded, or more answers are wrong than --max-wrong allows, 2 wrong call or
no such recording, 3 the load was not offered as planned, or nothing was sent, 5 error, 130 and 143 after a signal.`,
		Example: `  gameday replay shop.gdtape --to http://127.0.0.1:8080 --unsafe POST
  gameday replay requests.gor.gz --to http://127.0.0.1:8080 --speed 2 --amplify 1.5
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --unsafe POST --rewrite 'POST /login $.password=pw-${$.user}'
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --unsafe POST --bind 'POST /orders $.order_id -> /orders/{}'
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --unsafe 'POST /search/**' --unsafe 'POST /graphql'
  gameday replay shop.pcap --port 8080 --to http://127.0.0.1:8080
  gameday replay access.log --to http://127.0.0.1:8080 --speed 100 --results r.gob && vegeta report r.gob
  gameday replay shop.gdtape --to https://staging.example --ca ca.pem --cert client.pem --key client.key
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --shape ramp:10/s..200/s:60s --loop --for 2m
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --speed 10 --rate-cap 500/s --cap-by thin
  gameday replay night.gdtape --to http://127.0.0.1:8080 --max-wait 1s
  gameday replay requests.gor --to http://127.0.0.1:8080 --connections recorded
  gameday replay shop.gdtape --to unix:///run/shop.sock
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --metrics 127.0.0.1:9464 --progress plain
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --report replay.html --json | jq '.flows[] | {flow, failed, p99: .latency.p99_ms}'
  gameday replay requests.gor --to http://127.0.0.1:8080 --middleware 'python3 tokens.py'
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --diff --ignore '$..updated_at' --max-wrong 0.1%
  gameday replay shop.gdtape --to http://127.0.0.1:8080 --diff-primary http://127.0.0.1:8081 --diff-secondary http://127.0.0.1:8082`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Traffic.Tape = args[0]
			o.Version, o.Panel = version(), g.panel.Store
			if progress != "none" {
				o.Out, o.Terminal = g.stderr, isTerminal(progress)
			}
			o.Serving = func(addr string) { fmt.Fprintf(g.stderr, "metrics at http://%s/metrics\n", addr) }
			o.Warn = func(err error) { fmt.Fprintln(g.stderr, "warning:", err) }
			o.Note = func(text string) { fmt.Fprintln(g.stderr, "note:", text) }
			o.Traffic.Timeout, o.Traffic.Start = gameday.Duration(timeout), gameday.Duration(start)
			o.Traffic.MaxWait = gameday.Duration(maxWait)
			o.Traffic.MaxLate, o.Traffic.RetryGap = gameday.Duration(maxLate), gameday.Duration(retryGap)
			if timeout <= 0 {
				return fmt.Errorf("--timeout: %s is no time to wait for an answer", timeout)
			}
			for i, text := range o.Traffic.Unsafe {
				allowed, err := gameday.ParseAllowance(text)
				if err != nil {
					return fmt.Errorf("--unsafe %w", err)
				}
				o.Traffic.Unsafe[i] = allowed.String()
			}
			if o.Traffic.Loop && o.For <= 0 {
				return fmt.Errorf("--loop never ends by itself: say how long with --for")
			}
			var err error
			if rateCap != "" {
				if o.Traffic.RateCap, err = gameday.ParseRate(rateCap); err != nil {
					return fmt.Errorf("--rate-cap: %w", err)
				}
			}
			if rateCap == "" && o.Traffic.CapBy != "" {
				return errors.New("--cap-by: there is no cap to keep: add --rate-cap 500/s")
			}
			if _, err = gameday.ParseShape(o.Traffic.Shape); err != nil {
				return fmt.Errorf("--shape: %w", err)
			}
			if o.Flows, err = parseFlows(flows); err != nil {
				return err
			}
			o.Traffic.Filter, o.Traffic.Rewrite = rules.Filters, rules.Rewrites
			if o.Traffic.Bind, err = parseBinds(binds); err != nil {
				return err
			}
			if o.MaxWrong, err = parsePercent(maxWrong); err != nil {
				return fmt.Errorf("--max-wrong %q: %w", maxWrong, err)
			}
			if maxWrong != "" && !o.Traffic.Diff.Wanted() {
				return errors.New("--max-wrong: nothing is compared: add --diff or --diff-primary")
			}
			done, err := wire.Replay(c.Context(), o)
			if err != nil {
				if done.Traffic.Fidelity.Due > 0 { // it broke off
					err = errors.Join(err, reports.Replay(g.stdout, done))
				}
				return failed(err)
			}
			if err := out.write(g.stdout, done); err != nil {
				return failed(err)
			}
			return endOfReplay(c.Context(), done)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Traffic.To, "to", "", "base URL of the system: http://, https:// or unix:///path")
	f.StringVar(&o.TLS.Cert, "cert", "", "PEM file of the client's certificate, for a server that asks for one")
	f.StringVar(&o.TLS.Key, "key", "", "PEM file of its private key")
	f.StringVar(&o.TLS.CA, "ca", "", "PEM file of who vouches for the server, instead of the system's authorities")
	f.BoolVar(&o.TLS.Insecure, "insecure", false, "trust any server: nobody knows then who answers")
	f.BoolVar(&o.HTTP2, "http2", false, "send everything over HTTP/2, without TLS too")
	f.BoolVar(&o.OwnHost, "original-host", false, "send the recorded Host header, not that of --to: never where a proxy finds production by it")
	f.IntVar(&o.Shards, "shards", 0, "threads that send; 0 is one for every 15,000 requests in the busiest second (of a long tape: of 20,000 requests here and there), on half of the cores at most")
	o.Traffic.Speed, o.Traffic.Amplify = 1, 1
	f.Var((*factor)(&o.Traffic.Speed), "speed", "2 plays twice as fast")
	f.Var((*factor)(&o.Traffic.Amplify), "amplify", "copies of each session, each with an identity of its own; fractions thin out")
	f.StringVar(&o.Traffic.Shape, "shape", "recorded", "rate of requests: recorded, steady:50/s, ramp:10/s..200/s:60s, step:10/s,50/s:20s or sine:20/s..80/s:60s")
	choose(f, &o.Traffic.Pace, "pace", "requests are due as recorded (tape), or so long after the answer before as recorded (think)", "tape", "think")
	f.StringVar(&rateCap, "rate-cap", "", "rate that is not exceeded: 500/s")
	f.Var(choice{&o.Traffic.CapBy, []string{"slow", "thin"}}, "cap-by", "how the cap is kept: slow stretches the schedule, thin leaves out whole sessions (default slow)")
	f.DurationVar(&maxWait, "max-wait", 0, "longest pause between two requests, after --speed: a longer one is shortened to it: 1s (default as recorded)")
	f.BoolVar(&o.Traffic.Loop, "loop", false, "start again at the end of the tape")
	f.DurationVar(&o.For, "for", 0, "length; the whole tape when 0")
	f.DurationVar(&start, "start", 0, "offset into the tape")
	f.DurationVar(&timeout, "timeout", 5*time.Second, "limit per request, from its due time")
	choose(f, &o.Traffic.Connections, "connections", "pool: sessions share connections; recorded: requests of a session that shared one when recorded share one again, kept apart from the pool", "pool", "recorded")
	choose(f, &o.Traffic.Busy, "busy", "what a request does when its session is still waiting", "wait", "spill", "drop")
	f.StringSliceVar(&o.Traffic.Unsafe, "unsafe", nil, "method with effects that may be sent, or some of its paths: POST, 'POST /search/**'")
	f.IntVar(&o.Traffic.Retries, "habit-retries", 0, "how often users press again after a failure")
	f.DurationVar(&retryGap, "habit-gap", 2*time.Second, "time between two presses")
	f.DurationVar(&maxLate, "max-lateness", 100*time.Millisecond, "p99 of send lateness beyond which the replay is inconclusive")
	f.Float64Var(&o.Traffic.MaxLimited, "max-limited", gameday.DefaultMaxLimited, "share of seconds limited by the generator beyond which the replay is inconclusive")
	f.StringArrayVar(&flows, "flow", nil, "a flow to report on: 'order=POST /orders' (repeatable); without any, the routes of the recording")
	f.StringArrayVar(&binds, "bind", nil, "a value of answers that later requests of the session need: 'POST /orders $.order_id -> /orders/{}' (repeatable)")
	f.StringArrayVar(&o.Traffic.NotProduction, "i-know-this-is-not-production", nil, "HOST that is not refused, whatever it looks like; exactly this one (repeatable)")
	f.StringVar(&o.Traffic.Canary, "canary", "", "path that the target must answer with 2xx and a text, before anything is sent: '/env staging'")
	f.StringVar(&o.MarkKey, "mark-key", "", "file with the key that signs marks, made if there is none; $"+wire.MarkKeyVariable+" otherwise, and without both a key that no receiver knows")
	f.BoolVar(&o.Traffic.ShiftTime, "shift-time", false, "move recorded times to the present: dates, Unix times, and the claims of tokens")
	f.StringVar(&o.JWTKey, "jwt-key", "", "file with the key that signs moved tokens: the PEM of an RSA or P-256 key, or a secret; $"+wire.TokenKeyVariable+" otherwise, and without both they stay as they are")
	f.BoolVar(&o.Traffic.Diff.Recording, "diff", false, "compare the answers with the recorded ones")
	f.StringVar(&o.Traffic.Diff.Primary, "diff-primary", "", "compare them with those of the system at this URL, which gets the same requests")
	f.StringVar(&o.Traffic.Diff.Secondary, "diff-secondary", "", "URL of a second instance of the primary: where the two differ is noise")
	f.StringArrayVar(&o.Traffic.Diff.Ignore, "ignore", nil, "field that may differ: '$.path', '$..name', 'header:name', status or body (repeatable)")
	f.StringArrayVar(&o.Traffic.Diff.Fallback, "fallback", nil, "field by which an answer says that it is a fallback: 'header:X-Source=backup', '$.stale=true' (repeatable)")
	f.StringVar(&maxWrong, "max-wrong", "", "share of compared answers that may be wrong or errors, such as 0.1%; more is exit code 1")
	f.Var((*ports)(&o.Ports), "port", "port of a server, in packets; all that speak HTTP when not given (repeatable)")
	addMiddlewareFlag(c, g, &o.Middleware)
	addRuleFlags(f, &rules)
	addImportFlags(f, &o.Import)
	f.Uint64Var(&o.Seed, "seed", 424242, "fixes every random choice")
	f.StringVar(&o.Results, "results", "", "write one record per request that vegeta reads: .gob, .json or .csv")
	f.StringVar(&o.Metrics, "metrics", "", "serve metrics for a Prometheus at this address while the replay lasts: 127.0.0.1:9464")
	f.BoolVar(&o.Remote, "allow-remote", false, "let --metrics be an address that other machines reach")
	choose(f, &progress, "progress", "how it is told of while it lasts", "auto", "panel", "plain", "none")
	f.StringVar(&out.report, "report", "", "write the HTML report here")
	f.StringVar(&out.hdr, "hdr", "", "write every second of every flow as a log that the tools of HdrHistogram read")
	f.BoolVar(&out.json, "json", false, "print everything that is known of the replay as JSON")
	addIdentities(c, &o.Keys)
	_ = c.MarkFlagRequired("to")
	return c
}

// parsePercent reads "0.1%"; nothing is no bound.
func parsePercent(text string) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	number, isPercent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if isPercent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) {
		return nil, errors.New("want a share such as 0.1% or 0.001")
	}
	return &share, nil
}

// parseFlows reads "name=METHOD /path".
func parseFlows(texts []string) ([]gameday.Flow, error) {
	var flows []gameday.Flow
	for _, text := range texts {
		name, match, ok := strings.Cut(text, "=")
		method, path, ok2 := strings.Cut(match, " ")
		if !ok || !ok2 || name == "" || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("--flow %q: want 'name=METHOD /path', such as 'order=POST /orders'", text)
		}
		if method == "*" {
			method = ""
		}
		flows = append(flows, gameday.Flow{Name: name, Method: method, Path: path, Criticality: gameday.Core})
	}
	return flows, nil
}

// parseBinds reads "POST /orders $.order_id -> /orders/{}".
func parseBinds(texts []string) ([]gameday.Bind, error) {
	var binds []gameday.Bind
	for _, text := range texts {
		b, err := gameday.ParseBind(text)
		if err != nil {
			return nil, fmt.Errorf("--bind %q: %w", text, err)
		}
		binds = append(binds, b)
	}
	return binds, nil
}
