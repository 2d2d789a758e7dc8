package monkeytest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/gameday-dev/gameday"
)

// Run puts a monkey through everything that the harness relies on, each case on a world that newWorld returns
// at rest. The target is the first of the world's that the monkey can be prepared for. A monkey that cannot
// measure its effect passes with [gameday.EffectUnknown], as long as it never claims to know.
func Run(t *testing.T, newWorld func() *World, monkey gameday.Monkey) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &suite{T: t, world: newWorld(), monkey: monkey}
			s.platform = s.world.Platform()
			s.rest = s.world.Snapshot()
			s.target = s.findTarget()
			c.check(s)
			if t.Failed() {
				t.Log("why this matters: " + c.why)
			}
		})
	}
}

var cases = []struct {
	name, why string
	check     func(*suite)
}{
	{"prepare changes nothing and says what it would do", "gameday plan prepares every fault of a scenario that may never run", (*suite).prepares},
	{"claims are stable", "two faults on one property would each remember the other's damage as the state before", (*suite).claims},
	{"inject is seen in effect, and heal is seen gone", "a fault that did not bite proves nothing, and one that stays is an outage", (*suite).cycle},
	{"heal twice is heal once", "recover may run after a heal whose record was lost", (*suite).healTwice},
	{"heal without inject changes nothing", "the harness may die between the journal and the injection", (*suite).healOnly},
	{"a new process heals from the record alone", "after kill -9 only the journal is left", (*suite).healFromJSON},
	{"an injection that stops half way is healed", "what was done before the error must not stay", (*suite).halfWay},
	{"a platform that let go by itself is gone, and heals without an error", "a lease ends a fault before the harness does", (*suite).lease},
	{"a heal that fails says so, and works when asked again", "a heal that swallows an error is a leak nobody hears of", (*suite).healFails},
	{"a platform without the ability is refused", "an unsupported fault must be known before the run, not during it", (*suite).unsupported},
	{"a target of another kind is refused", "a wrong target must not be touched", (*suite).otherKind},
	{"fields survive the journal", "healing decodes them in another process", (*suite).roundTrip},
}

type suite struct {
	*testing.T
	world    *World
	platform *Platform
	monkey   gameday.Monkey
	target   gameday.Target
	rest     string
}

// candidates holds one target of each kind, links with both ends named.
func (s *suite) candidates() []gameday.Target {
	s.Helper()
	var all []gameday.Target
	for _, sel := range []gameday.Selector{
		{Kind: gameday.KindInstance, Service: "product", Zone: "z2"},
		{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "order"}, To: gameday.Endpoint{Service: "product"}},
		{Kind: gameday.KindZone, Zone: "z1"},
		{Kind: gameday.KindService, Service: "product"},
		{Kind: gameday.KindTraffic},
	} {
		found, err := s.platform.Find(s.Context(), sel)
		if err != nil || len(found) == 0 {
			s.Fatalf("find %s in the world: %d found, %v", sel, len(found), err)
		}
		all = append(all, found[0])
	}
	return all
}

func (s *suite) findTarget() gameday.Target {
	s.Helper()
	var errs []error
	for _, t := range s.candidates() {
		_, err := s.monkey.Prepare(s.Context(), s.platform, t)
		if err == nil {
			return t
		}
		errs = append(errs, err)
	}
	s.Fatalf("no target of the world suits the monkey: %v", errors.Join(errs...))
	return gameday.Target{}
}

func (s *suite) prepare() gameday.Fault {
	s.Helper()
	f, err := s.monkey.Prepare(s.Context(), s.platform, s.target)
	s.must(err, "prepare")
	f.ID, f.Run, f.Step, f.For = "run-f1", "run", "step", gameday.Duration(60e9)
	return f
}

func (s *suite) must(err error, what string) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// effect fails unless the monkey sees want, or says that it cannot know.
func (s *suite) effect(monkey gameday.Monkey, f gameday.Fault, want gameday.Effect) {
	s.Helper()
	e, err := monkey.Verify(s.Context(), s.platform, f)
	s.must(err, "verify")
	if e.Effect != want && e.Effect != gameday.EffectUnknown {
		s.Errorf("verify says %s (%s), want %s", e.Effect, e.What, want)
	}
	if e.What == "" {
		s.Error("verify gives no words")
	}
	if before := s.world.Snapshot(); e.Effect == gameday.Gone && before != s.rest {
		s.Errorf("verify says gone, but the world is not at rest:\n%s", before)
	}
}

func (s *suite) atRest() {
	s.Helper()
	if now := s.world.Snapshot(); now != s.rest {
		s.Errorf("the world is not as before:\n%s\nbefore:\n%s", now, s.rest)
	}
}

func (s *suite) touched() {
	s.Helper()
	if s.world.Snapshot() == s.rest {
		s.Error("inject changed nothing")
	}
}

func (s *suite) prepares() {
	f := s.prepare()
	s.atRest()
	if f.Summary == "" || len(f.Config) == 0 || f.Target.Name == "" {
		s.Errorf("fault lacks summary, fields or target: %+v", f)
	}
}

func (s *suite) claims() {
	first, second := s.prepare(), s.prepare()
	if len(first.Claims) == 0 {
		s.Error("fault claims nothing")
	}
	if !slices.Equal(first.Claims, second.Claims) {
		s.Errorf("claims differ between two calls: %q and %q", first.Claims, second.Claims)
	}
}

