// Command trackrecord proves the scenario library: each scenario must pass on the healthy supermarket, and fail by
// the designated assertion when its bug is planted. It appends every run to a file, so that a long series can be
// split, and writes docs/track-record.md from all of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

const (
	library  = "scenarios/library"
	topology = "fixtures/supermarket/topology.yaml"
	mutants  = "fixtures/supermarket/bin/supermarket-mutants"
	page     = "docs/track-record.md"
)

func main() {
	runs := flag.Int("runs", 3, "runs of each mutant")
	baseline := flag.Int("baseline", 10, "runs of each scenario without a mutant")
	only := flag.String("only", "", "comma-separated mutants or scenarios; all when empty")
	results := flag.String("results", "docs/track-record.jsonl", "file that runs are appended to; it is the evidence of the page")
	store := flag.String("store", "out/track-record", "directory of runs")
	write := flag.Bool("write", false, "only write the page from the runs there are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := prove(ctx, *runs, *baseline, *only, *results, *store, *write); err != nil {
		fmt.Fprintln(os.Stderr, "trackrecord:", err)
		os.Exit(1)
	}
}

func prove(ctx context.Context, runs, baseline int, only, results, store string, write bool) error {
	log, err := openLog(results)
	if err != nil {
		return err
	}
	p := prover{ctx: ctx, log: log, store: store}
	if !write {
		if p.topology, err = mutantTopology(store); err != nil {
			return err
		}
		for _, s := range scenarioNames() {
			for wanted(only, s) && len(log.of(s, "")) < baseline {
				if err := p.run(s, ""); err != nil {
					return err
				}
			}
		}
		for _, d := range designations {
			for wanted(only, d.mutant) && len(log.of(d.scenario, d.mutant)) < runs {
				if err := p.run(d.scenario, d.mutant); err != nil {
					return err
				}
			}
		}
	}
	return os.WriteFile(page, []byte(render(log)), 0o644)
}

func wanted(only, name string) bool {
	return only == "" || slices.Contains(strings.Split(only, ","), name)
}

// scenarioNames lists the scenarios that some mutant is designated to.
func scenarioNames() []string {
	var names []string
	for _, d := range designations {
		if !slices.Contains(names, d.scenario) {
			names = append(names, d.scenario)
		}
	}
	return append([]string{"steady"}, slices.DeleteFunc(names, func(n string) bool { return n == "steady" })...)
}

type prover struct {
	ctx      context.Context
	log      *runLog
	store    string
	topology string
}

// run carries a scenario out with a mutant planted, or with none, and notes how it ended.
func (p prover) run(scenario, mutant string) error {
	if err := os.Setenv("SUPERMARKET_MUTANT", mutant); err != nil {
		return err
	}
	progress, err := os.Create(filepath.Join(p.store, "progress.log"))
	if err != nil {
		return err
	}
	begun := time.Now()
	done, err := wire.Run(p.ctx, wire.RunOptions{
		CompileOptions: wire.CompileOptions{File: scenarioFile(scenario), Seed: 424242, Topology: p.topology},
		Store:          p.store, Out: progress, Command: "gameday run " + scenario,
	})
	if closeErr := progress.Close(); err == nil {
		err = closeErr
	}
	if p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	if done.Result == "" && err != nil {
		if mutant == "" {
			return fmt.Errorf("%s: %w", scenario, err)
		}
		done.Result = gameday.ResultError // the bug kept the topology from starting
	}
	r := oneRun{Scenario: scenario, SHA256: p.log.present[scenario], Mutant: mutant, Result: done.Result, Seconds: time.Since(begun).Seconds()}
	for _, f := range done.Record.Verdict.Findings {
		if f.Outcome == gameday.Pass || f.Severity == gameday.SeverityWarn {
			continue
		}
		r.Missed = append(r.Missed, miss{Name: f.Name, Kind: f.Kind, Outcome: f.Outcome, Observed: f.Observed, Why: f.Why})
	}
	fmt.Printf("%-20s %-5s %-12s %3.0fs  %s\n", scenario, mutant, r.Result, r.Seconds, strings.Join(r.names(gameday.Fail), ", "))
	return p.log.append(r)
}

// mutantTopology writes a copy of the topology that starts the binary with mutation points.
func mutantTopology(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text, err := os.ReadFile(topology)
	if err != nil {
		return "", err
	}
	binary, err := filepath.Abs(mutants)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("%w: run make track-record, which builds it", err)
	}
	path := filepath.Join(dir, "topology.yaml")
	replaced := strings.Replace(string(text), "binary: bin/supermarket\n", "binary: "+binary+"\n", 1)
	if replaced == string(text) {
		return "", fmt.Errorf("%s names no binary to replace", topology)
	}
	return path, os.WriteFile(path, []byte(replaced), 0o644)
}
