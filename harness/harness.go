// Package harness carries out a plan: it walks the phases, brings each fault about in its time, watches that the
// effect is there and that it goes away, and stops when a stop condition fires. Whatever happens, it heals.
//
// The order is always: steady? - prepare - claim - journal - inject - in effect? - wait - heal - gone? -
// journal. A fault is on disk before anything is touched, so [Recover] ends it from the journal alone when the
// process died. Healing never depends on the context that stopped the run.
//
// The package knows no monkey, platform, tape or judge; it runs what [Config] gives it.
package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// Journal keeps events. Append returns when the event is durable; after an error it is not in the journal.
type Journal interface {
	Append(e gameday.Event) error
}

// Config is what a run works with. Plan, Platform and Journal must be set.
type Config struct {
	Meta     gameday.Meta     // Run is the run's id; Started is overwritten
	Plan     gameday.Plan     // what to do
	Platform gameday.Platform // the system and, as parts of one, the load; see gameday.Parts
	Catalog  gameday.Catalog  // makes the plan's monkeys
	Journal  Journal

	Start   time.Time                 // offset 0 of the record, from time.Now; now when zero
	Load    gameday.Load              // nil: no traffic
	Slices  func(gameday.Slice) error // keeps traffic as it comes; may be nil
	Metrics gameday.Metrics           // live; needed for stop conditions and proofs

	// Steady says whether the system is in its steady state, judging the run so far; only Pass lets the
	// first fault through. Nil asks nothing.
	Steady func(ctx context.Context, soFar gameday.Run) (gameday.Outcome, string)

	// Ledger balances what was acknowledged against what was kept, once all traffic has ended. Nil, or a plan
	// without a ledger, asks nothing.
	Ledger func(ctx context.Context, acks []gameday.Ack) (gameday.Ledger, error)

	// Observe sees every event, in order, right after it was journalled and before what follows from it. It
	// must not block: the run waits for it. A test that ends the process in here ends it at that boundary.
	Observe func(gameday.Event)

	HealLimit time.Duration // for one fault to be healed and seen gone before it counts as leaked; 30s when zero
}

// defaultHealLimit leaves room for a zone of instances to start on a busy host.
const defaultHealLimit = 30 * time.Second

// stepsMax and targetsMax bound what one run may touch.
const (
	stepsMax   = 1000
	targetsMax = 1000
)

// engine is one run under way.
type engine struct {
	Config
	start  time.Time
	record *recorder
	claims *claims
	open   *openFaults
	healer healer

	stop context.CancelCauseFunc

	mu      sync.Mutex
	slices  []gameday.Slice
	traffic gameday.Traffic
	failure error
}

// Run carries out the plan, and returns what was recorded. It blocks until every fault is healed or given up as
// leaked, and every goroutine has ended. Cancelling ctx heals and ends the run at once; a cause of type
// [Interrupted] is recorded as a signal. The error is one of the harness itself, such as a fault that could not be
// injected, and the report stands beside it; a plan that cannot be started at all gives an empty report.
func Run(ctx context.Context, c Config) (Report, error) {
	e, err := newEngine(ctx, c)
	if err != nil {
		return Report{}, fmt.Errorf("start run: %w", err)
	}
	return e.run(ctx)
}

func newEngine(ctx context.Context, c Config) (*engine, error) {
	if c.Platform == nil || c.Journal == nil {
		return nil, errors.New("the configuration lacks a platform or a journal")
	}
	if err := check(c); err != nil {
		return nil, err
	}
	if err := unheld(ctx, c.Platform); err != nil {
		return nil, err
	}
	if c.HealLimit <= 0 {
		c.HealLimit = defaultHealLimit
	}
	if c.Start.IsZero() {
		c.Start = time.Now()
	}
	c.Meta.Started = c.Start
	return &engine{
		Config: c,
		start:  c.Start,
		record: &recorder{start: c.Start, journal: c.Journal, observe: c.Observe},
		claims: newClaims(),
		open:   &openFaults{},
		healer: healer{platform: c.Platform, catalog: c.Catalog, limit: c.HealLimit},
	}, nil
}

