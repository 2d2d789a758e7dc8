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

// Flow is one kind of request, sent at a constant rate whatever the answers are.
type Flow struct {
	Name   string
	Method string // GET when empty
	URL    string // http://HOST:PORT/PATH
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
		Tape: "generated: " + strings.Join(kinds, ", "), To: to, Speed: 1, Amplify: 1, Pace: "tape", Busy: "wait",
		Timeout: gameday.Duration(requestTimeout), MaxLate: gameday.Duration(cmp.Or(c.MaxLate, maxLate)), Unsafe: slices.Compact(unsafe),
		MaxLimited: gameday.DefaultMaxLimited, MaxSkipped: gameday.DefaultMaxSkipped, MaxDropped: gameday.DefaultMaxDropped,
	}
	return nil
}
