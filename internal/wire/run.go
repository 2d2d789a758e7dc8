package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/harness/judge"
	"github.com/gameday-dev/gameday/harness/metrics"
	"github.com/gameday-dev/gameday/harness/store"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/reports"
)

// RunOptions say what a game day is.
type RunOptions struct {
	CompileOptions
	Store    string    // directory of runs
	Report   string    // copy of the HTML report, if wanted
	JUnit    string    // JUnit XML, if wanted
	Out      io.Writer // progress
	Terminal bool      // draw a panel on it
	Command  string    // repeats the run
	Version  string    // of gameday

	// Panel is told when a panel is drawn, which tells of a signal by itself, and when it is no more. It may be nil.
	Panel func(drawn bool)

	// Settle is asked once, right before the verdict of a run that came to its end is written, with the exit code that
	// goes with it. From then on no signal changes either. False says that a signal was first, and ctx ends: then there
	// is no verdict. Nil goes by ctx alone.
	Settle func(exit int) bool

	// Observe sees every event after it was journalled; see harness.Config. It may be nil.
	Observe   func(gameday.Event)
	HealLimit time.Duration // for one fault to be healed; see harness.Config

	// Host tells how busy the machine is; metrics.Host when nil.
	Host gameday.Collector
}

// Done is a run that ended and was judged.
type Done struct {
	Record   gameday.Record
	Dir      string // of the run
	Report   string // path of the HTML report
	Result   gameday.Result
	ExitCode int
}

// Print writes the summary for a terminal.
func (d Done) Print(w io.Writer) error {
	s, err := reports.Summarise(context.Background(), d.Record)
	if err != nil {
		return err
	}
	return reports.Text(w, s, d.Report)
}

// Run compiles a scenario, carries it out, judges and reports. When it returns, every fault is healed or named
// as leaked, and everything it started has stopped. An error beside a Result is one of the harness itself; an
// error without a Result means that no run took place.
func Run(ctx context.Context, o RunOptions) (Done, error) {
	plan, remote, err := compile(o.CompileOptions)
	if err != nil {
		return Done{}, Refused{err}
	}
	if err := reachRemote(ctx, remote); err != nil {
		return Done{}, err
	}
	runs, err := store.Open(o.Store)
	if err != nil {
		return Done{}, err
	}
	d := &day{options: o, plan: plan, remote: remote}
	d.run, err = runs.Create(d.meta(), plan)
	if err != nil {
		return Done{}, fmt.Errorf("begin run: %w", err)
	}
	done, err := d.hold(ctx)
	if refused := (Refused{}); done.Result == "" && errors.As(err, &refused) {
		return done, errors.Join(err, d.run.Discard())
	}
	return done, errors.Join(err, d.run.Close())
}

// day is one run under way.
type day struct {
	options RunOptions
	plan    gameday.Plan
	remote  string // URL of a Prometheus to ask, with what the plan hides; none when empty
	run     *store.Run
	samples *metrics.Store
	load    *cast
	faults  *metrics.Faults
	base    *metrics.Baseline
	display *reports.Progress
}

func (d *day) meta() gameday.Meta {
	host, _ := os.Hostname() // a host without a name is still a host
	return gameday.Meta{
		Version: d.options.Version, Command: d.options.Command, PID: os.Getpid(),
		Host: map[string]string{"host": host, "cores": fmt.Sprint(runtime.NumCPU()), "system": runtime.GOOS + "/" + runtime.GOARCH, "go": runtime.Version()},
	}
}

func (d *day) hold(ctx context.Context) (Done, error) {
	key, note, err := markKey("")
	if err != nil {
		return Done{}, Refused{err}
	}
	topology, key, err := d.topology(ctx, key)
	if err != nil {
		return Done{}, err
	}
	defer topology.Close()
	if key == nil {
		d.note(note)
	}
	if err := d.run.SaveMeta(func(m *gameday.Meta) { m.Endpoint = topology.Endpoint }); err != nil {
		return Done{}, err
	}
	tape, done, err := unpack(ctx, d.plan.Traffic.Tape, unpacking{dir: d.run.Path("."), note: d.note})
	if err != nil {
		return Done{}, err
	}
	defer done() //nolint:errcheck // the tape stays beside the run
	warnOfDamage(tape, d.warn)
	targets, err := entryURLs(d.plan)
	if err != nil {
		return Done{}, err
	}
	if d.load, err = newCast(ctx, d.plan, replay.Config{Run: d.run.Meta().Run, Key: key, Targets: targets, Open: openTape(tape)}, ""); err != nil {
		return Done{}, err
	}
	defer d.load.close()
	return d.perform(ctx, stage{
		platform: topology.Client, catalog: monkeys.Catalog(), pages: topologyPages(topology), steady: judge.Gate, ledger: ledgerReader(topology, d.plan),
	})
}

func (d *day) note(text string) { fmt.Fprintln(d.options.Out, "note:", text) }
func (d *day) warn(err error)   { fmt.Fprintln(d.options.Out, "warning:", err) }

