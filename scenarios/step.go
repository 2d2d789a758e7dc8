package scenarios

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// steps spells out every fault, each repetition included, in the order of time.
func (s *Scenario) steps(seed uint64) []gameday.Step {
	start, _ := s.phases().Window(gameday.During)
	steps := []gameday.Step{}
	for i, f := range s.Spec.Faults {
		step := gameday.Step{
			Name:     f.Name,
			Group:    f.Name,
			Monkey:   f.Type,
			Config:   f.config(s.monkeys),
			Selector: f.selector(s.monkeys),
			For:      f.For,
			Proof:    f.proof(),
			Within:   f.Within,
			Source:   s.src.line(fmt.Sprintf("spec.faults[%d]", i)),
		}
		for n, at := range f.starts(s.phases().Fault, seed) {
			if f.Every != nil {
				step.Name = fmt.Sprintf("%s-%d", f.Name, n+1)
			}
			step.At = start + at
			steps = append(steps, step)
		}
	}
	slices.SortStableFunc(steps, func(a, b gameday.Step) int { return cmp.Compare(a.At, b.At) })
	return steps
}

// starts returns when the fault begins, again and again if it repeats: the first time at its start, and then
// after gaps of minGap and an exponential rest, so that their mean is every and none is shorter than minGap.
// Times are whole milliseconds, so that a plan stays legible.
func (f Fault) starts(phase gameday.Duration, seed uint64) []gameday.Duration {
	starts := []gameday.Duration{f.At}
	if f.Every == nil {
		return starts
	}
	const millisecond = gameday.Duration(time.Millisecond)
	// Each fault draws from a stream of its own: another fault in the file changes nothing here.
	h := fnv.New64a()
	h.Write([]byte(f.Name))
	random := rand.New(rand.NewPCG(seed, h.Sum64()))
	least := f.minGap()
	rest := float64(*f.Every - least)
	for at := f.At; len(starts) < stepsMax; {
		at += least + gameday.Duration(rest*random.ExpFloat64())/millisecond*millisecond
		if at+f.For > f.until(phase) {
			break
		}
		starts = append(starts, at)
	}
	return starts
}

// minGap returns the shortest time between two starts.
func (f Fault) minGap() gameday.Duration {
	if f.MinGap != nil {
		return *f.MinGap
	}
	return min(f.For, *f.Every)
}

// until returns when the last repetition must have ended.
func (f Fault) until(phase gameday.Duration) gameday.Duration {
	if f.Until != nil {
		return *f.Until
	}
	return phase
}

func (f Fault) proof() *gameday.Proof {
	if f.Proof == nil {
		return nil
	}
	proof := gameday.Proof{PromQL: f.Proof.PromQL, Within: min(proofWithin, f.For)}
	if f.Proof.Within != nil {
		proof.Within = *f.Proof.Within
	}
	return &proof
}

func (f Fault) selector(monkeys gameday.Catalog) gameday.Selector {
	t := f.Target
	kind := t.kind(kindsOf(monkeys, f.Type))
	s := gameday.Selector{
		Kind:       kind,
		Service:    t.Service,
		Zone:       t.Zone,
		Instance:   t.Instance,
		Labels:     maps.Clone(t.Labels),
		Mode:       t.mode(kind),
		MinHealthy: t.MinHealthy,
		AllowEmpty: t.Empty == "skip",
		Follow:     t.Follow,
	}
	if t.From != nil {
		s.From = gameday.Endpoint(*t.From)
	}
	if t.To != nil {
		s.To = gameday.Endpoint(*t.To)
	}
	if t.Count != nil {
		s.Count = *t.Count
	}
	if t.Percent != nil {
		s.Percent = *t.Percent
	}
	return s
}

// kind returns what t chooses among: what it says, or else the only or usual kind of the monkey, or else what
// its fields speak of.
func (t Target) kind(monkey []gameday.Kind) gameday.Kind {
	switch {
	case t.Kind != "":
		return t.Kind
	case len(monkey) > 0:
		return monkey[0]
	case t.From != nil || t.To != nil:
		return gameday.KindLink
	case t.Service != "" || t.Instance != "" || len(t.Labels) > 0:
		return gameday.KindInstance
	case t.Zone != "":
		return gameday.KindZone
	}
	return gameday.KindTraffic
}

// mode returns how many are taken: one instance unless the scenario says more, so that a forgotten field
// does little harm.
func (t Target) mode(kind gameday.Kind) gameday.Mode {
	switch {
	case t.Mode != "":
		return t.Mode
	case t.Count != nil:
		return gameday.ModeCount
	case t.Percent != nil:
		return gameday.ModePercent
	case kind == gameday.KindInstance && t.Instance == "":
		return gameday.ModeOne
	}
	return gameday.ModeAll
}
