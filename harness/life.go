package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// Bounds of one fault's stages. An injection is done long before its lease could run out.
const (
	prepareLimit = 15 * time.Second
	injectLimit  = 15 * time.Second
	verifyLimit  = 10 * time.Second
	verifyPause  = 200 * time.Millisecond
	proofPause   = time.Second
)

// live is the life of one fault, from its preparation to its heal. It returns when the fault is healed or given up.
// It was planned for an offset from the start of the run.
func (e *engine) live(ctx context.Context, step gameday.Step, t gameday.Target, planned, length gameday.Duration) {
	monkey, err := e.Catalog.New(step.Monkey, step.Config)
	if err != nil {
		e.fail(fmt.Errorf("step %s: %w", step.Name, err))
		return
	}
	f, err := e.claims.take(ctx, func() (gameday.Fault, error) { return e.prepare(ctx, monkey, step, t, length) })
	switch {
	case ctx.Err() != nil && err != nil:
		return
	case errors.Is(err, ErrClaimed), errors.Is(err, gameday.ErrNoTarget) && e.mayMiss(step, err):
		e.skip(step, e.missed(step), fmt.Errorf("%s on %s: %w", step.Monkey, t.Name, err))
		return
	case err != nil:
		e.fail(fmt.Errorf("step %s: prepare %s on %s: %w", step.Name, step.Monkey, t.Name, err))
		return
	}
	defer e.claims.release(f.ID)
	if ctx.Err() != nil {
		return
	}
	e.open.add(f.ID)
	defer e.open.remove(f.ID)
	announced := gameday.Event{Kind: gameday.EventInjecting, FaultID: f.ID, Step: step.Name, Fault: &f, Text: f.Summary}
	if err := e.record.announce(announced); err != nil {
		e.fail(fmt.Errorf("step %s: %s on %s is not injected: %w", step.Name, step.Monkey, t.Name, err))
		return
	}
	measured := e.bring(ctx, monkey, step, f, planned)
	e.heal(ctx, step, f, measured)
}

// prepare reads the state before, and fills in what the monkey does not know.
func (e *engine) prepare(ctx context.Context, monkey gameday.Monkey, step gameday.Step, t gameday.Target, length gameday.Duration) (gameday.Fault, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	f, err := monkey.Prepare(ctx, e.Platform, t)
	if err != nil {
		return f, err
	}
	f.ID = fmt.Sprintf("%s-f%03d", e.Meta.Run, e.open.next())
	f.Run, f.Step, f.Monkey, f.For = e.Meta.Run, step.Name, step.Monkey, length
	return f, nil
}

// bring injects the fault, looks for its effect, and waits until its time is over or the run is stopped. It reports
// whether the effect was measured.
func (e *engine) bring(ctx context.Context, monkey gameday.Monkey, step gameday.Step, f gameday.Fault, planned gameday.Duration) (measured bool) {
	limited, cancel := context.WithTimeout(ctx, injectLimit)
	err := monkey.Inject(limited, e.Platform, f)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			e.fail(fmt.Errorf("step %s: inject %s on %s: %w", f.Step, f.Monkey, f.Target.Name, err))
		}
		return false
	}
	onset := gameday.Timing{Planned: planned, Applied: e.offset()}
	lasting, cancel := context.WithTimeout(ctx, f.For.Std())
	defer cancel()
	measured = e.prove(lasting, monkey, step, f, onset)
	held, _ := holding(lasting, e.Platform, f.ID)
	<-lasting.Done()
	if ctx.Err() != nil || !held {
		return measured
	}
	if still, known := holding(context.WithoutCancel(ctx), e.Platform, f.ID); known && !still && e.exists(ctx, f.Target) {
		e.doubt("step %s: the platform let go of %s on %s before its time was over", f.Step, f.Monkey, f.Target.Name)
	}
	return measured
}

// exists reports whether an instance is still part of the system; one that was scaled away took its fault with it.
// Other kinds of target always are.
func (e *engine) exists(ctx context.Context, t gameday.Target) bool {
	if t.Kind != gameday.KindInstance {
		return true
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findLimit)
	defer cancel()
	found, err := e.Platform.Find(ctx, gameday.Selector{Kind: gameday.KindInstance, Instance: t.Name})
	return err != nil || len(found) > 0
}

