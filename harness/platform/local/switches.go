package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gameday-dev/gameday"
)

// switchTimeout bounds one exchange with the admin page of one instance.
const switchTimeout = 2 * time.Second

// switchHold is a switch that is held at a value on behalf of a fault.
type switchHold struct {
	target      gameday.Target
	name, value string
	before      map[*process]string // what each process read when it was turned
}

// turn sets a switch on every running instance of its target. Later ones are turned when they are healthy.
func (s *Supervisor) turn(ctx context.Context, h *switchHold) error {
	var problems []error
	for _, in := range s.matching(h.target) {
		s.mu.Lock()
		p := in.process
		ready := p != nil && in.served && !in.leaving
		s.mu.Unlock()
		if !ready {
			continue
		}
		was, err := s.readSwitch(ctx, in, h.name)
		if err == nil {
			err = s.writeSwitch(ctx, in, h.name, h.value)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		s.mu.Lock()
		h.before[p] = was
		s.mu.Unlock()
	}
	return errors.Join(problems...)
}

// turnBack resets a switch, to what each process read before, or to what another fault still holds. A process
// that has ended took the value with it, and one that is leaving will.
func (s *Supervisor) turnBack(ctx context.Context, h *switchHold) error {
	var problems []error
	for _, in := range s.matching(h.target) {
		s.mu.Lock()
		p := in.process
		was, turned := h.before[p]
		value, held := s.heldSwitch(in, h.name)
		served, leaving := in.served, in.leaving
		s.mu.Unlock()
		if p == nil || !turned && !served {
			continue
		}
		var err error
		if held {
			err = s.writeSwitch(ctx, in, h.name, value)
		} else {
			err = s.resetSwitch(ctx, in, h.name, was, turned)
		}
		if err != nil && !errors.Is(err, errUnknown) && !leaving && p.ctx.Err() == nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// applySwitches gives an instance that just became healthy the switches that are held for it.
func (s *Supervisor) applySwitches(ctx context.Context, in *instance) bool {
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
		if err := s.writeSwitch(ctx, in, name, value); err != nil && !errors.Is(err, errUnknown) {
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

// resetSwitch lets the process fall back to its default, and restores what it read before if that was another.
func (s *Supervisor) resetSwitch(ctx context.Context, in *instance, name, was string, turned bool) error {
	if err := s.exchange(ctx, in, http.MethodDelete, "/switch/"+url.PathEscape(name), nil, nil); err != nil {
		return err
	}
	if !turned {
		return nil
	}
	now, err := s.readSwitch(ctx, in, name)
	if err == nil && now != was {
		err = s.writeSwitch(ctx, in, name, was)
	}
	return err
}

func (s *Supervisor) readSwitch(ctx context.Context, in *instance, name string) (string, error) {
	all := map[string]string{}
	if err := s.exchange(ctx, in, http.MethodGet, "/switch", nil, &all); err != nil {
		return "", err
	}
	value, known := all[name]
	if !known {
		return "", fmt.Errorf("switch %q of %s: %w", name, in.name, errUnknown)
	}
	return value, nil
}

func (s *Supervisor) writeSwitch(ctx context.Context, in *instance, name, value string) error {
	return s.exchange(ctx, in, http.MethodPut, "/switch/"+url.PathEscape(name), map[string]string{"value": value}, nil)
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

// exchange talks JSON to the admin port of an instance.
func (s *Supervisor) exchange(ctx context.Context, in *instance, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, switchTimeout)
	defer cancel()
	what := fmt.Sprintf("%s %s of %s", method, path, in.name)
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, in.adminURL(path), &payload)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	answer, err := s.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", what, errUnknown)
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s: status %s: %s", what, answer.Status, bytes.TrimSpace(text))
	case into != nil:
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("%s: read answer: %w", what, err)
		}
	}
	return nil
}
