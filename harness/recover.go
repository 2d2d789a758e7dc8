package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// recoverPatience is how long the platform's word is waited with for faults whose effect was never measured.
const recoverPatience = 2 * time.Second

// Recovery is what is known of a run whose harness is gone.
type Recovery struct {
	Meta     gameday.Meta
	Events   []gameday.Event // of the run's journal
	Journal  Journal         // the same, for appending
	Platform gameday.Platform
	Catalog  gameday.Catalog

	// Gone reports that the platform does not exist any more: nobody listens and its process is dead. What it
	// held ended with it. Nil means that it exists.
	Gone func() bool

	Observe   func(gameday.Event) // as in [Config]
	HealLimit time.Duration       // as in [Config]
}

// Recovered is what a recovery did.
type Recovered struct {
	Healed []gameday.Fault
	Open   []gameday.Fault // still not known to be gone
}

// Recover heals every open fault of a journal, verified, and writes down what it did. It may be repeated. The error
// tells of each fault that is still open and of events that could not be written.
func Recover(ctx context.Context, r Recovery) (Recovered, error) {
	if r.HealLimit <= 0 {
		r.HealLimit = defaultHealLimit
	}
	record := &recorder{start: startOf(r.Meta, r.Events), journal: r.Journal, observe: r.Observe}
	if n := len(r.Events); n > 0 {
		record.phase = r.Events[n-1].Phase
	}
	open := gameday.OpenFaults(r.Events)
	errs := make([]error, len(open))
	var wg sync.WaitGroup
	for i, f := range open {
		wg.Go(func() { errs[i] = r.end(ctx, record, f) })
	}
	wg.Wait()
	var done Recovered
	for i, f := range open {
		if errs[i] == nil {
			done.Healed = append(done.Healed, f)
		} else {
			done.Open = append(done.Open, f)
		}
	}
	_, journalErr := record.so()
	return done, errors.Join(errors.Join(errs...), journalErr)
}

// startOf returns what offsets count from. A wall clock that was set back must not bring events before those of the
// run.
func startOf(meta gameday.Meta, events []gameday.Event) time.Time {
	start := meta.Started
	if n := len(events); n > 0 {
		if latest := time.Now().Add(-events[n-1].At.Std()); start.IsZero() || start.After(latest) {
			start = latest
		}
	}
	if start.IsZero() {
		start = time.Now()
	}
	return start
}

// end heals one fault.
func (r Recovery) end(ctx context.Context, record *recorder, f gameday.Fault) error {
	record.tell(gameday.Event{Kind: gameday.EventHealing, FaultID: f.ID, Step: f.Step, Text: f.Monkey + " on " + f.Target.Name + ", by recovery"})
	evidence, err := r.healOrBury(ctx, f)
	e := gameday.Event{Kind: gameday.EventHealed, FaultID: f.ID, Step: f.Step, Evidence: &evidence, Text: evidence.What}
	if err != nil {
		e.Kind, e.Text = gameday.EventLeaked, err.Error()
	}
	record.tell(e)
	return err
}

func (r Recovery) healOrBury(ctx context.Context, f gameday.Fault) (gameday.Evidence, error) {
	if r.gone() {
		return buried(), nil
	}
	if f.Target.Kind == gameday.KindTraffic && !ableToSurge(r.Platform) {
		return gameday.Evidence{Effect: gameday.Gone, What: "the load ended with the process that offered it"}, nil
	}
	if r.Platform == nil {
		return gameday.Evidence{}, fmt.Errorf("heal %s on %s: the platform cannot be reached, and is not known to be gone", f.Monkey, f.Target.Name)
	}
	h := healer{platform: r.Platform, catalog: r.Catalog, limit: r.HealLimit}
	evidence, err := h.heal(ctx, f, recoverPatience, measured(r.Events, f.ID))
	if err != nil && r.gone() {
		return buried(), nil
	}
	return evidence, err
}

func (r Recovery) gone() bool { return r.Gone != nil && r.Gone() }

// ableToSurge reports whether the platform offers load itself. If not, the load was the dead harness's own.
func ableToSurge(p gameday.Platform) bool {
	if p == nil {
		return false
	}
	_, able := gameday.Able[gameday.Surger](p)
	return able
}

func buried() gameday.Evidence {
	return gameday.Evidence{Effect: gameday.Gone, What: "the platform is gone, and everything it held with it"}
}

// measured reports whether the fault's effect was measured while it lasted.
func measured(events []gameday.Event, fault string) bool {
	for _, e := range events {
		if e.FaultID == fault && e.Kind == gameday.EventActive && e.Evidence != nil && e.Evidence.Effect == gameday.InEffect {
			return true
		}
	}
	return false
}
