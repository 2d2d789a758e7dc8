package judge

import (
	"math"
	"slices"
	"time"

	"github.com/gameday-dev/gameday"
)

const second = gameday.Duration(time.Second)

// never stands for a moment that the journal does not have.
const never = gameday.Duration(math.MinInt64)

// episode is one fault from its injection to its end, as the journal tells it.
type episode struct {
	fault    gameday.Fault
	injected gameday.Duration
	active   gameday.Duration // never, when its effect was not seen
	healing  gameday.Duration // never, when healing did not begin
	healed   gameday.Duration // never, when it is not known to be gone
	onset    gameday.Timing   // zero in records of older versions
	proof    *gameday.Evidence
	gone     *gameday.Evidence
	unproven bool   // its effect was looked for and not seen, by measurement or by its step's proof
	text     string // what the journal says about a fault that was not proven or not healed
}

// until is when the harness began to take the fault back, or the end of the record.
func (e episode) until(end gameday.Duration) gameday.Duration {
	switch {
	case e.healing != never:
		return e.healing
	case e.healed != never:
		return e.healed
	}
	return end
}

// facts are what the journal says.
type facts struct {
	episodes []episode // in the order of injection
	end      gameday.Duration
	ended    *gameday.Event // the first abort, error or signal
	gate     *gameday.Event // the harness found the system not steady, and stopped
	doubts   []string       // what the harness noted against the run
}

func factsOf(r gameday.Run) facts {
	f := facts{end: r.Plan.Phases.Total()}
	at := map[string]int{}
	complete := len(r.Events) == 0 // a run that was put together without a journal
	for _, e := range r.Events {
		switch e.Kind {
		case gameday.EventInjecting:
			if e.Fault != nil {
				at[e.Fault.ID] = len(f.episodes)
				f.episodes = append(f.episodes, episode{fault: *e.Fault, injected: e.At, active: never, healing: never, healed: never})
			}
		case gameday.EventAbort, gameday.EventError, gameday.EventSignal:
			if f.ended == nil {
				f.ended = &e
			}
		case gameday.EventSteady:
			if e.Outcome != gameday.Pass {
				f.gate = &e
			}
		case gameday.EventNote:
			if e.Outcome == gameday.Fail {
				f.doubts = append(f.doubts, e.Text)
			}
		case gameday.EventEnd:
			complete = true
		}
		if i, ok := at[e.FaultID]; ok && e.FaultID != "" {
			f.episodes[i].follow(e)
		}
	}
	if !complete && f.ended == nil {
		f.ended = &gameday.Event{At: r.Events[len(r.Events)-1].At, Kind: gameday.EventError, Text: "the harness was stopped from outside"}
	}
	return f
}

func (e *episode) follow(event gameday.Event) {
	switch event.Kind {
	case gameday.EventActive:
		if e.active == never {
			e.active, e.proof = event.At, event.Evidence
			if event.Onset != nil {
				e.onset = *event.Onset
			}
		}
	case gameday.EventUnproven:
		e.unproven, e.text = true, event.Text
	case gameday.EventHealing:
		if e.healing == never {
			e.healing = event.At
		}
	case gameday.EventHealed:
		e.healed, e.gone = event.At, event.Evidence
	case gameday.EventLeaked:
		e.gone, e.text = event.Evidence, event.Text
	}
}

// stopped is when the run was ended before its planned end, by whatever cause.
func (f facts) stopped() (gameday.Duration, bool) {
	switch {
	case f.ended != nil:
		return f.ended.At, true
	case f.gate != nil:
		return f.gate.At, true
	}
	return 0, false
}

// of returns the episodes of one step, or of all steps of one group.
func (f facts) of(p gameday.Plan, name string) []episode {
	steps := map[string]bool{name: true}
	for _, s := range p.Steps {
		if s.Group == name {
			steps[s.Name] = true
		}
	}
	var found []episode
	for _, e := range f.episodes {
		if steps[e.fault.Step] {
			found = append(found, e)
		}
	}
	return found
}

// firstInjection is when the first fault was injected.
func (f facts) firstInjection() (gameday.Duration, bool) {
	if len(f.episodes) == 0 {
		return 0, false
	}
	first := slices.MinFunc(f.episodes, func(a, b episode) int { return int(a.injected - b.injected) })
	return first.injected, true
}

// lastHeal is when the last fault was gone. There is none while a fault is open, or when there was no fault.
func (f facts) lastHeal() (gameday.Duration, bool) {
	last := never
	for _, e := range f.episodes {
		if e.healed == never {
			return 0, false
		}
		last = max(last, e.healed)
	}
	return last, last != never
}

// activeIn reports whether some fault that was proven was in effect at some time of the window.
func (f facts) activeIn(from, to gameday.Duration) bool {
	return slices.ContainsFunc(f.episodes, func(e episode) bool {
		return e.active != never && e.active <= to && e.until(f.end) >= from
	})
}

// window returns the stretch of a phase that is judged: the baseline without its last second, because
// requests that were due then were still under way when the fault began, and recovery from the last heal
// when that came late.
func (f facts) window(p gameday.Phases, phase gameday.Phase) (from, to gameday.Duration) {
	from, to = p.Window(phase)
	switch phase {
	case gameday.Baseline:
		if to-from > 3*second && p.Fault > 0 {
			to -= second
		}
	case gameday.Recovery:
		if healed, ok := f.lastHeal(); ok {
			from = max(from, healed)
		}
	}
	return from, to
}

// borders are the moments that no sliding window may span: the beginning of the fault phase and of recovery.
func (f facts) borders(p gameday.Phases) []gameday.Duration {
	fault, _ := f.window(p, gameday.During)
	recovery, _ := f.window(p, gameday.Recovery)
	return []gameday.Duration{fault, recovery}
}
