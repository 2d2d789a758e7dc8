package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// Limits of what is held.
const (
	maxFaults   = 1000
	maxFaultID  = 200
	maxHold     = gameday.Duration(24 * time.Hour)
	maxEnded    = 1000 // how many ended faults are remembered
	reapEvery   = 50 * time.Millisecond
	retryUndo   = time.Second
	undoTimeout = 30 * time.Second
)

// fault is everything that is held on behalf of one fault, and until when. The clock is monotonic: time.Time
// carries it, and only differences are used.
type fault struct {
	changing sync.Mutex // one change or release at a time

	// Guarded by Supervisor.mu.
	grip     gameday.Grip
	begun    time.Time
	renewed  time.Time
	retry    time.Time // not to be undone again before, after an undo that went wrong
	over     bool      // released: whoever waited for changing must look it up anew
	kills    []gameday.Target
	pauses   []*pauseHold
	rules    []gameday.LinkRule
	switches []*switchHold
}

type pauseHold struct {
	in *instance
	p  *process
}

// Ended is one fault that is held no more.
type Ended struct {
	Fault string           `json:"fault"`
	Why   string           `json:"why"` // released, deadline or lease
	At    gameday.Duration `json:"at"`  // since the topology was started
}

// Change is what is to be taken hold of on behalf of a fault, all together.
type Change struct {
	For      gameday.Duration   `json:"for"`
	Lease    gameday.Duration   `json:"lease"`
	Links    []gameday.LinkRule `json:"links,omitempty"`
	Kill     []gameday.Target   `json:"kill,omitempty"`
	Pause    []gameday.Target   `json:"pause,omitempty"`
	Switches []SwitchChange     `json:"switches,omitempty"`
}

// SwitchChange turns one switch.
type SwitchChange struct {
	Target gameday.Target `json:"target"`
	Name   string         `json:"name"`
	Value  string         `json:"value"`
}

// left returns how long f is still held, and what ends it.
func (f *fault) left(now time.Time) (time.Duration, string) {
	deadline, lease := f.begun.Add(f.grip.For.Std()).Sub(now), f.renewed.Add(f.grip.Lease.Std()).Sub(now)
	if lease < deadline {
		return lease, "lease"
	}
	return deadline, "deadline"
}

func (f *fault) describe() []string {
	var what []string
	for _, t := range f.kills {
		what = append(what, "kill "+t.Name)
	}
	for _, h := range f.pauses {
		what = append(what, "pause "+h.in.name)
	}
	for _, r := range f.rules {
		what = append(what, fmt.Sprintf("link %s->%s %s", r.From, r.To, describeRule(r)))
	}
	for _, h := range f.switches {
		what = append(what, fmt.Sprintf("switch %s=%s of %s", h.name, h.value, h.target.Name))
	}
	return what
}

// matches says whether a fault on t concerns an instance.
func matches(in *instance, t gameday.Target) bool {
	switch t.Kind {
	case gameday.KindInstance:
		return in.name == t.Name
	case gameday.KindService:
		return in.service.Name == t.Name
	case gameday.KindZone:
		return in.zone.Name == t.Name
	}
	return false
}

func (s *Supervisor) matching(t gameday.Target) []*instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(s.sorted(), func(in *instance) bool { return !matches(in, t) })
}

// killHeld says whether some fault keeps an instance down; s.mu is held, or nothing runs yet.
func (s *Supervisor) killHeld(in *instance) bool {
	for _, f := range s.faults {
		if slices.ContainsFunc(f.kills, func(t gameday.Target) bool { return matches(in, t) }) {
			return true
		}
	}
	return false
}

