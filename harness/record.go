package harness

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// recorder stamps events and hands them to the journal and to whoever observes, in one order.
type recorder struct {
	start   time.Time
	journal Journal
	observe func(gameday.Event)

	mu     sync.Mutex
	phase  gameday.Phase
	events []gameday.Event
	err    error // the first event that could not be journalled
}

// announce records an event before what it announces. After an error nothing was recorded, and what it announces
// must not happen.
func (r *recorder) announce(e gameday.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e = r.stamp(e)
	if err := r.journal.Append(e); err != nil {
		return fmt.Errorf("journal %s: %w", e.Kind, err)
	}
	r.keep(e)
	return nil
}

// tell records an event that has happened, or must happen whether it can be journalled or not, such as healing.
func (r *recorder) tell(e gameday.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e = r.stamp(e)
	if err := r.journal.Append(e); err != nil && r.err == nil {
		r.err = fmt.Errorf("journal %s: %w", e.Kind, err)
	}
	r.keep(e)
}

func (r *recorder) stamp(e gameday.Event) gameday.Event {
	e.At = gameday.Duration(max(0, time.Since(r.start)))
	if e.Kind == gameday.EventPhase {
		r.phase = e.Phase
	}
	e.Phase = r.phase
	return e
}

func (r *recorder) keep(e gameday.Event) {
	r.events = append(r.events, e)
	if r.observe != nil {
		r.observe(e)
	}
}

// so returns the events so far, and the first failure to journal one.
func (r *recorder) so() ([]gameday.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events), r.err
}

// Boundaries lists the events between which a fault's state changes, in order: after injecting is on disk the
// fault may be there, once active (or unproven) it is, after healing it may be gone, and once healed it is. To
// prove that no death of the process leaks a fault, end the process in [Config.Observe] at each of them, and some
// time after injecting and healing, and let [Recover] work on the journal.
func Boundaries() []gameday.EventKind {
	return []gameday.EventKind{gameday.EventInjecting, gameday.EventActive, gameday.EventHealing, gameday.EventHealed}
}
