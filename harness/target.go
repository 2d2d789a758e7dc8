package harness

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path"
	"slices"
	"time"

	"github.com/gameday-dev/gameday"
)

// findLimit bounds one question to the platform.
const findLimit = 10 * time.Second

// errNothing is the one kind of gameday.ErrNoTarget that no open fault can explain: nothing matches at all.
var errNothing = fmt.Errorf("nothing matches: %w", gameday.ErrNoTarget)

// Targets returns what a step will act on: what its selector finds and the environment allows, chosen by the plan's
// seed, so that the same system gives the same answer. It changes nothing.
func Targets(ctx context.Context, p gameday.Platform, plan gameday.Plan, step gameday.Step) ([]gameday.Target, error) {
	return targets(ctx, p, plan, step, func(string) bool { return false })
}

// targets is Targets among open faults: an instance that one of them has hold of is no more a candidate than one that
// is down, even in the moment when it is up again and its fault is not yet known to be gone.
func targets(ctx context.Context, p gameday.Platform, plan gameday.Plan, step gameday.Step, taken func(claim string) bool) ([]gameday.Target, error) {
	ctx, cancel := context.WithTimeout(ctx, findLimit)
	defer cancel()
	found, err := find(ctx, p, plan.Environment, step.Selector)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("select %s: %w", step.Selector, errNothing)
	}
	markTaken(found, taken)
	picked, err := step.Selector.Pick(seeded(plan.Seed, step.Name), found)
	if err != nil {
		return nil, err
	}
	if len(picked) > targetsMax {
		return nil, fmt.Errorf("select %s: %d targets exceed the limit of %d", step.Selector, len(picked), targetsMax)
	}
	for _, t := range picked {
		if err := permit(ctx, p, plan.Environment, t); err != nil {
			return nil, err
		}
	}
	return picked, nil
}

func markTaken(found []gameday.Target, taken func(claim string) bool) {
	for i, t := range found {
		found[i].Healthy = t.Healthy && !taken("instance "+t.Name)
	}
}

func seeded(seed uint64, step string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(step)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// find returns what the selector matches. Instances that did not opt in, or are denied, are left out; other kinds are
// checked as a whole once they are picked.
func find(ctx context.Context, p gameday.Platform, env gameday.Environment, s gameday.Selector) ([]gameday.Target, error) {
	found, err := p.Find(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", s, err)
	}
	if s.Kind == gameday.KindInstance {
		found = slices.DeleteFunc(found, func(t gameday.Target) bool { return allow(env, t) != nil })
	}
	return found, nil
}

// permit checks a target and every instance that a fault on it takes away or cuts off: all of a zone, all of a
// service, the callees of a link.
func permit(ctx context.Context, p gameday.Platform, env gameday.Environment, t gameday.Target) error {
	if err := denied(env, t.Name); err != nil {
		return err
	}
	behind := gameday.Selector{Kind: gameday.KindInstance}
	switch t.Kind {
	case gameday.KindInstance:
		return allow(env, t)
	case gameday.KindZone:
		behind.Zone = t.Zone
		if behind.Zone == "" {
			behind.Zone = t.Name
		}
	case gameday.KindService:
		behind.Service = t.Service
	case gameday.KindLink:
		behind.Service, behind.Zone = t.To.Service, t.To.Zone
	default:
		return nil
	}
	instances, err := p.Find(ctx, behind)
	if err != nil {
		return fmt.Errorf("find the instances behind %s: %w", t.Name, err)
	}
	var errs []error
	for _, i := range instances {
		errs = append(errs, allow(env, i))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s %s may not be touched: %w", t.Kind, t.Name, err)
	}
	return nil
}

// allow checks one instance against the environment's labels and its list of what is never touched.
func allow(env gameday.Environment, t gameday.Target) error {
	for label, want := range env.RequireLabels {
		if t.Labels[label] != want {
			return fmt.Errorf("%s does not carry the label %s=%s: add it in the topology, or change environment.guard.requireLabels", t.Name, label, want)
		}
	}
	return denied(env, t.Name)
}

func denied(env gameday.Environment, name string) error {
	for _, pattern := range env.Deny {
		match, err := path.Match(pattern, name)
		if err != nil {
			return fmt.Errorf("environment.guard.deny: pattern %q: %w", pattern, err)
		}
		if match {
			return fmt.Errorf("%s is denied by environment.guard.deny %q", name, pattern)
		}
	}
	return nil
}