// stage is where a plan is carried out.
type stage struct {
	platform gameday.Platform // the system under test, without the load on it
	catalog  gameday.Catalog
	pages    func(context.Context) ([]metrics.Target, error) // of metrics, beside those of the plan
	steady   func(context.Context, gameday.Run) (gameday.Outcome, string)
	ledger   func(context.Context, []gameday.Ack) (gameday.Ledger, error) // may be nil
}

// perform carries the plan out, with d.load, and judges and reports what came of it.
func (d *day) perform(ctx context.Context, s stage) (Done, error) {
	report, runErr := d.carryOut(ctx, s)
	if report.Result == "" {
		return Done{}, runErr
	}
	done, err := d.conclude(ctx, report)
	return done, errors.Join(runErr, err)
}

// topology attaches to the one that `gameday up` keeps on the store, or starts one for this run. Instances that it
// starts are told the key that signs marks, which is made where there is none; those of a kept topology cannot be.
func (d *day) topology(ctx context.Context, key []byte) (*Topology, []byte, error) {
	env := d.plan.Environment
	if t, err := Attach(ctx, d.options.Store); err != nil {
		return nil, nil, err
	} else if t != nil {
		if err := t.fits(ctx, env); err != nil {
			t.Close()
			return nil, nil, Refused{err}
		}
		fmt.Fprintf(d.options.Out, "attached to the topology of %s\n", t.Endpoint)
		return t, key, nil
	}
	if key == nil {
		var err error
		if key, err = newMarkKey(); err != nil {
			return nil, nil, err
		}
	}
	fmt.Fprintf(d.options.Out, "starting %s\n", env.Topology)
	begun := time.Now()
	o := UpOptions{
		Topology: env.Topology, Replicas: env.Replicas, Dir: d.run.Path("."), Endpoint: absolute(d.run.Path("up.json")), Seed: d.plan.Seed, Patience: env.ReadyWithin.Std(),
		Env: []string{MarkKeyVariable + "=" + string(key)},
	}
	if d.options.Terminal {
		o.Waiting = func(healthy, all int) {
			fmt.Fprintf(d.options.Out, "\r\x1b[2K%d of %d instances healthy after %.0fs; Ctrl-C stops them", healthy, all, time.Since(begun).Seconds())
		}
	}
	t, err := Up(ctx, o)
	if d.options.Terminal {
		fmt.Fprint(d.options.Out, "\r\x1b[2K")
	}
	if err != nil {
		return nil, nil, err
	}
	instances, err := t.Client.Instances(ctx)
	if err != nil {
		t.Close()
		return nil, nil, err
	}
	fmt.Fprintf(d.options.Out, "%d instances healthy after %.1fs\n", len(instances), time.Since(begun).Seconds())
	return t, key, nil
}

// carryOut offers the load, scrapes and walks through the plan.
func (d *day) carryOut(ctx context.Context, s stage) (harness.Report, error) {
	start := time.Now()
	d.samples = metrics.NewStore(start, metrics.Limits{})
	live, err := d.liveMetrics(start)
	if err != nil {
		return harness.Report{}, err
	}
	d.faults = &metrics.Faults{Steps: d.plan.Steps}
	d.base = &metrics.Baseline{Metrics: live}
	host := d.options.Host
	if host == nil {
		host = &metrics.Host{}
	}
	scraper := metrics.Scraper{
		Store: d.samples, Interval: d.plan.Metrics.Interval.Std(), Targets: scrapeTargets(s, d.plan),
		Collectors: []gameday.Collector{d.load, host, d.faults, d.base},
	}
	scraping, stopScraping := context.WithCancel(context.WithoutCancel(ctx))
	scraped := make(chan error, 1)
	go func() { scraped <- scraper.Run(scraping) }()

	d.display = reports.NewProgress(d.options.Out, d.plan, d.options.Terminal, start)
	d.drawn(d.options.Terminal)
	report, err := harness.Run(ctx, harness.Config{
		Meta: d.run.Meta(), Plan: d.plan, Platform: system{s.platform, d.load.first()}, Catalog: s.catalog,
		Journal: d.run, Start: start, Load: d.load, Slices: d.keep, Metrics: live,
		Steady: s.steady, Ledger: s.ledger, Observe: d.observe, HealLimit: d.options.HealLimit,
	})
	stopScraping()
	err = errors.Join(err, <-scraped)
	d.display.Done()
	d.drawn(false)
	return report, err
}

func (d *day) drawn(panel bool) {
	if d.options.Panel != nil {
		d.options.Panel(panel)
	}
}

// liveMetrics is what stop conditions and proofs ask: the embedded store, or a Prometheus of the user's.
func (d *day) liveMetrics(start time.Time) (gameday.Metrics, error) {
	if d.remote == "" {
		return d.samples, nil
	}
	return remoteAt(d.remote, start, d.samples)
}