func (s *Supervisor) checkChange(id string, c Change) error {
	if id == "" || len(id) > maxFaultID {
		return fmt.Errorf("fault id of %d characters: %w: want 1 to %d", len(id), errInvalid, maxFaultID)
	}
	if c.For <= 0 || c.For > maxHold || c.Lease <= 0 || c.Lease > maxHold {
		return fmt.Errorf("hold for fault %s: %w: for %v and lease %v must be more than 0 and at most %v", id, errInvalid, c.For, c.Lease, maxHold)
	}
	if n := len(c.Links) + len(c.Kill) + len(c.Pause) + len(c.Switches); n == 0 || n > maxRules {
		return fmt.Errorf("hold for fault %s: %w: want 1 to %d changes, not %d", id, errInvalid, maxRules, n)
	}
	for _, r := range c.Links {
		if err := s.checkRule(r); err != nil {
			return err
		}
	}
	targets := slices.Concat(c.Kill, c.Pause)
	for _, w := range c.Switches {
		targets = append(targets, w.Target)
	}
	for _, t := range targets {
		if len(s.matching(t)) == 0 {
			return fmt.Errorf("%s %q: %w", t.Kind, t.Name, errUnknown)
		}
	}
	return nil
}

// hold takes hold of everything in c for a fault, links first so that nothing leaves as a farewell. When it
// stops half way, what it has is held until it is released or expires.
func (s *Supervisor) hold(ctx context.Context, id string, c Change) error {
	if err := s.checkChange(id, c); err != nil {
		return err
	}
	f, err := s.open(id, c)
	if err != nil {
		return err
	}
	defer f.changing.Unlock()
	if len(c.Links) > 0 {
		s.mu.Lock()
		f.rules = append(f.rules, c.Links...)
		s.mu.Unlock()
		s.relink()
	}
	var problems []error
	problems = append(problems, s.killAll(f, c.Kill))
	for _, t := range c.Pause {
		problems = append(problems, s.pause(ctx, f, t))
	}
	for _, w := range c.Switches {
		h := &switchHold{target: w.Target, name: w.Name, value: w.Value}
		s.mu.Lock()
		f.switches = append(f.switches, h)
		s.mu.Unlock()
		problems = append(problems, s.turn(ctx, h))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("hold for fault %s: %w", id, err)
	}
	return nil
}

// open returns the fault, new or known, with its lease renewed and f.changing locked.
func (s *Supervisor) open(id string, c Change) (*fault, error) {
	for {
		s.mu.Lock()
		f := s.faults[id]
		if f == nil {
			if len(s.faults) >= maxFaults {
				s.mu.Unlock()
				return nil, fmt.Errorf("hold for fault %s: %w: %d faults are open already", id, errInvalid, maxFaults)
			}
			f = &fault{begun: time.Now(), grip: gameday.Grip{Fault: id, For: c.For, Lease: c.Lease}}
			s.faults[id] = f
		}
		f.renewed, f.grip.Lease = time.Now(), c.Lease
		s.mu.Unlock()
		f.changing.Lock()
		s.mu.Lock()
		over := f.over
		s.mu.Unlock()
		if !over {
			return f, nil
		}
		f.changing.Unlock() // it was released while we waited; a new one begins
	}
}

// killAll keeps the targets down from now on, and returns when they are.
func (s *Supervisor) killAll(f *fault, targets []gameday.Target) error {
	if len(targets) == 0 {
		return nil
	}
	var problems []error
	for _, t := range targets {
		victims := s.matching(t)
		for _, in := range victims {
			in.gate.Lock() // no start is under way while the hold begins
		}
		s.mu.Lock()
		f.kills = append(f.kills, t)
		s.mu.Unlock()
		for _, in := range victims {
			in.gate.Unlock()
		}
		for _, in := range victims {
			problems = append(problems, s.killNow(in))
		}
	}
	return errors.Join(problems...)
}

func (s *Supervisor) killNow(in *instance) error {
	s.mu.Lock()
	p := in.process
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := p.kill(); err != nil {
		return fmt.Errorf("kill %s: %w", in.name, err)
	}
	<-p.ctx.Done() // SIGKILL is certain
	s.ended(in, p) // so that nobody counts on it when the kill has returned
	in.gate.Lock()
	defer in.gate.Unlock()
	s.mu.Lock()
	same := in.process == nil || in.process == p
	s.mu.Unlock()
	if same {
		s.shut(in)
	}
	return nil
}