// prove looks for the fault's effect by the monkey's own measurement and, beside it, for the step's proof on metrics.
// It records active as soon as the measurement, or else the proof, has seen the effect, and unproven when either was
// asked and did not see it in time.
func (e *engine) prove(ctx context.Context, monkey gameday.Monkey, step gameday.Step, f gameday.Fault, onset gameday.Timing) (measured bool) {
	var (
		proven error
		beside sync.WaitGroup
	)
	tell := func(kind gameday.EventKind, evidence gameday.Evidence, text string) {
		e.record.tell(gameday.Event{Kind: kind, FaultID: f.ID, Step: f.Step, Evidence: &evidence, Onset: &onset, Text: text})
	}
	beside.Go(func() { proven = e.proof(ctx, step) })
	evidence, seen := e.measure(ctx, monkey, within(step), f)
	if seen == nil {
		tell(gameday.EventActive, evidence, evidence.What)
	}
	beside.Wait()
	switch {
	case seen == nil && proven == nil:
	case proven != nil:
		tell(gameday.EventUnproven, evidence, proven.Error())
	case step.Proof != nil && evidence.Effect == gameday.EffectUnknown:
		evidence.What = fmt.Sprintf("%s holds (not measured otherwise: %s)", step.Proof.PromQL, evidence.What)
		tell(gameday.EventActive, evidence, evidence.What)
	default:
		tell(gameday.EventUnproven, evidence, seen.Error())
	}
	return seen == nil
}

func (e *engine) tellFault(kind gameday.EventKind, f gameday.Fault, evidence gameday.Evidence, text string) {
	e.record.tell(gameday.Event{Kind: kind, FaultID: f.ID, Step: f.Step, Evidence: &evidence, Text: text})
}

// measure asks the monkey until it sees the effect. The error says why it was not seen.
func (e *engine) measure(ctx context.Context, monkey gameday.Monkey, within gameday.Duration, f gameday.Fault) (gameday.Evidence, error) {
	limited, cancel := context.WithTimeout(ctx, within.Std())
	defer cancel()
	evidence := gameday.Evidence{What: "not measured"}
	for {
		now, err := verify(limited, monkey, e.Platform, f)
		switch {
		case err == nil && now.Effect == gameday.InEffect:
			return now, nil
		case err == nil:
			evidence = now
		case limited.Err() == nil:
			evidence = gameday.Evidence{What: "not measured: " + err.Error()}
		}
		if sleep(limited, verifyPause) {
			continue
		}
		if ctx.Err() != nil {
			return evidence, fmt.Errorf("it ended before its effect was seen: %s", evidence.What)
		}
		return evidence, fmt.Errorf("its effect was not seen within %s: %s", within, evidence.What)
	}
}

// withinDefault is for plans that were not written by a scenario.
const withinDefault = gameday.Duration(10 * time.Second)

func within(step gameday.Step) gameday.Duration {
	if step.Within <= 0 {
		return withinDefault
	}
	return step.Within
}

func verify(ctx context.Context, monkey gameday.Monkey, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyLimit)
	defer cancel()
	return monkey.Verify(ctx, p, f)
}

// proof asks the metrics until the step's proof holds. No proof is no error.
func (e *engine) proof(ctx context.Context, step gameday.Step) error {
	p := step.Proof
	if p == nil {
		return nil
	}
	limit := p.Within
	if limit <= 0 {
		limit = within(step)
	}
	limited, cancel := context.WithTimeout(ctx, limit.Std())
	defer cancel()
	last := "it has no answer"
	for {
		holds, err := e.holdsNow(limited, p.PromQL)
		if holds {
			return nil
		}
		if err != nil && limited.Err() == nil {
			last = err.Error()
		}
		if sleep(limited, proofPause) {
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("it ended before its proof %s was seen: %s", p.PromQL, last)
		}
		return fmt.Errorf("its proof %s was not seen within %s: %s", p.PromQL, limit, last)
	}
}

// heal ends the fault whatever happened to the run, and records how that went.
func (e *engine) heal(ctx context.Context, step gameday.Step, f gameday.Fault, measured bool) {
	ctx = context.WithoutCancel(ctx)
	e.record.tell(gameday.Event{Kind: gameday.EventHealing, FaultID: f.ID, Step: f.Step, Text: f.Monkey + " on " + f.Target.Name})
	evidence, err := e.healer.heal(ctx, f, within(step).Std(), measured)
	if err != nil {
		e.tellFault(gameday.EventLeaked, f, evidence, err.Error())
		return
	}
	e.tellFault(gameday.EventHealed, f, evidence, evidence.What)
}

// holding reports whether a part of the platform holds the fault; known is false when that could not be asked.
func holding(ctx context.Context, p gameday.Platform, fault string) (held, known bool) {
	ctx, cancel := context.WithTimeout(ctx, findLimit)
	defer cancel()
	holders := gameday.Abilities[gameday.Holder](p)
	known = len(holders) > 0
	for _, h := range holders {
		list, err := h.Held(ctx)
		known = known && err == nil
		for _, hold := range list {
			held = held || hold.Fault == fault
		}
	}
	return held, known
}
