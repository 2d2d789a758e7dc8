package gamedaytest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

// Limits and defaults of a case.
const (
	rateMax        = 5000
	warmupDefault  = time.Second
	baseline       = 3 * time.Second
	recovery       = 5 * time.Second
	recoverySpare  = 4 * time.Second // the second of the heal, and three in which the recovery is seen to stay
	faultDefault   = 2 * time.Second
	effectWithin   = 10 * time.Second
	maxLate        = 100 * time.Millisecond
	requestTimeout = 5 * time.Second
	scrapeInterval = 500 * time.Millisecond
)

// prepared is a case as a plan and what the plan is carried out on.
type prepared struct {
	plan     gameday.Plan
	platform gameday.Platform
	catalog  gameday.Catalog
	load     []wire.Pace
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
	err := errors.Join(c.times(), c.flows(&p, source), c.traffic(&p))
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

// flows resolves the load and what is promised of it.
func (c Case) flows(p *prepared, source string) error {
	var errs []error
	wrong := func(f Flow, format string, args ...any) {
		errs = append(errs, fmt.Errorf("flow %q: %w", f.Name, fmt.Errorf(format, args...)))
	}
	if len(c.Flows) == 0 {
		errs = append(errs, errors.New("there are no flows: without load nothing can be judged"))
	}
	seen := map[string]bool{}
	for _, f := range c.Flows {
		method := cmp.Or(strings.ToUpper(f.Method), "GET")
		u, err := url.Parse(f.URL)
		switch {
		case err != nil || u.Scheme != "http" || u.Host == "":
			wrong(f, "URL %q: want one such as http://127.0.0.1:8080/checkout", f.URL)
			continue
		case f.Name == "" || seen[f.Name]:
			wrong(f, "the name is empty or taken")
		case f.Rate < 1 || f.Rate > rateMax:
			wrong(f, "rate %d: want 1 to %d requests per second", f.Rate, rateMax)
		}
		path := cmp.Or(u.EscapedPath(), "/")
		switch {
		case seen[method+" "+path]:
			wrong(f, "%s %s is another flow already, and answers could not be told apart", method, path)
		case strings.ContainsAny(path, `*?[\`):
			wrong(f, "path %s: the characters *?[\\ have a meaning in flows", path)
		}
		seen[f.Name], seen[method+" "+path] = true, true
		objectives, err := f.objectives(source)
		if err != nil {
			wrong(f, "%w", err)
		}
		p.plan.Flows = append(p.plan.Flows, gameday.Flow{
			Name: f.Name, Method: method, Path: path, Criticality: cmp.Or(f.Criticality, gameday.Core), Objectives: objectives,
		})
		p.load = append(p.load, wire.Pace{Method: method, URL: f.URL, Header: f.Header, Body: []byte(f.Body), Rate: f.Rate})
	}
	return errors.Join(errs...)
}

// objectives reads the promises of a flow.
func (f Flow) objectives(source string) ([]gameday.Objective, error) {
	var found []gameday.Objective
	var errs []error
	read := func(texts []string, during ...gameday.Phase) {
		for _, text := range texts {
			o, err := wire.Objective(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("SLO %q: %w", text, err))
				continue
			}
			o.During, o.After, o.Severity, o.Source = during, gameday.Duration(f.Grace), gameday.SeverityFail, source
			if o.Metric == "recovery" {
				o.During, o.After = []gameday.Phase{gameday.Recovery}, 0
			}
			found = append(found, o)
		}
	}
	read(f.SLO, gameday.Baseline, gameday.During, gameday.Recovery)
	read(f.Around, gameday.Baseline, gameday.Recovery)
	return found, errors.Join(errs...)
}

// traffic says where the load goes. The flows' methods may have effects: whoever wrote them wants them sent.
func (c Case) traffic(p *prepared) error {
	var to string
	var kinds, unsafe []string
	for _, f := range p.load {
		u, err := url.Parse(f.URL)
		if err != nil {
			return err
		}
		base := u.Scheme + "://" + u.Host
		if to = cmp.Or(to, base); base != to {
			return fmt.Errorf("the flows go to %s and to %s: want one host, and a case of its own for the other", to, base)
		}
		kinds = append(kinds, fmt.Sprintf("%s %s %d/s", f.Method, u.Path, f.Rate))
		unsafe = append(unsafe, f.Method)
	}
	slices.Sort(unsafe)
	p.plan.Traffic = gameday.TrafficPlan{
		Tape: "generated: " + strings.Join(kinds, ", "), To: to, Speed: 1, Amplify: 1, Busy: "wait",
		Timeout: gameday.Duration(requestTimeout), MaxLate: gameday.Duration(cmp.Or(c.MaxLate, maxLate)), Unsafe: slices.Compact(unsafe),
	}
	return nil
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

// faults turns every fault into a step of the plan.
func (c Case) faults(p *prepared, source string) error {
	var errs []error
	var kinds []gameday.Monkey
	for i, f := range c.Faults {
		if err := f.check(c.Platform != nil); err != nil {
			errs = append(errs, fmt.Errorf("fault %d %s: %w", i+1, f.Name, err))
		}
		if f.Monkey != nil && reflect.TypeOf(f.Monkey).Kind() == reflect.Pointer {
			kinds = append(kinds, f.Monkey)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	catalog, names := wire.CatalogWith(kinds...)
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

func (f Fault) check(platform bool) error {
	selects := f.Select.Kind != ""
	switch {
	case f.Monkey == nil || reflect.TypeOf(f.Monkey).Kind() != reflect.Pointer:
		return errors.New("Monkey: want a pointer to one, such as &monkeys.Latency{...}")
	case f.At < 0 || f.For < 0:
		return fmt.Errorf("it begins at %s and lasts %s: want times of 0 or more", f.At, f.For)
	case f.On != nil && (selects || platform):
		return errors.New("On: a link and a platform of the test's own do not go together; use Select for the platform's targets")
	case selects && !platform:
		return errors.New("Select: it chooses among the targets of Case.Platform, and there is none")
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
