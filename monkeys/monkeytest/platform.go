package monkeytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
)

// Platform is one client's way to a [World]. Its hooks stand for everything that can happen between a
// harness and what it acts on.
type Platform struct {
	World *World
	// Before is called, if set, before each call with the name of the method; an error is returned in place
	// of the call.
	Before func(ctx context.Context, call string) error
	// After is called, if set, when the call has been carried out; an error hides that it has.
	After func(ctx context.Context, call string) error
}

// Platform returns a way to the world on which nothing goes wrong.
func (w *World) Platform() *Platform { return &Platform{World: w} }

var (
	_ gameday.Platform = (*Platform)(nil)
	_ gameday.Holder   = (*Platform)(nil)
	_ gameday.Killer   = (*Platform)(nil)
	_ gameday.Pauser   = (*Platform)(nil)
	_ gameday.Shaper   = (*Platform)(nil)
	_ gameday.Switcher = (*Platform)(nil)
	_ gameday.Surger   = (*Platform)(nil)
	_ gameday.Observer = (*Platform)(nil)
	_ gameday.Prober   = (*Platform)(nil)

	_ gameday.EndProber = (*Platform)(nil)
)

// call carries out one call between the hooks, with the world locked.
func (p *Platform) call(ctx context.Context, name string, do func(w *World) error) error {
	if p.Before != nil {
		if err := p.Before(ctx, name); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.World.mu.Lock()
	p.World.expire()
	err := do(p.World)
	p.World.mu.Unlock()
	if err == nil && p.After != nil {
		err = p.After(ctx, name)
	}
	return err
}

// Name is "memory".
func (p *Platform) Name() string { return "memory" }

// Find returns the targets of the world.
func (p *Platform) Find(ctx context.Context, s gameday.Selector) (found []gameday.Target, err error) {
	err = p.call(ctx, "find", func(w *World) error {
		for _, t := range w.targets(s) {
			if selected(s, t) {
				found = append(found, t)
			}
		}
		slices.SortFunc(found, func(a, b gameday.Target) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
	return found, err
}

func (w *World) targets(s gameday.Selector) []gameday.Target {
	switch s.Kind {
	case gameday.KindInstance:
		all := slices.Clone(w.instances)
		for i := range all {
			all[i].Healthy = !w.down(all[i].Name) && !w.paused(all[i].Name)
		}
		return all
	case gameday.KindZone:
		return []gameday.Target{
			{Kind: gameday.KindZone, Name: "z1", Zone: "z1"}, {Kind: gameday.KindZone, Name: "z2", Zone: "z2"}, {Kind: gameday.KindZone, Name: "z3", Zone: "z3"},
		}
	case gameday.KindService:
		return []gameday.Target{{Kind: gameday.KindService, Name: "order", Service: "order"}, {Kind: gameday.KindService, Name: "product", Service: "product"}}
	case gameday.KindTraffic:
		return []gameday.Target{{Kind: gameday.KindTraffic, Name: "traffic"}}
	}
	return []gameday.Target{{Kind: gameday.KindLink, Name: s.From.String() + "->" + s.To.String(), From: s.From, To: s.To}}
}

func selected(s gameday.Selector, t gameday.Target) bool {
	for k, v := range s.Labels {
		if t.Labels[k] != v {
			return false
		}
	}
	return (s.Service == "" || s.Service == t.Service) && (s.Zone == "" || s.Zone == t.Zone) && (s.Instance == "" || s.Instance == t.Name)
}

// Held lists the open grips.
func (p *Platform) Held(ctx context.Context) (holds []gameday.Hold, err error) {
	err = p.call(ctx, "held", func(w *World) error { holds = w.held(); return nil })
	return holds, err
}

// Renew starts leases anew.
func (p *Platform) Renew(ctx context.Context, faults []string) error {
	return p.call(ctx, "renew", func(w *World) error { w.renew(faults); return nil })
}

// Release undoes what is held for the fault.
func (p *Platform) Release(ctx context.Context, fault string) error {
	return p.call(ctx, "release", func(w *World) error {
		w.release(func(h hold) bool { return h.grip.Fault == fault })
		return nil
	})
}

// Kill takes an instance down.
func (p *Platform) Kill(ctx context.Context, t gameday.Target, g gameday.Grip) error {
	return p.take(ctx, "kill", hold{grip: g, what: "kill " + t.Name, kill: t.Name}, t)
}

// Pause stops an instance.
func (p *Platform) Pause(ctx context.Context, t gameday.Target, g gameday.Grip) error {
	return p.take(ctx, "pause", hold{grip: g, what: "pause " + t.Name, pause: t.Name}, t)
}

// Switch turns a switch.
func (p *Platform) Switch(ctx context.Context, t gameday.Target, name, value string, g gameday.Grip) error {
	h := hold{grip: g, what: "switch " + name + " of " + t.Name, name: name, value: value, service: t.Service}
	if t.Kind == gameday.KindInstance {
		h.instance = t.Name
	}
	return p.take(ctx, "switch", h, t)
}

// Surge multiplies the load.
func (p *Platform) Surge(ctx context.Context, factor float64, flow string, g gameday.Grip) error {
	return p.take(ctx, "surge", hold{grip: g, what: fmt.Sprintf("surge %g %s", factor, flow), factor: factor}, gameday.Target{})
}

// Shape puts rules on links. Each rule is a call of its own to the hooks, so that it can stop half way.
func (p *Platform) Shape(ctx context.Context, rules []gameday.LinkRule, g gameday.Grip) error {
	for _, rule := range rules {
		what := fmt.Sprintf("link %s->%s %+v", rule.From, rule.To, rule)
		if err := p.take(ctx, "shape", hold{grip: g, what: what, rule: &rule}, gameday.Target{}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Platform) take(ctx context.Context, name string, h hold, t gameday.Target) error {
	return p.call(ctx, name, func(w *World) error {
		if t.Kind == gameday.KindInstance && !w.has(t.Name) {
			return fmt.Errorf("%s: no instance %q", name, t.Name)
		}
		w.take(h)
		return nil
	})
}

// State tells what the world knows of an instance.
func (p *Platform) State(ctx context.Context, t gameday.Target) (s gameday.State, err error) {
	err = p.call(ctx, "state", func(w *World) error {
		if !w.has(t.Name) {
			return fmt.Errorf("state: no instance %q", t.Name)
		}
		s = gameday.State{Running: !w.down(t.Name), Paused: w.paused(t.Name), PID: w.pids[t.Name], Starts: w.starts[t.Name]}
		s.Healthy = s.Running && !s.Paused
		return nil
	})
	return s, err
}

// Probe makes a round trip, without taking the time for it.
func (p *Platform) Probe(ctx context.Context, from, to gameday.Endpoint) (took gameday.Duration, err error) {
	err = p.call(ctx, "probe", func(w *World) error { took, err = w.probe(from, to); return err })
	return took, err
}

// ProbeEnd adds what rules hold the end of a connection back by.
func (p *Platform) ProbeEnd(ctx context.Context, from, to gameday.Endpoint) (took gameday.Duration, err error) {
	err = p.call(ctx, "probe end", func(w *World) error {
		if took, err = w.probe(from, to); err == nil {
			took += w.slowClose(from, to)
		}
		return err
	})
	return took, err
}

// SwitchValue reads a switch of each instance of t.
func (p *Platform) SwitchValue(ctx context.Context, t gameday.Target, name string) (values map[string]string, err error) {
	values = map[string]string{}
	err = p.call(ctx, "switch value", func(w *World) error {
		for _, instance := range w.instances {
			if instance.Name != t.Name && (t.Kind != gameday.KindService || instance.Service != t.Service) {
				continue
			}
			value, turned := w.switches(instance)[name]
			if !turned {
				value = switchDefault
			}
			values[instance.Name] = value
		}
		return nil
	})
	return values, err
}

// Offered returns the factor, and a rate of 100 requests per second times it.
func (p *Platform) Offered(ctx context.Context) (factor, rate float64, err error) {
	err = p.call(ctx, "offered", func(w *World) error { factor = w.factor(); return nil })
	return factor, 100 * factor, err
}

func (w *World) has(name string) bool {
	return slices.ContainsFunc(w.instances, func(t gameday.Target) bool { return t.Name == name })
}

func (w *World) renew(faults []string) {
	for i := range w.holds {
		if slices.Contains(faults, w.holds[i].grip.Fault) {
			w.holds[i].renewed = time.Now()
		}
	}
}
