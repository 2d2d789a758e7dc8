//go:build linux

package main

import (
	"fmt"
	"time"
)

// goal is one line of what gameday is meant to reach.
type goal struct {
	id    string // by which a finding names it
	what  string
	limit float64
	least bool // the limit is a lower one
	unit  func(float64) string
	to    string  // what a ratio is to
	aim   float64 // further than the limit; none when 0

	elsewhere string // how it is measured instead, where these measurements do not
	long      bool   // it is measured only by those who have the time: see bench.long
}

// goals lists all of them, in the order of the page.
func goals() []goal {
	return []goal{
		{id: "limit/wrk", what: "client CPU per replayed request at the limit, 64 connections", limit: 1.1, unit: times, to: "wrk", aim: 0.7},
		{id: "limit/vegeta", what: "the same", limit: 0.27, unit: times, to: "vegeta"},
		{id: "limit/k6", what: "the same", limit: 0.12, unit: times, to: "k6"},
		{id: "open/raw", what: "client CPU per request on an exact schedule of 5,000 to 10,000/s (the target goes to 15,000/s), with everything on", limit: 1.2, unit: times, to: "the raw epoll client"},
		{id: "open/vegeta", what: "the same", limit: 0.45, unit: times, to: "vegeta"},
		{id: "open/gor", what: "the same", limit: 0.15, unit: times, to: "gor"},
		{id: "late/p50", what: "arrival error p50, 5,000 to 10,000/s (the target begins at 2,000/s)", limit: 15, unit: microseconds},
		{id: "late/p99", what: "arrival error p99, 5,000 to 10,000/s (the same)", limit: 100, unit: microseconds, aim: 30},
		{id: "late/lost", what: "requests lost, doubled, or out of order in their session", limit: 0, unit: plain},
		{id: "late/beside", what: "arrival error p99 beside processes that burn both cores", limit: 1000, unit: microseconds, aim: 250},
		{id: "highest", what: "highest rate held with an arrival error p99 of 1 ms, server included, 2 cores", limit: 40_000, least: true, unit: perSecond, aim: 80_000},
		{id: "drift", what: "drift over 10 s, at speeds 0.1 to 10", limit: 10, unit: microseconds, aim: 1},
		{id: "drift/long", what: "drift over 10 min, at speeds 0.1 to 10", limit: 1000, unit: microseconds, long: true},
		{id: "stall", what: "error of the reported p99 when the server stands still for 2 s, with a bounded pool", limit: 2, unit: percent},
		{id: "memory", what: "peak memory replaying a tape of 1,000,000 requests", limit: 100, unit: megabytes, aim: 20},
		{id: "tape/size", what: "size of a tape", limit: 1, unit: times, to: "gor's gzip"},
		{id: "tape/decode", what: "decoding a tape, per second of CPU", limit: 300, least: true, unit: megabytes},
		{id: "tape/record", what: "reading a record of a tape", limit: 0.5, unit: microseconds, aim: 0.2},
		{id: "capture/proxy", what: "capture by proxy, highest rate with 100 % exactly once, bodies of 200 KB included", limit: 20_000, least: true, unit: perSecond},
		{id: "capture/whole", what: "requests that passive capture missed or doubled at 5,000/s (the target goes to 20,000/s, with bodies of 200 KB)", limit: 0, unit: plain},
		{id: "capture/cost", what: "CPU of passive capture per request", limit: 0.4, unit: times, to: "gor's libpcap"},
		{id: "capture/tcpdump", what: "the same", limit: 1.5, unit: times, to: "tcpdump (what is aimed at)"},
		{id: "link/haproxy", what: "link proxy without a toxic, CPU per request", limit: 1.1, unit: times, to: "haproxy in TCP mode", aim: 1},
		{id: "link/toxiproxy", what: "the same", limit: 0.8, unit: times, to: "Toxiproxy without a toxic"},
		{id: "link/tail", what: "link proxy without a toxic, p99.9 at the limit", limit: 1.5, unit: times, to: "haproxy in TCP mode"},
		{id: "link/toxic", what: "link proxy with a toxic, CPU per request", limit: 0.7, unit: times, to: "Toxiproxy with the same toxic"},
		{id: "report/time", what: "making the report of 5,000,000 results", limit: 2, unit: seconds, aim: 0.5},
		{id: "report/memory", what: "peak memory of that", limit: 100, unit: megabytes},
		{id: "report/file", what: "size of that report", limit: 2, unit: megabytes},
		{id: "fault", what: "link faults within 100 ms of their planned time", elsewhere: "every run writes it down: the onset in its journal and its report"},
		{id: "topology", what: "480 instances up and healthy", limit: 30, unit: seconds, aim: 15, long: true},
	}
}

// finding is what a run says of a goal.
type finding struct {
	goal  string // its id
	value float64
	shown string // instead of the value, where there is more to show, such as a spread
	why   string // a sentence, used where the goal is missed: only what the run has shown
}

// must says what was set out to reach.
func (g goal) must() string {
	if g.unit == nil {
		return "-"
	}
	sign, text := "at most", g.unit(g.limit)
	if g.least {
		sign = "at least"
	}
	if g.limit == 0 {
		sign, text = "none", ""
	}
	if g.to != "" {
		text += " × " + g.to
	}
	if text != "" {
		sign += " " + text
	}
	if g.aim != 0 {
		sign += "; aim " + g.unit(g.aim)
	}
	return sign
}

// verdict says what was reached, by how much the goal was missed where it was, and why.
func (g goal) verdict(f finding) (result, why string) {
	value := f.shown
	if value == "" {
		value = g.unit(f.value)
	}
	over, beyond := f.value/g.limit, f.value/g.limit-1 // of a limit of 0 they are infinite, or not numbers
	if g.least {
		over, beyond = g.limit/f.value, 1-f.value/g.limit
	}
	switch {
	case over <= 1 || f.value == 0 && !g.least:
		return "met: " + value, ""
	case g.limit == 0 || f.value == 0:
		value = "missed: " + value
	case over >= 3:
		value = fmt.Sprintf("missed, by a factor of %.1f: %s", over, value)
	case over < 1.1:
		value = fmt.Sprintf("missed by %.1f %%: %s", 100*beyond, value)
	default:
		value = fmt.Sprintf("missed by %.0f %%: %s", 100*beyond, value)
	}
	if f.why == "" {
		return value, "not known"
	}
	return value, f.why
}

func times(ratio float64) string     { return fmt.Sprintf("%.2f", ratio) }
func plain(n float64) string         { return fmt.Sprintf("%.0f", n) }
func percent(share float64) string   { return fmt.Sprintf("%.1f %%", share) }
func perSecond(rate float64) string  { return grouped(int64(rate)) + "/s" }
func seconds(s float64) string       { return fmt.Sprintf("%.2f s", s) }
func microseconds(us float64) string { return short(time.Duration(us * 1e3)).String() }

// megabytes has two digits at least.
func megabytes(mb float64) string {
	if mb < 10 {
		return fmt.Sprintf("%.1f MB", mb)
	}
	return grouped(int64(mb+.5)) + " MB"
}

func inMicros(d time.Duration) float64 { return float64(d) / 1e3 }
func inMegabytes(bytes int64) float64  { return float64(bytes) / 1e6 }

// grouped writes a number with commas between thousands.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// short rounds to three digits.
func short(d time.Duration) time.Duration {
	for unit := time.Duration(1); ; unit *= 10 {
		if d.Abs() < 1000*unit {
			return d.Round(unit)
		}
	}
}
