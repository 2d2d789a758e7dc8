package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday"
)

// render writes the page from the runs there are: what was proven, and what was not.
func render(l *runLog) string {
	var b strings.Builder
	b.WriteString(`# Track record

A scenario is worth its name when it passes on a healthy system and fails when the bug it was made for is planted.
This page says what was run, what was caught, and what was not. It is written by
` + "`make track-record`" + `, which takes hours; each run starts the whole supermarket. Every run is a line of
[track-record.jsonl](track-record.jsonl), with all that did not hold.

## Scenarios on the healthy supermarket

A run on a machine whose processors were saturated, or in which nothing was wrong but that the load came late, proves
nothing. It is not counted as a run, whatever came of it: it is in a column of its own, with how many of these failed.

| scenario | runs | PASS | other results | longest | machine busy |
| --- | ---: | ---: | --- | ---: | ---: |
`)
	for _, s := range scenarioNames() {
		count, busy := l.split(s, "")
		healthyRow(&b, s, count, busy)
	}
	b.WriteString(`
## Scenarios with a bug planted

Killed means that the designated assertion failed in every run. "By another" means that the run failed, but by other
assertions: the bug is caught, less well located. "Unproven" means that nothing failed and a run was INCONCLUSIVE, by the
bug or by a busy machine: never a PASS, and no kill either. Only runs on the scenario as it is now count.

| mutant | bug | scenario | designated | runs | verdict | failed by |
| --- | --- | --- | --- | ---: | --- | --- |
`)
	count := map[string]int{}
	for _, d := range designations {
		runs := l.of(d.scenario, d.mutant)
		verdict := judge(d, runs)
		count[verdict]++
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %s | %s |\n", d.mutant, d.bug, d.scenario, d.assertion, len(runs), verdict, strings.Join(killers(runs), ", "))
	}
	fmt.Fprintf(&b, "\n%d mutants: %d killed, %d killed by another, %d in some runs only, %d unproven, %d survived, %d not run.\n",
		len(designations), count["killed"], count["by another"], count["sometimes"], count["unproven"], count["survived"], count["not run"])
	return b.String()
}

func healthyRow(b *strings.Builder, scenario string, runs, busy []oneRun) {
	pass, longest := 0, 0.0
	var others []string
	for _, r := range runs {
		longest = max(longest, r.Seconds)
		if r.Result == gameday.ResultPass {
			pass++
			continue
		}
		others = append(others, fmt.Sprintf("%s (%s)", r.Result, strings.Join(append(r.names(gameday.Fail), r.names(gameday.Unknown)...), ", ")))
	}
	unproven, failed := strconv.Itoa(len(busy)), 0
	for _, r := range busy {
		if r.Result == gameday.ResultFail {
			failed++
		}
	}
	if failed > 0 {
		unproven += fmt.Sprintf(" (%d FAIL)", failed)
	}
	fmt.Fprintf(b, "| %s | %d | %d | %s | %.0f s | %s |\n", scenario, len(runs), pass, strings.Join(others, "; "), longest, unproven)
}

func judge(d designation, runs []oneRun) string {
	if len(runs) == 0 {
		return "not run"
	}
	killed, failed, unproven := 0, 0, 0
	for _, r := range runs {
		switch {
		case r.failedBy(d.assertion):
			killed++
		case len(r.names(gameday.Fail)) > 0:
			failed++
		case r.Result != gameday.ResultPass:
			unproven++
		}
	}
	switch {
	case killed == len(runs):
		return "killed"
	case killed > 0:
		return "sometimes"
	case failed == len(runs):
		return "by another"
	case unproven > 0:
		return "unproven"
	}
	return "survived"
}

// killers lists everything that failed in every run.
func killers(runs []oneRun) []string {
	var all []string
	for i, r := range runs {
		names := r.names(gameday.Fail)
		if i == 0 {
			all = names
			continue
		}
		all = slices.DeleteFunc(all, func(n string) bool { return !slices.Contains(names, n) })
	}
	return all[:min(len(all), 5)]
}
