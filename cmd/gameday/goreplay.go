package main

import "strings"

// goreplays says what here does what goreplay 1.3.2 does by a flag that there is not, or that nothing has to or does; "" for a
// flag that is none of goreplay's. What filters and rewrites is called the same. The whole table is in docs/from-goreplay.md.
func goreplays(flag string) string {
	const (
		does   = "what goreplay does by it is "
		always = "nothing has to be asked for: "
		none   = "it is goreplay's, and nothing here does the same"
		play   = does + "`gameday replay FILE --to URL`"
		record = does + "`gameday capture --interface NAME --port N --out TAPE`"
		pipe   = does + "`gameday capture --pcap - --out TAPE`, behind a tcpdump"
		pool   = always + "a replay opens the connections that it needs, 1,024 at most"
		queue  = always + "queues are bounded, and what finds no room is counted"
	)
	switch {
	case strings.HasPrefix(flag, "input-kafka-"), strings.HasPrefix(flag, "output-kafka-"), strings.HasPrefix(flag, "kafka-tls-"),
		strings.HasPrefix(flag, "output-binary"):
		return none
	case strings.HasPrefix(flag, "input-tcp"), strings.HasPrefix(flag, "output-tcp"):
		return pipe + " on the other machine: see docs/capture.md"
	}
	return map[string]string{
		"input-file":                  play,
		"input-file-loop":             play + " with --loop --for 10m",
		"input-file-max-wait":         play + " with --max-wait 1s",
		"input-file-dry-run":          does + "`gameday tape info TAPE`",
		"input-file-read-depth":       always + "recordings are read in the order of time",
		"output-http":                 play,
		"output-http-timeout":         play + " with --timeout 5s",
		"output-http-track-response":  play + ", which always reads answers to their end",
		"output-http-skip-verify":     play + " with --insecure, or better --ca",
		"output-http-redirects":       always + "a redirect is an answer, and what the recorded client asked for next is on the recording",
		"output-http-stats":           play + " with --progress plain, or --metrics",
		"output-http-stats-ms":        play + " with --progress plain, or --metrics",
		"output-http-workers":         pool,
		"output-http-workers-min":     pool,
		"output-http-worker-timeout":  pool,
		"output-http-queue-len":       queue,
		"recognize-tcp-sessions":      play + " with --connections recorded",
		"split-output":                does + "`gameday tape cut` or --header-limiter, and a replay of each part",
		"exit-after":                  play + " with --for 5m; a capture ends at Ctrl-C: `timeout 5m gameday capture`",
		"stats":                       play + " with --metrics; a capture tells its counts every ten seconds",
		"input-raw":                   record,
		"input-raw-track-response":    record + ", which always records answers",
		"input-raw-engine":            record + " with --engine, or --pcap FILE",
		"input-raw-buffer-size":       record + " with --buffer",
		"input-raw-buffer-timeout":    always + "packets are handed over after 40 ms at the latest",
		"input-raw-bpf-filter":        pipe,
		"input-raw-promisc":           pipe,
		"input-raw-monitor":           pipe,
		"input-raw-timestamp-type":    pipe,
		"input-raw-override-snaplen":  always + "packets are taken whole",
		"input-raw-expire":            always + "a message that does not go on is counted as lost, with its cause",
		"input-raw-allow-incomplete":  none + ": a request that is not whole is counted as lost, with its cause",
		"input-raw-stats":             does + "`gameday tape info TAPE`, which shows the ledger of the recording",
		"output-file":                 record,
		"output-file-size-limit":      record + " with --rotate 256MB",
		"output-file-max-size-limit":  record + " with --max-disk 10GB",
		"output-file-append":          does + "`gameday tape merge TAPE TAPE --same-sessions --out TAPE`: no recording is ever written over",
		"output-file-flush-interval":  always + "what is recorded is on its way to the disk within 100 ms",
		"output-file-queue-limit":     queue,
		"output-file-buffer":          none,
		"copy-buffer-size":            always + "a body is recorded up to 8 MiB, and one that is longer is counted as cut",
		"prettify-http":               does + "`gameday tape convert FILE --out FILE --prettify`",
		"output-stdout":               does + "`gameday tape cat TAPE`",
		"output-null":                 does + "`gameday tape info TAPE --verify`",
		"input-raw-realip-header":     none,
		"input-raw-protocol":          none + ": all that is recorded is HTTP",
		"input-dummy":                 none,
		"output-http-elasticsearch":   none + ": --results, --json and --metrics tell what became of requests",
		"output-http-response-buffer": always + "answers are read to their end, and not kept",
		"verbose":                     always + "what is lost or fails is counted, with its cause",
		"http-pprof":                  none,
		"cpuprofile":                  none,
		"memprofile":                  none,
	}[flag]
}