// check refuses a plan that cannot be carried out, with all reasons at once.
func check(c Config) error {
	var errs []error
	if len(c.Plan.Steps) > stepsMax {
		errs = append(errs, fmt.Errorf("the plan has %d steps: the limit is %d", len(c.Plan.Steps), stepsMax))
	}
	names := map[string]bool{}
	for _, s := range c.Plan.Steps {
		if s.Name == "" || names[s.Name] {
			errs = append(errs, fmt.Errorf("step %q: the name is empty or taken", s.Name))
		}
		names[s.Name] = true
		if s.For <= 0 {
			errs = append(errs, fmt.Errorf("step %s: it lasts %s, which is not more than 0", s.Name, s.For))
		}
		if s.Proof != nil && c.Metrics == nil {
			errs = append(errs, fmt.Errorf("step %s: its proof needs metrics, and there are none", s.Name))
		}
		if _, err := c.Catalog.New(s.Monkey, s.Config); err != nil {
			errs = append(errs, fmt.Errorf("step %s: %w", s.Name, err))
		}
	}
	for _, a := range c.Plan.Aborts {
		if c.Metrics == nil {
			errs = append(errs, fmt.Errorf("stop condition %q needs metrics, and there are none", a.Text))
		}
		if _, err := AbortQuery(a); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// unheld refuses a platform that still holds faults of somebody else.
func unheld(ctx context.Context, p gameday.Platform) error {
	for _, h := range gameday.Abilities[gameday.Holder](p) {
		held, err := h.Held(ctx)
		if err != nil {
			return fmt.Errorf("ask the platform for open faults: %w", err)
		}
		if len(held) > 0 {
			return fmt.Errorf("the platform still holds fault %s (%s), which ends by itself in %s: wait for that, or run `gameday recover --all`",
				held[0].Fault, held[0].What, held[0].Left)
		}
	}
	return nil
}

func (e *engine) run(parent context.Context) (Report, error) {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	e.stop = stop
	if err := e.record.announce(gameday.Event{Kind: gameday.EventStart, Text: e.Plan.Name}); err != nil {
		return Report{}, fmt.Errorf("start run: %w", err)
	}
	ledger, signal := e.together(ctx, parent)
	e.record.tell(gameday.Event{Kind: gameday.EventEnd, Text: e.Plan.Name})
	return e.report(ledger, signal)
}

// together runs the load, the leases, the stop conditions and the phases side by side until the run is over, the
// ledger included. What the caller says after that is not the run's business any more: a signal is one of the run only
// if its journal has it.
func (e *engine) together(ctx, parent context.Context) (ledger *gameday.Ledger, signal *Interrupted) {
	var beside sync.WaitGroup
	over, end := context.WithCancel(context.WithoutCancel(ctx))
	beside.Go(func() { signal = e.listen(over, parent) })
	beside.Go(func() { e.keepLeases(over) })
	watching, unwatch := context.WithCancel(ctx)
	beside.Go(func() { e.watch(watching) })
	var load sync.WaitGroup
	load.Go(func() { e.offer(ctx) })

	e.walk(ctx)
	load.Wait()
	unwatch()
	ledger = e.balance(ctx)
	end()
	beside.Wait()
	return ledger, signal
}

// listen records why the caller stopped the run, as soon as it does, and returns the signal if that was one.
func (e *engine) listen(over, parent context.Context) *Interrupted {
	select {
	case <-over.Done():
	case <-parent.Done():
	}
	if parent.Err() == nil {
		return nil
	}
	if signal := interrupted(parent); signal != nil {
		e.record.tell(gameday.Event{Kind: gameday.EventSignal, Text: signal.Error()})
		return signal
	}
	e.record.tell(gameday.Event{Kind: gameday.EventAbort, Text: "stopped by the caller: " + context.Cause(parent).Error()})
	return nil
}

// fail records the first error of the harness itself and stops the run. Later ones are recorded too.
func (e *engine) fail(err error) {
	e.record.tell(gameday.Event{Kind: gameday.EventError, Text: err.Error()})
	e.mu.Lock()
	e.failure = errors.Join(e.failure, err)
	e.mu.Unlock()
	e.stop(err)
}

// abort stops the run because of a stop condition.
func (e *engine) abort(err error) {
	e.record.tell(gameday.Event{Kind: gameday.EventAbort, Text: err.Error()})
	e.stop(err)
}

// doubt records why the run cannot be a pass, without stopping it.
func (e *engine) doubt(format string, args ...any) {
	e.record.tell(gameday.Event{Kind: gameday.EventNote, Outcome: gameday.Fail, Text: fmt.Sprintf(format, args...)})
}

// sleepUntil blocks until the time, and reports whether ctx let it.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

func sleep(ctx context.Context, d time.Duration) bool { return sleepUntil(ctx, time.Now().Add(d)) }
