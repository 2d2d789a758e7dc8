package gameday

import (
	"context"
	"encoding/json"
	"time"
)

// Monkey is one kind of trouble, and its end. The struct that implements it is its configuration; the
// harness owns order, journal, claims and time. A monkey never looks at traffic or assertions.
type Monkey interface {
	// Prepare says what Inject would change on t and reads the state before. It changes nothing. The
	// harness fills ID, Run, Step, Monkey and For of the returned fault. ErrUnsupported when p cannot do it.
	Prepare(ctx context.Context, p Platform, t Target) (Fault, error)

	// Inject brings f about. It may stop half way with an error; the harness then heals f.
	Inject(ctx context.Context, p Platform, f Fault) error

	// Verify measures, without changing anything, whether f is in effect now. It is asked again until it
	// answers what the harness waits for, or a limit passes; not knowing is EffectUnknown, not an error.
	Verify(ctx context.Context, p Platform, f Fault) (Evidence, error)

	// Heal ends f. It is idempotent, knows only f, and may be called by another process than the one
	// that injected, for a fault that never took hold, or for one that the platform already ended.
	Heal(ctx context.Context, p Platform, f Fault) error
}

// Unmeasured is a monkey whose Verify never knows. A fault of it needs a proof on metrics, without which nothing would
// show that it took effect.
type Unmeasured interface {
	Unmeasured() string // why, for people
}

// Fault is one monkey on one target: data, not a closure, so that any process can end it from the
// journal alone.
type Fault struct {
	ID      string          `json:"id"`     // unique across runs
	Run     string          `json:"run"`    // the run that injects it
	Step    string          `json:"step"`   // the plan step it belongs to
	Monkey  string          `json:"monkey"` // name in the catalog
	Config  json.RawMessage `json:"config"` // the monkey's own fields
	Target  Target          `json:"target"`
	Claims  []string        `json:"claims"`           // properties it takes hold of, such as "link order->promotion"; no two open faults share one
	Summary string          `json:"summary"`          // one line for people: what is touched, and how it is healed
	Before  json.RawMessage `json:"before,omitempty"` // what Prepare read, for Verify
	For     Duration        `json:"for"`              // how long it is meant to last, more than 0
}

// LeaseTime is how long whoever enforces a fault keeps it without hearing from the harness.
const LeaseTime = 15 * time.Second

// healGrace is how long past its planned end a fault may be held before its enforcer ends it alone: the
// harness heals on time, so this fires only when the harness is stuck but still renewing.
const healGrace = 5 * time.Second

// Grip returns the terms on which a platform holds f.
func (f Fault) Grip() Grip {
	return Grip{Fault: f.ID, For: f.For + Duration(healGrace), Lease: Duration(LeaseTime)}
}

// Effect is what a measurement says about a fault. The zero value is no knowledge.
type Effect int

// The effects.
const (
	EffectUnknown Effect = iota
	InEffect             // the fault was seen to act on its target
	Gone                 // the target behaves as before
)

var effectNames = []string{"unknown", "in effect", "gone"}

// String returns the effect in words.
func (e Effect) String() string { return name(effectNames, int(e)) }

// MarshalText writes the effect in words.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Effect) UnmarshalText(text []byte) error { return parseName(effectNames, text, e) }

// Evidence is what Verify measured.
type Evidence struct {
	Effect   Effect             `json:"effect"`
	What     string             `json:"what"` // one line for people: "+203ms measured over 5 probes"
	Measured map[string]float64 `json:"measured,omitempty"`
}
