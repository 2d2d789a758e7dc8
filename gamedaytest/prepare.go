package gamedaytest

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

// Defaults of a case.
const (
	warmupDefault  = time.Second
	baseline       = 3 * time.Second
	recovery       = 5 * time.Second
	recoverySpare  = 4 * time.Second // the second of the heal, and three in which the recovery is seen to stay
	maxLate        = 100 * time.Millisecond
	requestTimeout = 5 * time.Second
	retryGap       = 2 * time.Second
	scrapeInterval = 500 * time.Millisecond
)

// prepared is a case as a plan and what the plan is carried out on.
type prepared struct {
	plan     gameday.Plan
	platform gameday.Platform
	catalog  gameday.Catalog
	load     []wire.Pace
	hosts    []string // where the flows go
	pages    []string
	links    links
}

// prepare checks the case and resolves it, or says everything that is wrong with it.
func (c Case) prepare(test, source string) (prepared, error) {
	p := prepared{plan: gameday.Plan{
		Version: gameday.PlanVersion, Name: cmp.Or(c.Name, test), File: source, Seed: cmp.Or(c.Seed, DefaultSeed),
		Environment: gameday.Environment{Platform: "in-process"},
		Metrics:     gameday.MetricsPlan{Interval: gameday.Duration(scrapeInterval), Targets: c.Metrics},
	}}
	err := errors.Join(c.times(), c.flows(&p, source), c.traffic(&p, source))
	c.phases(&p)
	err = errors.Join(err, c.faults(&p, source), c.assertions(&p, source))
	if p.platform = c.Platform; c.Platform == nil {
		p.platform = p.links
	}
	for _, l := range p.links {
		p.pages = append(p.pages, l.page)
	}
	return p, err
}

// ready reports the links whose faults would show nothing, because the system does not use them.
func (p prepared) ready() error {
	var errs []error
	for _, l := range p.links {
		errs = append(errs, l.dialled())
	}
	return errors.Join(errs...)
}

// times checks that none lies before its start.
func (c Case) times() error {
	var errs []error
	for _, given := range []struct {
		name  string
		value time.Duration
	}{{"Warmup", c.Warmup}, {"Baseline", c.Baseline}, {"Recovery", c.Recovery}, {"MaxLate", c.MaxLate}, {"HealWithin", c.HealWithin}} {
		if given.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %s: want a time of 0 or more", given.name, given.value))
		}
	}
	return errors.Join(errs...)
}

// phases gives every phase its length.
func (c Case) phases(p *prepared) {
	var fault time.Duration
	for _, f := range c.Faults {
		fault = max(fault, f.At+cmp.Or(f.For, faultDefault))
	}
	after := cmp.Or(c.Recovery, recovery)
	for _, f := range p.plan.Flows {
		for _, o := range f.Objectives {
			if o.Metric == "recovery" && len(c.Faults) > 0 {
				after = max(after, time.Duration(o.Limit*float64(time.Second))+recoverySpare)
			}
		}
	}
	p.plan.Phases = gameday.Phases{
		Warmup: whole(cmp.Or(c.Warmup, warmupDefault)), Baseline: whole(cmp.Or(c.Baseline, baseline)), Fault: whole(fault), Recovery: whole(after),
	}
}

// whole rounds up to seconds.
func whole(d time.Duration) gameday.Duration {
	return gameday.Duration((d + time.Second - 1) / time.Second * time.Second)
}

// assertions writes the defaults into the assertions.
func (c Case) assertions(p *prepared, source string) error {
	var errs []error
	for i, a := range c.Assertions {
		a.Name = cmp.Or(a.Name, fmt.Sprintf("assertion-%d", i+1))
		a.Severity, a.Source = cmp.Or(a.Severity, gameday.SeverityFail), cmp.Or(a.Source, source)
		if a.During == "" && a.Fault == "" {
			a.During = gameday.Always
		}
		if a.PromQL == "" {
			errs = append(errs, fmt.Errorf("%s: PromQL is empty", a.Name))
		}
		p.plan.Assertions = append(p.plan.Assertions, a)
	}
	return errors.Join(errs...)
}