func (s *suite) cycle() {
	f := s.prepare()
	s.effect(s.monkey, f, gameday.Gone)
	s.must(s.monkey.Inject(s.Context(), s.platform, f), "inject")
	s.touched()
	s.effect(s.monkey, f, gameday.InEffect)
	s.must(s.monkey.Heal(s.Context(), s.platform, f), "heal")
	s.atRest()
	s.effect(s.monkey, f, gameday.Gone)
}

func (s *suite) healTwice() {
	f := s.prepare()
	s.must(s.monkey.Inject(s.Context(), s.platform, f), "inject")
	for range 2 {
		s.must(s.monkey.Heal(s.Context(), s.platform, f), "heal")
		s.atRest()
	}
}

func (s *suite) healOnly() {
	f := s.prepare()
	s.must(s.monkey.Heal(s.Context(), s.platform, f), "heal")
	s.atRest()
}

// fresh returns a zero monkey of the same type with the fields of the fault, as another process would make it.
func (s *suite) fresh(f gameday.Fault) (gameday.Monkey, gameday.Fault) {
	s.Helper()
	line, err := json.Marshal(f)
	s.must(err, "write the fault")
	var read gameday.Fault
	s.must(json.Unmarshal(line, &read), "read the fault")
	monkey := reflect.New(reflect.TypeOf(s.monkey).Elem()).Interface().(gameday.Monkey)
	s.must(json.Unmarshal(read.Config, monkey), "read the fields")
	return monkey, read
}

func (s *suite) healFromJSON() {
	f := s.prepare()
	s.must(s.monkey.Inject(s.Context(), s.platform, f), "inject")
	monkey, read := s.fresh(f)
	s.effect(monkey, read, gameday.InEffect)
	s.must(monkey.Heal(s.Context(), s.platform, read), "heal")
	s.atRest()
	s.effect(monkey, read, gameday.Gone)
}

// halfWay lets the injection fail at its first change, then at its second, and so on until it succeeds.
func (s *suite) halfWay() {
	injected := errors.New("connection lost")
	const changesMax = 100
	for allowed := range changesMax {
		f := s.prepare()
		changes := 0
		s.platform.After = func(_ context.Context, call string) error {
			if slices.Contains([]string{"kill", "pause", "shape", "switch", "surge"}, call) {
				if changes++; changes > allowed {
					return injected // the change was made, and nobody was told
				}
			}
			return nil
		}
		err := s.monkey.Inject(s.Context(), s.platform, f)
		s.platform.After = nil
		if err != nil && !errors.Is(err, injected) {
			s.Errorf("inject hides the platform's error: %v", err)
		}
		s.must(s.monkey.Heal(s.Context(), s.platform, f), "heal")
		s.atRest()
		if err == nil {
			return
		}
	}
	s.Errorf("inject makes more than %d changes", changesMax)
}

func (s *suite) lease() {
	f := s.prepare()
	s.must(s.monkey.Inject(s.Context(), s.platform, f), "inject")
	s.world.Expire(f.ID)
	s.effect(s.monkey, f, gameday.Gone)
	s.must(s.monkey.Heal(s.Context(), s.platform, f), "heal")
	s.atRest()
}

func (s *suite) healFails() {
	f := s.prepare()
	s.must(s.monkey.Inject(s.Context(), s.platform, f), "inject")
	down := errors.New("connection refused")
	s.platform.Before = func(context.Context, string) error { return down }
	if err := s.monkey.Heal(s.Context(), s.platform, f); !errors.Is(err, down) {
		s.Errorf("heal without a platform returns %v", err)
	}
	s.platform.Before = nil
	s.must(s.monkey.Heal(s.Context(), s.platform, f), "heal again")
	s.atRest()
}

// bare is a platform that can only be looked at.
type bare struct{ p *Platform }

func (b bare) Name() string { return "bare" }

func (b bare) Find(ctx context.Context, sel gameday.Selector) ([]gameday.Target, error) {
	return b.p.Find(ctx, sel)
}

func (s *suite) unsupported() {
	if _, err := s.monkey.Prepare(s.Context(), bare{s.platform}, s.target); !errors.Is(err, gameday.ErrUnsupported) {
		s.Errorf("prepare returns %v, want ErrUnsupported", err)
	}
	f := s.prepare()
	if err := s.monkey.Inject(s.Context(), bare{s.platform}, f); !errors.Is(err, gameday.ErrUnsupported) {
		s.Errorf("inject returns %v, want ErrUnsupported", err)
	}
}

func (s *suite) otherKind() {
	accepted := 0
	for _, t := range s.candidates() {
		if _, err := s.monkey.Prepare(s.Context(), s.platform, t); err == nil {
			accepted++
		}
	}
	if accepted > 2 {
		s.Errorf("prepare accepts targets of %d kinds", accepted)
	}
	s.atRest()
}

func (s *suite) roundTrip() {
	f := s.prepare()
	monkey, _ := s.fresh(f)
	if !reflect.DeepEqual(monkey, s.monkey) {
		s.Errorf("fields read back as %+v, were %+v", monkey, s.monkey)
	}
}