// pause stops what runs of the target, and returns when the kernel says so.
func (s *Supervisor) pause(ctx context.Context, f *fault, t gameday.Target) error {
	var problems []error
	for _, in := range s.matching(t) {
		s.mu.Lock()
		p := in.process
		if p != nil {
			f.pauses = append(f.pauses, &pauseHold{in, p})
		}
		s.mu.Unlock()
		if p == nil {
			problems = append(problems, fmt.Errorf("pause %s: it does not run", in.name))
			continue
		}
		if err := p.stop(); err != nil {
			problems = append(problems, fmt.Errorf("pause %s: %w", in.name, err))
			continue
		}
		for !p.stopped() && p.ctx.Err() == nil && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}
	return errors.Join(problems...)
}

// release lets go of everything that is held for a fault. What is not held is released already.
func (s *Supervisor) release(ctx context.Context, id, why string) error {
	s.mu.Lock()
	f := s.faults[id]
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	f.changing.Lock()
	defer f.changing.Unlock()
	s.mu.Lock()
	if f.over || why == "lease" && f.expired(time.Now()) == "" { // renewed while we waited
		s.mu.Unlock()
		return nil
	}
	kills, pauses, switches := f.kills, f.pauses, f.switches
	f.kills, f.pauses, f.rules, f.switches = nil, nil, nil, nil
	s.mu.Unlock()

	s.relink()
	pauses, switches, err := s.undo(ctx, pauses, switches)
	for _, t := range kills {
		for _, in := range s.matching(t) {
			in.notify()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		f.pauses, f.switches = pauses, switches
		f.retry = time.Now().Add(retryUndo)
		return fmt.Errorf("release fault %s: %w", id, err)
	}
	f.over = true
	delete(s.faults, id)
	s.endings[why]++
	s.over = append(s.over, Ended{Fault: id, Why: why, At: gameday.Duration(time.Since(s.begun))})
	s.over = s.over[max(0, len(s.over)-maxEnded):]
	s.config.Log.Info("fault ended", "fault", id, "why", why)
	return nil
}

// undo resumes and turns back, and returns what could not be undone. Processes resume first: a stopped one
// could not be asked to turn a switch back.
func (s *Supervisor) undo(ctx context.Context, pauses []*pauseHold, switches []*switchHold) (paused []*pauseHold, turned []*switchHold, err error) {
	var problems []error
	for _, h := range pauses {
		if s.pausedByAnother(h) {
			continue
		}
		if err := h.p.resume(); err != nil {
			paused = append(paused, h)
			problems = append(problems, fmt.Errorf("resume %s: %w", h.in.name, err))
		}
	}
	for _, h := range switches {
		if err := s.turnBack(ctx, h); err != nil {
			turned = append(turned, h)
			problems = append(problems, err)
		}
	}
	return paused, turned, errors.Join(problems...)
}

func (s *Supervisor) pausedByAnother(h *pauseHold) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if slices.ContainsFunc(f.pauses, func(other *pauseHold) bool { return other.p == h.p }) {
			return true
		}
	}
	return false
}

// expired says what has ended f, if anything has.
func (f *fault) expired(now time.Time) string {
	if left, why := f.left(now); left <= 0 && !now.Before(f.retry) {
		return why
	}
	return ""
}

// reap releases what has expired, until the supervisor stops.
func (s *Supervisor) reap() {
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			expired := map[string]string{}
			s.mu.Lock()
			for id, f := range s.faults {
				if why := f.expired(now); why != "" {
					expired[id] = why
				}
			}
			s.mu.Unlock()
			for id, why := range expired {
				ctx, cancel := context.WithTimeout(s.ctx, undoTimeout)
				s.report(s.release(ctx, id, why))
				cancel()
			}
		}
	}
}

// renew starts leases anew.
func (s *Supervisor) renew(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if f := s.faults[id]; f != nil {
			f.renewed = time.Now()
		}
	}
}

// held lists the open faults, by id.
func (s *Supervisor) held() []gameday.Hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	holds := []gameday.Hold{}
	now := time.Now()
	for _, f := range s.sortedFaults() {
		left, _ := f.left(now)
		holds = append(holds, gameday.Hold{Grip: f.grip, What: f.describe(), Left: gameday.Duration(max(0, left))})
	}
	return holds
}
