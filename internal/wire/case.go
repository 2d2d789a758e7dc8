package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/judge"
	"github.com/gameday-dev/gameday/harness/metrics"
	"github.com/gameday-dev/gameday/harness/store"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/scenarios"
)

// CaseOptions say what a game day on a system that runs already is. Its load is generated, or else a recording.
type CaseOptions struct {
	Plan     gameday.Plan                  // Traffic.To is a URL
	Platform gameday.Platform              // the system under test
	Catalog  gameday.Catalog               // makes the plan's monkeys
	Load     []Pace                        // generated; or
	Open     func() (replay.Source, error) // opens what is played, from its start; or the tape of the plan is
	Pages    []string                      // URLs of metrics, beside those of the plan
	Ready    func() error                  // asked before the first fault: an error says why faults would show nothing; may be nil

	Store     string    // directory of runs
	Out       io.Writer // progress
	Command   string    // repeats the run
	Version   string    // of gameday
	HealLimit time.Duration
}

// Pace is one request that is sent at a constant rate.
type Pace struct {
	Method, URL string
	Header      http.Header
	Body        []byte
	Rate        int // requests per second
}

// RunCase carries a plan out on a system that runs already, judges and reports. It returns as Run does.
func RunCase(ctx context.Context, o CaseOptions) (done Done, err error) {
	if err := checkCase(o.Plan); err != nil {
		return Done{}, err
	}
	d := &day{plan: o.Plan, options: RunOptions{Store: o.Store, Out: o.Out, Command: o.Command, Version: o.Version, HealLimit: o.HealLimit}}
	meta := d.meta()
	meta.Run = store.NewID(time.Now())
	open, played, err := d.source(ctx, o)
	if err != nil {
		return Done{}, err
	}
	defer func() { err = errors.Join(err, played()) }()
	// What cannot be played is said before there is a run.
	d.load, err = newCast(ctx, d.plan, replay.Config{Run: meta.Run, Targets: []string{d.plan.Traffic.To}, Open: open}, "")
	if err != nil {
		return Done{}, err
	}
	defer d.load.close()
	runs, err := store.Open(o.Store)
	if err != nil {
		return Done{}, err
	}
	if d.run, err = runs.Create(meta, o.Plan); err != nil {
		return Done{}, fmt.Errorf("begin run: %w", err)
	}
	done, err = d.holdCase(ctx, o)
	return done, errors.Join(err, d.run.Close())
}

// source returns what opens the load of a case; the caller calls played in the end.
func (d *day) source(ctx context.Context, o CaseOptions) (open func() (replay.Source, error), played func() error, err error) {
	nothing := func() error { return nil }
	switch {
	case o.Open != nil:
		return o.Open, nothing, nil
	case len(o.Load) > 0:
		return func() (replay.Source, error) { return generate(o.Load, d.plan.Phases.Total().Std()), nil }, nothing, nil
	}
	tape, played, err := unpack(ctx, d.plan.Traffic.Tape, unpacking{note: d.note})
	warnOfDamage(tape, d.warn)
	return openTape(tape), played, err
}

func (d *day) holdCase(ctx context.Context, o CaseOptions) (Done, error) {
	return d.perform(ctx, stage{
		platform: o.Platform, catalog: o.Catalog,
		pages: func(context.Context) ([]metrics.Target, error) { return pages(o.Pages), nil },
		steady: func(ctx context.Context, soFar gameday.Run) (gameday.Outcome, string) {
			if o.Ready != nil {
				if err := o.Ready(); err != nil {
					return gameday.Unknown, err.Error()
				}
			}
			return judge.Gate(ctx, soFar)
		},
	})
}

func pages(urls []string) []metrics.Target {
	targets := make([]metrics.Target, len(urls))
	for i, url := range urls {
		targets[i] = metrics.Target{URL: url, Labels: map[string]string{"job": "gameday", "instance": url}}
	}
	return targets
}

// checkCase finds what a scenario's parser would have found.
func checkCase(plan gameday.Plan) error {
	var errs []error
	check := func(name, expr string) {
		if err := metrics.Check(expr); err != nil {
			errs = append(errs, fmt.Errorf("%s: promql %s: %w", name, expr, err))
		}
	}
	for _, a := range plan.Assertions {
		check("assertion "+a.Name, a.PromQL)
	}
	for _, s := range plan.Steps {
		if s.Proof != nil {
			check("fault "+s.Name, s.Proof.PromQL)
		}
	}
	return errors.Join(errs...)
}

// Objective reads a promise such as "p99 <= 300ms". Where and when it is to hold is up to the caller.
func Objective(text string) (gameday.Objective, error) { return scenarios.ParseObjective(text) }

// DiffBound reads a promise about compared answers, such as "wrong <= 0.1%".
func DiffBound(text string) (gameday.DiffBound, error) { return scenarios.ParseDiffBound(text) }

// CatalogWith returns the catalog of all monkeys and the names of the given ones, pointers to structs, in it. A
// monkey that it lacks is added under the name of its type.
func CatalogWith(given ...gameday.Monkey) (gameday.Catalog, []string) {
	catalog := monkeys.Catalog()
	names := make([]string, len(given))
	for i, m := range given {
		kind := reflect.TypeOf(m)
		for name, make := range catalog {
			if reflect.TypeOf(make()) == kind {
				names[i] = name
			}
		}
		if names[i] == "" {
			names[i] = strings.ToLower(strings.TrimPrefix(kind.String(), "*"))
			catalog[names[i]] = func() gameday.Monkey { return reflect.New(kind.Elem()).Interface().(gameday.Monkey) }
		}
	}
	return catalog, names
}

// generate returns requests at constant rates, merged in the order of time, for somewhat longer than the length: a
// source that ends before the run looks like a tape that is too short.
func generate(paces []Pace, length time.Duration) replay.Source {
	m := make(merged, len(paces))
	for i, p := range paces {
		m[i].source = replay.Shape(vegeta.Rate{Freq: p.Rate, Per: time.Second}, length+2*time.Second,
			vegeta.Target{Method: p.Method, URL: p.URL, Header: p.Header, Body: p.Body})
	}
	return m
}

// merged is several sources as one.
type merged []struct {
	source replay.Source
	head   *replay.Exchange // read and not yet handed out
	err    error            // why there is none
}

// Next implements replay.Source.
func (m merged) Next() (*replay.Exchange, error) {
	first := -1
	for i := range m {
		if m[i].head == nil && m[i].err == nil {
			m[i].head, m[i].err = m[i].source.Next()
		}
		switch {
		case m[i].err != nil && !errors.Is(m[i].err, io.EOF):
			return nil, m[i].err
		case m[i].head != nil && (first < 0 || m[i].head.At < m[first].head.At):
			first = i
		}
	}
	if first < 0 {
		return nil, io.EOF
	}
	x := m[first].head
	m[first].head = nil
	return x, nil
}
