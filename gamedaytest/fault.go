package gamedaytest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

// How long a fault lasts when nobody says, and how long its effect is waited for at most.
const (
	faultDefault = 2 * time.Second
	effectWithin = 10 * time.Second
)

// Fault is trouble of one kind: a monkey, where, when and for how long. Without On and Select it acts on the load
// itself, as monkeys.Surge does.
type Fault struct {
	Name   string           // in the report; the monkey's when empty
	Monkey gameday.Monkey   // such as &monkeys.Latency{Delay: gameday.Duration(200 * time.Millisecond)}
	On     *Link            // the link it acts on; or
	Select gameday.Selector // targets of Case.Platform

	At    time.Duration // since the end of the baseline
	For   time.Duration // 2s when 0
	Proof string        // PromQL that must have an answer while it lasts, beside the monkey's own measurement
}

// faults turns every fault into a step of the plan.
func (c Case) faults(p *prepared, source string) error {
	var errs []error
	monkeys := make([]gameday.Monkey, len(c.Faults))
	for i, f := range c.Faults {
		monkeys[i] = f.Monkey
		if err := f.check(c.Platform != nil); err != nil {
			errs = append(errs, fmt.Errorf("fault %d %q: %w", i+1, f.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	catalog, names := wire.CatalogWith(monkeys...)
	p.catalog = catalog
	from, _ := p.plan.Phases.Window(gameday.During)
	taken := map[string]int{}
	for i, f := range c.Faults {
		step, err := f.step(names[i], from)
		errs = append(errs, err)
		if taken[step.Group]++; taken[step.Group] > 1 {
			step.Name = fmt.Sprintf("%s-%d", step.Group, taken[step.Group])
		}
		step.Source = source
		p.plan.Steps = append(p.plan.Steps, step)
		if f.On != nil && !slices.Contains(p.links, f.On) {
			p.links = append(p.links, f.On)
		}
	}
	return errors.Join(errs...)
}

// check says what is wrong with the fault itself.
func (f Fault) check(platform bool) error {
	selects := f.Select.Kind != ""
	switch {
	case f.Monkey == nil || reflect.TypeOf(f.Monkey).Kind() != reflect.Pointer:
		return errors.New("want a pointer to a monkey, such as &monkeys.Latency{...}")
	case f.At < 0 || f.For < 0:
		return fmt.Errorf("it begins at %s and lasts %s: want times of 0 or more", f.At, f.For)
	case f.On != nil && (selects || platform):
		return errors.New("a link and a platform of the test's own do not go together; use Select for the platform's targets, not On")
	case selects && !platform:
		return errors.New("its Select chooses among the targets of Case.Platform, and there is none")
	}
	if blind, ok := f.Monkey.(gameday.Unmeasured); ok && f.Proof == "" {
		return fmt.Errorf("it cannot be measured (%s): give it a Proof", blind.Unmeasured())
	}
	return nil
}

// step is the fault as the harness knows it.
func (f Fault) step(monkey string, from gameday.Duration) (gameday.Step, error) {
	config, err := json.Marshal(f.Monkey)
	if err != nil {
		err = fmt.Errorf("fault %s: write the fields of %T: %w", f.Name, f.Monkey, err)
	}
	length := gameday.Duration(cmp.Or(f.For, faultDefault))
	name := cmp.Or(f.Name, monkey)
	step := gameday.Step{
		Name: name, Group: name, Monkey: monkey, Config: config, Selector: f.Select,
		At: from + gameday.Duration(f.At), For: length, Within: min(length, gameday.Duration(effectWithin)),
	}
	switch {
	case f.On != nil:
		step.Selector = gameday.Selector{Kind: gameday.KindLink, To: gameday.Endpoint{Service: f.On.name}, Mode: gameday.ModeAll}
	case f.Select.Kind == "":
		step.Selector = gameday.Selector{Kind: gameday.KindTraffic, Mode: gameday.ModeAll}
	}
	if f.Proof != "" {
		step.Proof = &gameday.Proof{PromQL: f.Proof, Within: length}
	}
	return step, err
}
