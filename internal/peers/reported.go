//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/store"
	"github.com/gameday-dev/gameday/internal/hist"
)

// reportRate is the rate of the run that is reported on, and reportRun its name.
const (
	reportRate = 10_000
	reportRun  = "many"
)

// rendered is one making of a report.
type rendered struct {
	took  time.Duration
	peak  int64 // bytes of memory
	bytes int64 // of the report
}

// rendering is the measurement of what it takes to make one of many results.
type rendering struct {
	contest[rendered]
	results int
}

// reported measures the making of reports.
func (b *bench) reported(ctx context.Context) (section, error) {
	b.progress("write %s results", grouped(int64(b.results)))
	runs := b.path("runs")
	if err := writeRun(runs, b.results); err != nil {
		return section{}, err
	}
	names, files := []string{"gameday report"}, []string(nil)
	if b.find("vegeta") != "" {
		var err error
		if files, err = b.writeResults(); err != nil {
			return section{}, err
		}
		names = append(names, "vegeta report", "vegeta plot")
	}
	defer func() {
		for _, file := range files {
			_ = os.Remove(file)
		}
	}()
	m := rendering{results: b.results}
	var err error
	m.contest, err = compete(ctx, b, names, func(name string, round int) (r rendered, there bool, err error) {
		if name != "gameday report" && round > 0 { // it takes long
			return r, false, nil
		}
		html := filepath.Join(b.dir, "report.html")
		args := []string{b.gameday, "report", reportRun, "--store", runs, "--out", html}
		switch name {
		case "vegeta report":
			args = append([]string{b.find("vegeta"), "report"}, files...)
		case "vegeta plot":
			args = append([]string{b.find("vegeta"), "plot"}, files...)
		}
		var out counter
		u, err := b.client(ctx, &out, args...)
		if err != nil {
			return r, false, err
		}
		r = rendered{u.wall, u.rss, out.bytes}
		if name == "gameday report" {
			info, err := os.Stat(html)
			if err != nil {
				return r, false, err
			}
			r.bytes = info.Size()
		}
		return r, true, nil
	})
	return m.section(), err
}

// counter counts bytes.
type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

func (r rendered) seconds() float64 { return r.took.Seconds() }
func (r rendered) memory() float64  { return inMegabytes(r.peak) }
func (r rendered) size() float64    { return inMegabytes(r.bytes) }

func (m rendering) section() section {
	s := section{
		title: fmt.Sprintf("Making the report of %s results", grouped(int64(m.results))),
		text: fmt.Sprintf("A run of %s at %s. gameday reads the histograms of every second and flow that it wrote while the run went on, and makes its page with all charts; vegeta reads every result. "+
			"So the work is not the same: what is compared is the wait for a report.", time.Duration(m.results/reportRate)*time.Second, perSecond(reportRate)),
		head: []string{"program", "time", "peak memory", "size of the report", "other load, cores"},
	}
	for _, name := range m.names() {
		took, memory, size := m.spread(name, rendered.seconds), m.spread(name, rendered.memory), m.spread(name, rendered.size)
		s.row(name, seconds(took.median), megabytes(memory.median), fmt.Sprintf("%.2f MB", size.median), m.beside(name))
		if name == "gameday report" && m.results >= 5_000_000 {
			s.find("report/time", took.median, "")
			s.find("report/memory", memory.median, "")
			s.find("report/file", size.median, "")
		}
	}
	return s
}

// latencyOf draws what a request took: around 20 ms, with a long tail.
func latencyOf(dice *rand.Rand) time.Duration {
	return time.Duration(20e6 * math.Exp(0.6*dice.NormFloat64()))
}

// writeResults writes the results as vegeta does, every other one into each of two files, which it reads together.
func (b *bench) writeResults() ([]string, error) {
	files := []string{b.path("results.0"), b.path("results.1")}
	begun := time.Now()
	errs := make([]error, len(files))
	var writing sync.WaitGroup
	for k, path := range files {
		writing.Go(func() {
			errs[k] = create(path, func(w io.Writer) error {
				out := bufio.NewWriterSize(w, 1<<20)
				encode, dice := vegeta.NewEncoder(out), rand.New(rand.NewPCG(424242, uint64(k)))
				for i := k; i < b.results; i += len(files) {
					err := encode(&vegeta.Result{
						Attack: "peers", Seq: uint64(i), Timestamp: begun.Add(time.Duration(i) * time.Second / reportRate), Latency: latencyOf(dice),
						Code: 200, BytesIn: 3, Method: "GET", URL: "http://127.0.0.1" + target(i),
					})
					if err != nil {
						return err
					}
				}
				return out.Flush()
			})
		})
	}
	writing.Wait()
	return files, errors.Join(errs...)
}

// writeRun writes a run of so many results, of four flows, into a store.
func writeRun(root string, results int) (err error) {
	s, err := store.Open(root)
	if err != nil {
		return err
	}
	length := results / reportRate
	plan := gameday.Plan{Version: gameday.PlanVersion, Name: "many", Title: "Many results", Seed: 424242}
	plan.Phases.Baseline = gameday.Duration(time.Duration(length) * time.Second)
	for _, name := range []string{"browse", "search", "cart", "order"} {
		plan.Flows = append(plan.Flows, gameday.Flow{Name: name, Method: "GET", Path: "/" + name, Criticality: gameday.Core})
	}
	run, err := s.Create(gameday.Meta{Run: reportRun, Version: "peers", Command: "peers"}, plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	dice := rand.New(rand.NewPCG(424242, 1))
	sent := int64(reportRate / len(plan.Flows))
	for second := range length {
		for _, flow := range plan.Flows {
			slice, err := sliceOf(dice, second, flow.Name, sent)
			if err != nil {
				return err
			}
			if err := run.AppendSlice(slice); err != nil {
				return err
			}
		}
	}
	all := int64(length) * reportRate
	return errors.Join(
		run.SaveTraffic(gameday.Traffic{Fidelity: gameday.Fidelity{Due: all, Sent: all, Seconds: length}}),
		run.SaveVerdict(gameday.Verdict{Result: gameday.ResultPass, Sentence: "nothing broke"}))
}

func sliceOf(dice *rand.Rand, second int, flow string, sent int64) (gameday.Slice, error) {
	latency, late := hist.New(), hist.New()
	for range sent {
		latency.Record(latencyOf(dice))
		late.Record(time.Duration(20e3 * math.Exp(0.6*dice.NormFloat64())))
	}
	felt, err := latency.Encode()
	if err != nil {
		return gameday.Slice{}, err
	}
	lateness, err := late.Encode()
	return gameday.Slice{
		Second: second, Flow: flow, Due: sent, Sent: sent, Classes: map[gameday.Class]int64{gameday.ClassOK: sent}, Codes: map[int]int64{200: sent},
		Timings: gameday.Timings{Latency: felt, Service: felt, Lateness: lateness, Wait: lateness},
	}, err
}
