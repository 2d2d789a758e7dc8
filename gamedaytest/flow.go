package gamedaytest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

// rateMax bounds what one test process offers beside all else that it does.
const rateMax = 5000

// Flow is one kind of request, sent at a constant rate whatever the answers are. Where a recording is played, it stands
// for the requests of it that match: Rate, Header and Body are those of the recording then, and stay empty.
type Flow struct {
	Name   string
	Method string // GET when empty; any where a recording is played
	URL    string // http://HOST:PORT/PATH; where a recording is played * in the path is one segment, and ** at its end any rest
	Header http.Header
	Body   string
	Rate   int // requests per second, 1 to 5,000

	SLO    []string      // promises that hold before, during and after the faults: "p99 <= 300ms", "error_rate <= 1%", "recovery <= 2s"
	Around []string      // promises that hold before and after, and may break while faults last
	Grace  time.Duration // the first part of the fault phase, in which SLO is not judged: detection takes time

	Criticality gameday.Criticality // gameday.Core when empty
}

// flows resolves the load and what is promised of it.
func (c Case) flows(p *prepared, source string) error {
	var errs []error
	if len(c.Flows) == 0 {
		errs = append(errs, errors.New("there are no flows: without load nothing can be judged"))
	}
	seen := map[string]bool{}
	for _, f := range c.Flows {
		if err := c.flow(p, f, seen, source); err != nil {
			errs = append(errs, fmt.Errorf("flow %q: %w", f.Name, err))
		}
	}
	return errors.Join(errs...)
}

// flow adds one flow to the plan, and to the load where that is generated. What was seen are names, and methods with paths.
func (c Case) flow(p *prepared, f Flow, seen map[string]bool, source string) error {
	u, err := url.Parse(f.URL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("URL %q: want one such as http://127.0.0.1:8080/checkout", f.URL)
	}
	method, path, reserved := strings.ToUpper(f.Method), cmp.Or(u.EscapedPath(), "/"), `?[\`
	if !c.Replay.wanted() {
		method, reserved = cmp.Or(method, "GET"), `*?[\`
	}
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(f.Name == "" || seen[f.Name], "the name is empty or taken")
	wrong(!c.Replay.wanted() && (f.Rate < 1 || f.Rate > rateMax), "rate %d: want 1 to %d requests per second", f.Rate, rateMax)
	wrong(c.Replay.wanted() && (f.Rate != 0 || f.Header != nil || f.Body != ""), "Rate, Header and Body are those of the recording: leave them out")
	wrong(seen[method+" "+path], "%s %s is another flow already, and answers could not be told apart", method, path)
	wrong(strings.ContainsAny(path, reserved), "path %s: the characters %s have a meaning in flows", path, reserved)
	seen[f.Name], seen[method+" "+path] = true, true
	objectives, err := f.objectives(source)
	p.plan.Flows = append(p.plan.Flows, gameday.Flow{
		Name: f.Name, Method: method, Path: path, Criticality: cmp.Or(f.Criticality, gameday.Core), Objectives: objectives,
	})
	p.hosts = append(p.hosts, u.Scheme+"://"+u.Host)
	if !c.Replay.wanted() {
		p.load = append(p.load, wire.Pace{Method: method, URL: f.URL, Header: f.Header, Body: []byte(f.Body), Rate: f.Rate})
	}
	return errors.Join(append(errs, err)...)
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

// traffic says what the load is, and where it goes.
func (c Case) traffic(p *prepared, source string) error {
	t := &p.plan.Traffic
	*t = gameday.TrafficPlan{
		Speed: 1, Amplify: 1, Pace: "tape", Busy: "wait", Timeout: gameday.Duration(requestTimeout), MaxLate: gameday.Duration(cmp.Or(c.MaxLate, maxLate)),
		MaxLimited: gameday.DefaultMaxLimited, MaxSkipped: gameday.DefaultMaxSkipped, MaxDropped: gameday.DefaultMaxDropped,
	}
	for _, base := range p.hosts {
		if t.To = cmp.Or(t.To, base); base != t.To {
			return fmt.Errorf("the flows go to %s and to %s: want one host, and a case of its own for the other", t.To, base)
		}
	}
	if err := c.Replay.check(); err != nil || c.Replay.wanted() {
		return errors.Join(err, c.Replay.plan(&p.plan, source))
	}
	t.Tape, t.Unsafe = generated(p.load)
	return nil
}

// generated describes a generated load, and names its methods: they may have effects, and whoever wrote them wants them sent.
func generated(load []wire.Pace) (text string, methods []string) {
	var kinds []string
	for _, p := range load {
		path := p.URL
		if u, err := url.Parse(p.URL); err == nil {
			path = u.Path
		}
		kinds, methods = append(kinds, fmt.Sprintf("%s %s %d/s", p.Method, path, p.Rate)), append(methods, p.Method)
	}
	slices.Sort(methods)
	return "generated: " + strings.Join(kinds, ", "), slices.Compact(methods)
}