func (d *day) keep(s gameday.Slice) error {
	d.display.Slice(s)
	return d.run.AppendSlice(s)
}

func (d *day) observe(e gameday.Event) {
	d.faults.Observe(e)
	if e.Kind == gameday.EventPhase && e.Phase == gameday.During {
		// What cannot be frozen stays unknown, and assertions that compare with it say so.
		_ = d.base.Freeze(context.Background(), e.At)
	}
	d.display.Event(e)
	if d.options.Observe != nil {
		d.options.Observe(e)
	}
}

// judgeLimit bounds judging and reporting; what was not judged by then is unknown.
const judgeLimit = 2 * time.Minute

// conclude keeps the record, judges it and writes the reports. A run that came to its end is not judged any more when
// ctx ends first: it can be judged later, and no verdict may stand beside the exit code of a signal. One that was
// stopped, or left something open, is judged whatever happens.
func (d *day) conclude(ctx context.Context, report harness.Report) (Done, error) {
	run := report.Run
	if remote, ok := run.Metrics.(*metrics.Remote); ok {
		run.Metrics = metrics.NewAnswers(remote)
	}
	best, reasons := report.Result, report.Reasons
	unkept := d.keepRecord(run)
	if unkept != nil { // a record that is not whole proves nothing
		best, reasons = best.Worse(gameday.ResultError), slices.Insert(reasons, 0, "the record could not be kept: "+unkept.Error())
	}
	run.Meta = d.run.Meta()
	stopped := report.Result == gameday.ResultAborted || report.Result == gameday.ResultLeaked
	lasting := context.WithoutCancel(ctx)
	if stopped {
		ctx = lasting
	}
	judging, cancel := context.WithTimeout(ctx, judgeLimit)
	defer cancel()
	v := verdict(judging, run, best, reasons)
	done := Done{Record: gameday.Record{Run: run, Verdict: v}, Dir: d.run.Path("."), Result: v.Result, ExitCode: report.ExitCode(v.Result)}
	if !stopped && !settled(ctx, d.options.Settle, done.ExitCode) {
		return Done{}, errors.Join(unjudged(ctx, run.Meta.Run), unkept)
	}
	err := errors.Join(unkept, d.run.SaveVerdict(v), writeReports(lasting, &done, d.outputs()), keepAnswers(run.Metrics, d.run.Path("metrics")))
	if err != nil {
		done.Result = done.Result.Worse(gameday.ResultError)
		done.ExitCode = report.ExitCode(done.Result)
	}
	return done, err
}

// keepRecord writes what the run left, but for what was written while it lasted.
func (d *day) keepRecord(run gameday.Run) error {
	err := errors.Join(
		d.run.SaveMeta(func(m *gameday.Meta) { m.Started, m.Ended = run.Meta.Started, run.Meta.Ended }),
		d.run.SaveTraffic(run.Traffic),
		d.saveMetrics(),
	)
	if run.Ledger != nil {
		err = errors.Join(err, d.run.SaveLedger(*run.Ledger))
	}
	return err
}

func (d *day) saveMetrics() error {
	dir := d.run.Path("metrics")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save metrics: %w", err)
	}
	return d.samples.Save(dir)
}

func (d *day) outputs() gameday.Outputs {
	o := d.plan.Outputs
	if d.options.Report != "" {
		o.Report = d.options.Report
	}
	if d.options.JUnit != "" {
		o.JUnit = d.options.JUnit
	}
	return o
}

// system is the topology and the load on it, as monkeys see them.
type system []gameday.Platform

// Name names the first part.
func (s system) Name() string { return s[0].Name() }

// Parts implements gameday.Parts.
func (s system) Parts() []gameday.Platform { return s }

// Find asks every part.
func (s system) Find(ctx context.Context, selector gameday.Selector) ([]gameday.Target, error) {
	var found []gameday.Target
	for _, part := range s {
		some, err := part.Find(ctx, selector)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// topologyPages lists the pages of a topology as it is now.
func topologyPages(t *Topology) func(context.Context) ([]metrics.Target, error) {
	return func(ctx context.Context) ([]metrics.Target, error) {
		pages, err := t.Client.ScrapeTargets(ctx)
		var targets []metrics.Target
		for _, p := range pages {
			targets = append(targets, metrics.Target{URL: p.URL, Labels: p.Labels})
		}
		return targets, err
	}
}

// scrapeTargets lists the pages of the stage and those that the plan adds.
func scrapeTargets(s stage, plan gameday.Plan) func(context.Context) ([]metrics.Target, error) {
	return func(ctx context.Context) ([]metrics.Target, error) {
		targets, err := s.pages(ctx)
		if err != nil {
			return nil, err
		}
		for _, url := range plan.Metrics.Targets {
			targets = append(targets, metrics.Target{URL: url, Labels: map[string]string{"job": "extra", "instance": url}})
		}
		return targets, nil
	}
}

// relative returns path as seen from the working directory where that is shorter to read.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
