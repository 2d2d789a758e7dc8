package harness

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// loadSlack is how much earlier than planned a load may return without having stopped early.
const loadSlack = time.Second

// gateSlack is how much longer than one request may take the gate waits for traffic of the baseline that is still under
// way, and gatePause is between two looks.
const (
	gateSlack = 3 * time.Second
	gatePause = 100 * time.Millisecond
)

// ledgerLimit bounds the reading of what the system kept.
const ledgerLimit = 30 * time.Second

// walk goes through the phases. It returns when the last has ended or the run is stopped, and every fault is
// healed or given up.
func (e *engine) walk(ctx context.Context) {
	phases := e.Plan.Phases
	if !sleepUntil(ctx, e.start) {
		return
	}
	e.enter(gameday.Warmup)
	for _, phase := range []gameday.Phase{gameday.Baseline, gameday.During} {
		from, _ := phases.Window(phase)
		if !sleepUntil(ctx, e.at(from)) {
			return
		}
		if phase == gameday.During && !e.steady(ctx) {
			return
		}
		e.enter(phase)
	}
	e.inject(ctx)
	from, _ := phases.Window(gameday.Recovery)
	if !sleepUntil(ctx, e.at(from)) {
		return
	}
	e.enter(gameday.Recovery)
	sleepUntil(ctx, e.at(phases.Total()))
}

// offset is this moment.
func (e *engine) offset() gameday.Duration { return gameday.Duration(time.Since(e.start)) }

func (e *engine) at(offset gameday.Duration) time.Time { return e.start.Add(offset.Std()) }

func (e *engine) enter(phase gameday.Phase) {
	e.record.tell(gameday.Event{Kind: gameday.EventPhase, Phase: phase, Text: string(phase)})
}

// steady is the gate before the first fault. A system that is not steady is left alone: what a fault does to it
// could not be told from what it had already.
func (e *engine) steady(ctx context.Context) bool {
	if e.Steady == nil || len(e.Plan.Steps) == 0 {
		return true
	}
	outcome, why := e.gate(ctx)
	if ctx.Err() != nil {
		return false
	}
	e.record.tell(gameday.Event{Kind: gameday.EventSteady, Outcome: outcome, Text: why})
	if outcome == gameday.Pass {
		return true
	}
	e.stop(fmt.Errorf("not steady before the first fault: %s", why))
	return false
}

// gate asks whether the system is steady. What came of a second is known only once its last request has ended, which
// on a starved machine is long after the second: an answer other than Pass that rests on a part of the baseline is
// asked for again when all of it is known. Nothing is shifted for that but the faults that were due meanwhile.
func (e *engine) gate(ctx context.Context) (gameday.Outcome, string) {
	outcome, why := e.Steady(ctx, e.soFar())
	if outcome == gameday.Pass || e.baselineKnown() {
		return outcome, why
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, e.Plan.Traffic.Timeout.Std()+gateSlack)
	defer cancel()
	for !e.baselineKnown() && sleep(limited, gatePause) {
	}
	if ctx.Err() != nil {
		return gameday.Unknown, "stopped"
	}
	waited := time.Since(began).Round(gatePause)
	e.record.tell(gameday.Event{Kind: gameday.EventNote, Text: fmt.Sprintf("the traffic of the baseline was still under way at its end: the gate waited %s for it", waited)})
	return e.Steady(ctx, e.soFar())
}

// baselineKnown reports whether all traffic of the baseline has ended. Slices come in the order of seconds.
func (e *engine) baselineKnown() bool {
	if e.Load == nil {
		return true
	}
	_, to := e.Plan.Phases.Window(gameday.Baseline)
	last := int(to.Std()/time.Second) - 1
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.slices, func(s gameday.Slice) bool { return s.Second >= last })
}

// inject runs every step in its time, and returns when all are over and healed.
func (e *engine) inject(ctx context.Context) {
	var steps sync.WaitGroup
	for _, step := range e.Plan.Steps {
		steps.Go(func() { e.step(ctx, step) })
	}
	steps.Wait()
}

// offer runs the load.
func (e *engine) offer(ctx context.Context) {
	if e.Load == nil {
		return
	}
	traffic, err := e.Load.Run(ctx, e.start, e.keepSlice)
	stopped := ctx.Err() != nil
	if early := time.Until(e.at(e.Plan.Phases.Total())); err == nil && !stopped && early > loadSlack {
		ended := gameday.Duration(time.Since(e.start).Round(time.Second))
		problem := fmt.Sprintf("traffic stopped early, at %s of %s", ended, e.Plan.Phases.Total())
		traffic.Fidelity.Problems = append(traffic.Fidelity.Problems, problem)
		e.doubt("%s", problem)
	}
	e.mu.Lock()
	if len(traffic.Slices) == 0 {
		traffic.Slices = slices.Clone(e.slices)
	}
	e.traffic = traffic
	e.mu.Unlock()
	if err != nil && !stopped {
		e.fail(fmt.Errorf("offer load: %w", err))
	}
}

func (e *engine) keepSlice(s gameday.Slice) {
	e.mu.Lock()
	e.slices = append(e.slices, s)
	e.mu.Unlock()
	if e.Slices == nil {
		return
	}
	if err := e.Slices(s); err != nil {
		e.fail(fmt.Errorf("keep traffic: %w", err))
	}
}

// balance reads the ledger of a run that came to its planned end, and stops reading when the run is stopped.
func (e *engine) balance(ctx context.Context) *gameday.Ledger {
	if e.Ledger == nil || e.Plan.Ledger == nil {
		return nil
	}
	unread := func(why string) *gameday.Ledger { return &gameday.Ledger{Acked: len(e.traffic.Acks), Unread: why} }
	limited, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	var ledger gameday.Ledger
	var err error
	if ctx.Err() == nil {
		ledger, err = e.Ledger(limited, e.traffic.Acks)
	}
	switch {
	case ctx.Err() != nil:
		return unread("the run was stopped before its end")
	case err != nil:
		return unread(err.Error())
	}
	return &ledger
}

// soFar is the run as it stands.
func (e *engine) soFar() gameday.Run {
	events, _ := e.record.so()
	e.mu.Lock()
	defer e.mu.Unlock()
	run := gameday.Run{Meta: e.Meta, Plan: e.Plan, Events: events, Traffic: e.traffic, Metrics: e.Metrics}
	if len(run.Traffic.Slices) == 0 {
		run.Traffic.Slices = slices.Clone(e.slices)
	}
	return run
}
