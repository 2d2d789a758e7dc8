package gameday

import (
	"context"
	"errors"
)

// ErrUnsupported reports that a platform lacks the ability that a monkey needs.
var ErrUnsupported = errors.New("not supported by this platform")

// Grip names the fault on whose behalf a platform changes something, and the terms: the platform
// undoes what it holds for the fault by itself when For has passed since it took hold, or when Lease
// has passed since the last renewal, by its own monotonic clock.
type Grip struct {
	Fault string   `json:"fault"`
	For   Duration `json:"for"`
	Lease Duration `json:"lease"`
}

// Hold is one grip that a platform has at this moment.
type Hold struct {
	Grip
	What []string `json:"what"` // "kill product-z1-1", "link order->promotion latency 2s"
	Left Duration `json:"left"` // until the platform lets go by itself
}

// Holder remembers what it changed for which fault, and lets go. Every platform that can be changed is
// one; the abilities below take hold, and only Release lets go.
type Holder interface {
	// Held lists the open grips, ordered by fault.
	Held(ctx context.Context) ([]Hold, error)
	// Renew starts the leases of the named faults anew. Unknown names are ignored.
	Renew(ctx context.Context, faults []string) error
	// Release undoes everything that is held for the fault, and returns when it is undone. Nothing held
	// is no error.
	Release(ctx context.Context, fault string) error
}

// Killer ends an instance at once, as a power cut would, and keeps it down until released.
type Killer interface {
	Kill(ctx context.Context, t Target, g Grip) error
}

// Pauser stops an instance from running without ending it, until released.
type Pauser interface {
	Pause(ctx context.Context, t Target, g Grip) error
}

// Direction says which way of a link a rule applies to.
type Direction string

// The directions. A request travels from caller to callee.
const (
	Both     Direction = "both"
	Request  Direction = "request"
	Response Direction = "response"
)

// LinkRule is a condition of the network between callers and callees. Zero fields change nothing.
type LinkRule struct {
	From      Endpoint  `json:"from"`
	To        Endpoint  `json:"to"`
	Direction Direction `json:"direction,omitempty"` // both when empty

	Latency   Duration `json:"latency,omitempty"`    // added to each chunk, one way
	Jitter    Duration `json:"jitter,omitempty"`     // uniform in [-Jitter, +Jitter], by seed
	Bandwidth int64    `json:"bandwidth,omitempty"`  // bytes per second
	BlackHole bool     `json:"black_hole,omitempty"` // accept and swallow
	Reset     bool     `json:"reset,omitempty"`      // answer with RST after the first bytes
	SlowClose Duration `json:"slow_close,omitempty"` // hold the end of the connection back
	Cut       bool     `json:"cut,omitempty"`        // refuse new connections, break established ones
}

// Shaper changes links, for established connections too, until released.
type Shaper interface {
	Shape(ctx context.Context, rules []LinkRule, g Grip) error
}

// Switcher turns a switch of the system under test itself, such as a planted bug, until released. With
// a service as target, instances that start later get the same value.
type Switcher interface {
	Switch(ctx context.Context, t Target, name, value string, g Grip) error
	// SwitchValue reads the switch of each instance of t, keyed by instance.
	SwitchValue(ctx context.Context, t Target, name string) (map[string]string, error)
}

// Surger multiplies the offered load until released.
type Surger interface {
	// Surge multiplies by factor, more than 0. With an empty flow whole sessions are copied, each with an
	// identity of its own; else only the requests of that flow are, each as a session of its own.
	Surge(ctx context.Context, factor float64, flow string, g Grip) error
	// Offered returns the factor in force and the rate that was really sent in the last second, in requests per second.
	Offered(ctx context.Context) (factor, rate float64, err error)
}

// Scaler changes how many copies of a service run. It returns when the change is under way.
type Scaler interface {
	Scale(ctx context.Context, service string, replicas int) error
}

// State is what a platform knows of one instance from outside of it.
type State struct {
	Running bool     `json:"running"` // the process exists
	Paused  bool     `json:"paused"`  // it exists but does not run
	Healthy bool     `json:"healthy"` // its health check answers
	PID     int      `json:"pid,omitempty"`
	Starts  int      `json:"starts"` // how often it was started in this topology's life
	Uptime  Duration `json:"uptime,omitempty"`
}

// Observer tells the true state of an instance, whatever the instance says of itself.
type Observer interface {
	State(ctx context.Context, t Target) (State, error)
}

// Prober makes one round trip over a link as a caller there would, new connection included, and
// returns how long it took. The error of a refused, reset or timed out trip is a *ProbeError.
type Prober interface {
	Probe(ctx context.Context, from, to Endpoint) (Duration, error)
}

// EndProber makes a round trip as a Prober does, lets the callee close the connection, and returns how long it took
// until the orderly end of that connection came, with the same errors.
type EndProber interface {
	ProbeEnd(ctx context.Context, from, to Endpoint) (Duration, error)
}

// ProbeError is a round trip that did not come back: evidence, not a failure of the prober.
type ProbeError struct {
	Link string // "order->promotion"
	Err  error
}

// Error describes the failed trip.
func (e *ProbeError) Error() string { return "probe " + e.Link + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ProbeError) Unwrap() error { return e.Err }

// Parts is a platform made of others, such as a topology and the load on it.
type Parts interface {
	Parts() []Platform
}

// Able returns p, or the first part of p, that has the ability T.
//
//	k, ok := gameday.Able[gameday.Killer](p)
func Able[T any](p Platform) (T, bool) {
	if t, ok := p.(T); ok {
		return t, true
	}
	if parts, ok := p.(Parts); ok {
		for _, part := range parts.Parts() {
			if t, ok := Able[T](part); ok {
				return t, true
			}
		}
	}
	var none T
	return none, false
}

// Abilities returns every part of p, p itself first, that has the ability T. What must reach all who
// remember a fault, such as renewing and releasing, goes to each [Holder] found so.
func Abilities[T any](p Platform) []T {
	var all []T
	if t, ok := p.(T); ok {
		all = append(all, t)
	}
	if parts, ok := p.(Parts); ok {
		for _, part := range parts.Parts() {
			all = append(all, Abilities[T](part)...)
		}
	}
	return all
}

// Release lets go of everything that any part of p holds for the fault, and joins what went wrong.
func Release(ctx context.Context, p Platform, fault string) error {
	var errs []error
	for _, h := range Abilities[Holder](p) {
		errs = append(errs, h.Release(ctx, fault))
	}
	return errors.Join(errs...)
}
