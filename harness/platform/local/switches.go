package local

import (
	"context"
	"errors"

	"github.com/gameday-dev/gameday"
)

// switchHold is a switch that is held at a value on behalf of a fault. What a process read before the first of
// them is kept with the process: several faults may hold one switch, and the last to let go restores it.
type switchHold struct {
	target      gameday.Target
	name, value string
}

// turn sets a switch on every running instance of its target. Later ones are turned before they are healthy, those
// included that replace one which ends meanwhile.
func (s *Supervisor) turn(ctx context.Context, h *switchHold) error {
	var problems []error
	for _, in := range s.matching(h.target) {
		in.turning.Lock()
		s.mu.Lock()
		p := in.process
		ready := p != nil && in.served && !in.leaving
		s.mu.Unlock()
		if ready {
			if err := s.turnOne(ctx, in, p, h.name, h.value); p.ctx.Err() == nil {
				problems = append(problems, err)
			}
		}
		in.turning.Unlock()
	}
	return errors.Join(problems...)
}

// turnOne sets a switch of one process, and remembers what it read before any fault; in.turning is held.
func (s *Supervisor) turnOne(ctx context.Context, in *instance, p *process, name, value string) error {
	s.mu.Lock()
	_, known := p.before[name]
	s.mu.Unlock()
	if !known {
		was, err := s.readSwitch(ctx, in, name)
		if err != nil {
			return err
		}
		s.mu.Lock()
		p.before[name] = was
		s.mu.Unlock()
	}
	return s.writeSwitch(ctx, in, name, value)
}

// turnBack resets a switch, to what each process read before, or to what another fault still holds. A process
// that has ended took the value with it, and one that is leaving will.
func (s *Supervisor) turnBack(ctx context.Context, h *switchHold) error {
	var problems []error
	for _, in := range s.matching(h.target) {
		in.turning.Lock()
		problems = append(problems, s.turnOneBack(ctx, in, h.name))
		in.turning.Unlock()
	}
	return errors.Join(problems...)
}

// turnOneBack does it for one instance; in.turning is held.
func (s *Supervisor) turnOneBack(ctx context.Context, in *instance, name string) error {
	s.mu.Lock()
	p, leaving := in.process, in.leaving
	if p == nil {
		s.mu.Unlock()
		return nil
	}
	was, turned := p.before[name]
	value, held := s.heldSwitch(in, name)
	s.mu.Unlock()
	if !turned {
		return nil
	}
	var err error
	if held {
		err = s.writeSwitch(ctx, in, name, value)
	} else {
		err = s.restoreSwitch(ctx, in, p, name, was)
	}
	if leaving || p.ctx.Err() != nil {
		return nil
	}
	return err
}

// restoreSwitch lets the process fall back to its default, and sets what it read before if that was another.
func (s *Supervisor) restoreSwitch(ctx context.Context, in *instance, p *process, name, was string) error {
	if err := s.forgetSwitch(ctx, in, name); err != nil {
		return err
	}
	now, err := s.readSwitch(ctx, in, name)
	if err == nil && now != was {
		err = s.writeSwitch(ctx, in, name, was)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(p.before, name)
	s.mu.Unlock()
	return nil
}

// applySwitches gives an instance that answers for the first time the switches that are held for it; in.turning is
// held until the instance counts as served, so that none is given to it that was let go meanwhile.
func (s *Supervisor) applySwitches(ctx context.Context, in *instance, p *process) bool {
	s.mu.Lock()
	wanted := map[string]string{}
	for _, f := range s.sortedFaults() {
		for _, h := range f.switches {
			if matches(in, h.target) && h.target.Kind != gameday.KindInstance {
				wanted[h.name] = h.value
			}
		}
	}
	s.mu.Unlock()
	for name, value := range wanted {
		if err := s.turnOne(ctx, in, p, name, value); err != nil && !errors.Is(err, errUnknown) {
			s.report(err)
			return false
		}
	}
	return true
}

// heldSwitch returns the value at which some fault holds a switch of an instance; s.mu is held.
func (s *Supervisor) heldSwitch(in *instance, name string) (value string, held bool) {
	for _, f := range s.sortedFaults() {
		for _, h := range f.switches {
			if h.name == name && matches(in, h.target) {
				value, held = h.value, true
			}
		}
	}
	return value, held
}

// switchValues reads a switch of every running instance of a target. Instances without that switch are left out.
func (s *Supervisor) switchValues(ctx context.Context, t gameday.Target, name string) (map[string]string, error) {
	values := map[string]string{}
	for _, in := range s.matching(t) {
		s.mu.Lock()
		ready := in.process != nil && in.served && !in.leaving
		s.mu.Unlock()
		if !ready {
			continue
		}
		value, err := s.readSwitch(ctx, in, name)
		switch {
		case errors.Is(err, errUnknown):
		case err != nil:
			return nil, err
		default:
			values[in.name] = value
		}
	}
	return values, nil
}
