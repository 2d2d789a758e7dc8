package main

// goreplays says how that is called here which goreplay does by a flag that there is not; "" for other flags. What filters and
// rewrites is called the same. The whole table is in docs/from-goreplay.md.
func goreplays(flag string) string {
	const (
		play   = "`gameday replay FILE --to URL`"
		record = "`gameday capture --interface NAME --port N --out TAPE`"
	)
	return map[string]string{
		"input-file":                 play,
		"output-http":                play,
		"input-file-loop":            "`gameday replay FILE --to URL --loop --for 10m`",
		"output-http-timeout":        "`gameday replay FILE --to URL --timeout 5s`",
		"output-http-track-response": play + ", which always reads answers to their end",
		"input-raw":                  record,
		"output-file":                record,
		"input-raw-track-response":   record + ", which always records answers",
		"input-raw-engine":           record + " with --engine, or --pcap FILE",
		"input-raw-buffer-size":      record + " with --buffer",
		"input-raw-vxlan-port":       record + " with --vxlan=PORT",
		"prettify-http":              "`gameday tape convert FILE --out FILE --prettify`",
	}[flag]
}
