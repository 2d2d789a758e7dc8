package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// followPause is between two looks for new instances.
const followPause = time.Second

// step waits for the step's time, brings its fault on every target about, and returns when all are healed.
func (e *engine) step(ctx context.Context, step gameday.Step) {
	if !sleepUntil(ctx, e.at(step.At)) {
		return
	}
	targets, err := targets(ctx, e.Platform, e.Plan, step, e.claims.taken)
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, gameday.ErrNoTarget) && e.mayMiss(step, err):
		e.skip(step, e.missed(step), err)
		return
	case err != nil:
		e.fail(fmt.Errorf("step %s: %w", step.Name, err))
		return
	}
	var faults sync.WaitGroup
	defer faults.Wait()
	for _, t := range targets {
		faults.Go(func() { e.live(ctx, step, t, step.At, step.For) })
	}
	if step.Selector.Follow && step.Selector.Kind == gameday.KindInstance {
		e.follow(ctx, step, targets, &faults)
	}
}

// skip records that a step did not touch a target. An outcome other than Pass keeps the run from being one.
func (e *engine) skip(step gameday.Step, outcome gameday.Outcome, why error) {
	e.record.tell(gameday.Event{Kind: gameday.EventSkipped, Step: step.Name, Outcome: outcome, Text: why.Error()})
}

// mayMiss reports whether the step may find nothing to act on without that being an error: when it says so, or when it
// is one repetition of a fault and the others left it no healthy target, as the minimum of healthy ones demands. That
// nothing matches at all is no work of the others.
func (e *engine) mayMiss(step gameday.Step, err error) bool {
	repeated := func(s gameday.Step) bool { return s.Name != step.Name && sameFault(s, step) }
	return step.Selector.AllowEmpty || !errors.Is(err, errNothing) && slices.ContainsFunc(e.Plan.Steps, repeated)
}

// missed is what a step that found nothing means: nothing against a pass when that is allowed, or when an earlier
// repetition acted.
func (e *engine) missed(step gameday.Step) gameday.Outcome {
	if step.Selector.AllowEmpty {
		return gameday.Pass
	}
	events, _ := e.record.so()
	for _, s := range e.Plan.Steps {
		acted := func(event gameday.Event) bool { return event.Kind == gameday.EventInjecting && event.Step == s.Name }
		if sameFault(s, step) && slices.ContainsFunc(events, acted) {
			return gameday.Pass
		}
	}
	return gameday.Unknown
}

// sameFault reports whether two steps are repetitions of one fault of the scenario.
func sameFault(a, b gameday.Step) bool { return a.Group != "" && a.Group == b.Group }

// follow brings the fault to matching instances that appear while it lasts.
func (e *engine) follow(ctx context.Context, step gameday.Step, first []gameday.Target, faults *sync.WaitGroup) {
	ends := time.Now().Add(step.For.Std())
	ctx, cancel := context.WithDeadline(ctx, ends)
	defer cancel()
	crowd := newCrowd(step.Selector, first)
	r := seeded(e.Plan.Seed, step.Name+"/follow")
	for {
		joined := e.offset()
		found, err := find(ctx, e.Platform, e.Plan.Environment, step.Selector)
		if err == nil {
			markTaken(found, e.claims.taken)
			for _, t := range crowd.join(r.Shuffle, found) {
				faults.Go(func() { e.live(ctx, step, t, joined, gameday.Duration(time.Until(ends))) })
			}
		}
		if !sleep(ctx, followPause) {
			return
		}
	}
}

// crowd is the changing set of instances that a selector follows.
type crowd struct {
	selector gameday.Selector
	seen     map[string]bool // known before the fault began: spared then, spared for good
	held     map[string]bool // under the fault
	started  bool
}

func newCrowd(s gameday.Selector, first []gameday.Target) *crowd {
	c := &crowd{selector: s, seen: map[string]bool{}, held: map[string]bool{}}
	for _, t := range first {
		c.held[t.Name] = true
	}
	return c
}

// join returns the new instances that come under the fault, given all that match now: as many as the selector's mode
// asks of the current set, those under the fault included, and never so many that fewer than the minimum stay
// healthy. An instance that is gone no longer counts.
func (c *crowd) join(shuffle func(n int, swap func(i, j int)), found []gameday.Target) []gameday.Target {
	current := slices.Clone(found)
	held := 0
	var fresh []gameday.Target
	for i, t := range current {
		switch {
		case c.held[t.Name]:
			current[i].Healthy = true // it would be, without the fault
			held++
		case !c.started:
			c.seen[t.Name] = true
		case !c.seen[t.Name] && t.Healthy:
			fresh = append(fresh, t)
		}
	}
	c.started = true
	picked, err := c.selector.Pick(seeded(0, ""), current) // how many, not which
	if err != nil {
		return nil
	}
	room := min(len(picked)-held, len(fresh), targetsMax-len(c.held))
	if room <= 0 {
		return nil
	}
	shuffle(len(fresh), func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
	for _, t := range fresh[:room] {
		c.held[t.Name] = true
	}
	return fresh[:room]
}
