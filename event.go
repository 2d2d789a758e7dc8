package gameday

import "time"

// EventKind says what happened.
type EventKind string

// The kinds of event. A fault goes prepared, injecting, then active or unproven, healing, then healed or leaked.
// Injecting is durable on disk before anything is touched.
const (
	EventStart     EventKind = "run.start"
	EventPhase     EventKind = "phase"
	EventSteady    EventKind = "steady" // a steady-state check; Outcome says how it went
	EventSkipped   EventKind = "fault.skipped"
	EventInjecting EventKind = "fault.injecting" // carries the whole Fault
	EventActive    EventKind = "fault.active"    // Verify saw it, Evidence says how
	EventUnproven  EventKind = "fault.unproven"  // injected, but its effect was not seen in time
	EventHealing   EventKind = "fault.healing"
	EventHealed    EventKind = "fault.healed" // Verify saw that it is gone
	EventLeaked    EventKind = "fault.leaked" // healing did not succeed in time; it may still be there
	EventAbort     EventKind = "abort"        // a stop condition fired, or an operator stopped the run
	EventSignal    EventKind = "signal"
	EventError     EventKind = "error"
	EventNote      EventKind = "note"
	EventEnd       EventKind = "run.end"
)

// Event is one line of the journal.
type Event struct {
	At       Duration  `json:"at"` // offset from the start of the run
	Kind     EventKind `json:"kind"`
	Phase    Phase     `json:"phase,omitempty"`
	FaultID  string    `json:"fault_id,omitempty"`
	Step     string    `json:"step,omitempty"`
	Fault    *Fault    `json:"fault,omitempty"`
	Evidence *Evidence `json:"evidence,omitempty"`
	Onset    *Timing   `json:"onset,omitempty"` // of active and unproven
	Outcome  Outcome   `json:"outcome,omitzero"`
	Text     string    `json:"text,omitempty"` // for people
}

// Timing is how far a fault came from when it was planned. When it was seen is the time of its event.
type Timing struct {
	Planned Duration `json:"planned"` // offset from the start of the run
	Applied Duration `json:"applied"` // the platform had taken hold, and open connections were under the fault
}

// OnsetTolerance is how long after its planned time a fault on a link may take hold. One that takes longer is
// not wrong, but what is said of times around it is less exact, and records say so.
const OnsetTolerance = Duration(100 * time.Millisecond)

// Late returns how long after its planned time the fault took hold.
func (t Timing) Late() Duration { return max(0, t.Applied-t.Planned) }

// LateOnLink returns whether a fault is on a link and took hold later than OnsetTolerance allows.
func (t Timing) LateOnLink(f Fault) bool {
	return f.Target.Kind == KindLink && t.Late() > OnsetTolerance
}

// OpenFaults returns the faults that were about to be injected and are not known to be healed, in the
// order of injection. A fault whose injection was interrupted counts as open.
func OpenFaults(events []Event) []Fault {
	healed := map[string]bool{}
	for _, e := range events {
		if e.Kind == EventHealed {
			healed[e.FaultID] = true
		}
	}
	var open []Fault
	for _, e := range events {
		if e.Kind == EventInjecting && e.Fault != nil && !healed[e.Fault.ID] {
			open = append(open, *e.Fault)
		}
	}
	return open
}
