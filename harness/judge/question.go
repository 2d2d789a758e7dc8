package judge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
)

// question asks the metrics about one window.
type question struct {
	gameday.Metrics
	from, to gameday.Duration
	end      gameday.Duration // of the run
	evidence []gameday.Series
}

// anatomist is what a gameday.Metrics may be able to do beyond answering: take an expression apart.
type anatomist interface {
	// Needs returns probes that have a value exactly at the steps at which the data behind expr is there,
	// and probes for the names of those metrics that expr allows to be empty.
	Needs(expr string) (always, sometimes []string, err error)
	// Sides returns the comparisons that all must hold, as left side, operator and right side. An expression that
	// never comes out empty is an error.
	Sides(expr string) ([][3]string, error)
}

// wholeMillisecond rounds up, so that a window does not begin before it does.
func wholeMillisecond(d gameday.Duration) gameday.Duration {
	const ms = gameday.Duration(time.Millisecond)
	return (d + ms - 1) / ms * ms
}

func (q *question) ask(ctx context.Context, expr string) ([]gameday.Series, error) {
	return q.Range(ctx, expr, q.from, q.to, second)
}

// answers is what series say, by second.
type answers map[gameday.Duration][]float64

func bySecond(all []gameday.Series) answers {
	found := answers{}
	for _, s := range all {
		for _, p := range s.Points {
			found[p.At] = append(found[p.At], p.Value)
		}
	}
	return found
}

// seconds are the steps of the window, without its end: at that moment, what bounds it is over.
func (q *question) seconds() []gameday.Duration {
	var found []gameday.Duration
	for at := q.from; at < q.to; at += second {
		found = append(found, at)
	}
	return found
}

// expect holds every value of every second against the expectation.
func (q *question) expect(ctx context.Context, expr, expectation string) ([]verdict, error) {
	c, err := parseCondition(expectation)
	if err != nil {
		return nil, err
	}
	series, err := q.ask(ctx, expr)
	if err != nil {
		return nil, err
	}
	q.evidence = series
	got := bySecond(series)
	var result []verdict
	for _, at := range q.seconds() {
		result = append(result, c.of(at, got[at]))
	}
	return result, nil
}

func (c condition) of(at gameday.Duration, values []float64) verdict {
	v := verdict{at: at, holds: gameday.Pass}
	if len(values) == 0 {
		return verdict{at: at, text: "no answer; is the metric's name right, and was its service scraped?"}
	}
	for _, value := range values {
		switch {
		case math.IsNaN(value):
			return verdict{at: at, text: "the answer is NaN: nothing was divided by nothing"}
		case !c.holds(value):
			v.holds, v.text = gameday.Fail, trim(value)
		case v.holds == gameday.Pass:
			v.text = trim(value)
		}
	}
	return v
}

// compare takes the expression apart into comparisons, and decides each second by three-valued logic: one
// comparison that was false decides, else one that is not known does.
func (q *question) compare(ctx context.Context, expr string) ([]verdict, error) {
	a, ok := q.Metrics.(anatomist)
	if !ok {
		return nil, fmt.Errorf("this source of metrics cannot tell an empty answer from missing data; state what to expect, such as expect: \">= 1\"")
	}
	terms, err := a.Sides(expr)
	if err != nil {
		return nil, err
	}
	whole, err := q.ask(ctx, expr)
	if err != nil {
		return nil, err
	}
	got := bySecond(whole)
	if len(terms) == 0 {
		terms = [][3]string{{expr}}
		q.evidence = whole
	}
	var parts []*part
	for _, t := range terms {
		p, err := q.part(ctx, a, t)
		if err != nil {
			return nil, err
		}
		q.evidence = append(q.evidence, p.evidence...)
		parts = append(parts, p)
	}
	var result []verdict
	for _, at := range q.seconds() {
		result = append(result, combine(at, got[at], parts))
	}
	return result, nil
}

// part is one comparison of an expression.
type part struct {
	text     string
	holds    answers
	left     answers
	right    answers
	sided    bool               // left and right are known apart
	present  map[string]answers // what the probes say
	evidence []gameday.Series
}

func (q *question) part(ctx context.Context, a anatomist, term [3]string) (*part, error) {
	p := &part{text: strings.TrimSpace(strings.Join(term[:], " ")), sided: term[1] != "", present: map[string]answers{}}
	holds, err := q.ask(ctx, p.text)
	if err != nil {
		return nil, err
	}
	p.holds = bySecond(holds)
	if p.sided {
		left, err := q.ask(ctx, term[0])
		if err != nil {
			return nil, err
		}
		right, err := q.ask(ctx, term[2])
		if err != nil {
			return nil, err
		}
		p.left, p.right, p.evidence = bySecond(left), bySecond(right), named(left, term[0])
	}
	always, _, err := a.Needs(p.text)
	if err != nil {
		return nil, err
	}
	for _, probe := range always {
		there, err := q.ask(ctx, probe)
		if err != nil {
			return nil, err
		}
		p.present[probe] = bySecond(there)
	}
	return p, nil
}

// named labels a series that PromQL left without labels by its expression.
func named(all []gameday.Series, expr string) []gameday.Series {
	for i := range all {
		if len(all[i].Labels) == 0 {
			all[i].Labels = map[string]string{"expr": expr}
		}
	}
	return all
}

// combine decides one second.
func combine(at gameday.Duration, whole []float64, parts []*part) verdict {
	result := verdict{at: at, holds: gameday.Pass}
	for _, p := range parts {
		v := p.at(at)
		if rank(v.holds) > rank(result.holds) || result.text == "" {
			result = v
		}
	}
	if result.holds == gameday.Pass && len(whole) == 0 {
		return verdict{at: at, holds: gameday.Fail, text: "each comparison holds, but for different labels"}
	}
	return result
}

func (p *part) at(at gameday.Duration) verdict {
	v := verdict{at: at, text: p.say(at)}
	if slices.ContainsFunc(p.holds[at], math.IsNaN) {
		v.text = "the answer is NaN: " + p.text
		return v
	}
	if len(p.holds[at]) > 0 {
		v.holds = gameday.Pass
		return v
	}
	for probe, there := range p.present {
		if len(there[at]) == 0 {
			v.text = "no data for " + probed(probe) + "; is the name right, and was its service scraped?"
			return v
		}
	}
	if p.sided && (undefined(p.left[at]) || undefined(p.right[at])) {
		v.text = "a side of the comparison is NaN: " + p.text
		return v
	}
	v.holds = gameday.Fail
	return v
}

// probed is the selector that a probe asks about, for people.
func probed(probe string) string {
	text := strings.TrimSuffix(strings.TrimPrefix(probe, "count("), ")")
	if over, ok := strings.CutPrefix(text, "count_over_time("); ok {
		text, _, _ = strings.Cut(over, ") >=")
	}
	return text
}

func (p *part) say(at gameday.Duration) string {
	if !p.sided || len(p.left[at]) == 0 {
		return p.text
	}
	text := trim(p.left[at][0])
	if len(p.right[at]) == 1 {
		text += " against " + trim(p.right[at][0])
	}
	return text
}

// undefined reports whether a side has values, but none that can be compared. A side that is empty though
// its data is there was filtered away, which is an answer.
func undefined(values []float64) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) })
}

// mustHaveSeen refuses to pass an expression that looks at no metric, or allows one to be empty whose name the
// run never saw: that is a misspelling, or a counter that nobody created.
func (q *question) mustHaveSeen(ctx context.Context, expr string) error {
	a, ok := q.Metrics.(anatomist)
	if !ok {
		return nil
	}
	always, sometimes, err := a.Needs(expr)
	if err != nil {
		return err
	}
	if len(always)+len(sometimes) == 0 {
		return errors.New("the expression looks at no metric, so that it would hold in any run")
	}
	if len(sometimes) > 0 {
		if err := q.mustBeAwake(ctx); err != nil {
			return err
		}
	}
	for _, probe := range sometimes {
		seen, err := q.Range(ctx, probe, 0, q.end, second)
		if err != nil {
			return err
		}
		if len(seen) == 0 {
			return fmt.Errorf("no sample of %s in the whole run, so that its absence shows nothing; check the name, and have the service create the counter at 0 when it starts", probed(probe))
		}
	}
	return nil
}

// mustBeAwake refuses to take an absence for an answer while nothing was scraped at all: "or vector(0)" would make
// a zero of it.
func (q *question) mustBeAwake(ctx context.Context) error {
	heartbeat, err := q.ask(ctx, `count({__name__=~"up|gameday_metrics_series"})`)
	if err != nil {
		return err
	}
	seen := bySecond(heartbeat)
	for _, at := range q.seconds() {
		if len(seen[at]) == 0 && at >= firstScrapes {
			return fmt.Errorf("nothing was scraped at %s, so that an absence shows nothing", clock(at))
		}
	}
	return nil
}
