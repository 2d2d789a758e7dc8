package scenarios

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// listsMax bounds the length of the lists of a scenario.
const listsMax = 100

// checker finds what is wrong with a scenario beyond the form of its fields. It changes nothing.
type checker struct {
	*problems
	Checks
	Spec
	scenario *Scenario
	known    *Known // nil when the topology is not known
	phases   gameday.Phases
	timeless bool // phases or faults hold times that cannot be read: nothing can be said of what fits
}

func (c *checker) check() {
	c.known = c.readTopology()
	c.phases = c.scenario.phases()
	c.timeless = slices.ContainsFunc(c.found, func(d Diagnostic) bool {
		return (d.Code == codeDuration || d.Code == codeMissing || d.Code == codeType) &&
			(strings.HasPrefix(d.Path, "spec.phases") || strings.HasPrefix(d.Path, "spec.faults"))
	})
	c.checkMetadata()
	c.checkEnvironment()
	c.checkMetrics()
	c.checkFlows()
	c.checkReplay()
	c.checkPhases()
	c.checkFaults()
	c.checkAssertions()
	c.checkLedger()
	c.checkAborts()
}

// readTopology asks for the names of the topology, once.
func (c *checker) readTopology() *Known {
	const path = "spec.environment.topology"
	if c.Topology == nil || c.Spec.Environment.Topology == "" {
		return nil
	}
	known, err := c.Topology(c.scenario.resolvePath(c.Spec.Environment.Topology))
	if err != nil {
		c.value(path, problem{code: codeTopology, text: err.Error()})
		return nil
	}
	return &known
}

// resolvePath returns a path that the scenario gives relative to its own folder.
func (s *Scenario) resolvePath(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(s.src.file), path)
}

func (c *checker) checkMetadata() {
	if name := c.scenario.Metadata.Name; name != "" && !isName(name) {
		c.value("metadata.name", nameProblem("scenario", name))
	}
	if strings.ContainsAny(c.scenario.Metadata.Title, "\r\n") {
		c.value("metadata.title", problem{code: codeText, text: "the title has more than one line"})
	}
	for name, link := range c.scenario.Metadata.Links {
		c.text("metadata.links."+name, checkURL(link))
	}
}

func (c *checker) checkEnvironment() {
	env := c.Spec.Environment
	for service, n := range env.Replicas {
		path := "spec.environment.replicas." + service
		c.service(path, service)
		if n < 0 || n > 1000 {
			c.value(path, problem{code: codeRange, text: fmt.Sprintf("%d copies are not between 0 and 1000", n)})
		}
	}
	for i, pattern := range env.Guard.Deny {
		c.text(fmt.Sprintf("spec.environment.guard.deny[%d]", i), checkPattern(pattern))
	}
	c.positive("spec.environment.readyWithin", env.ReadyWithin)
}

func (c *checker) checkMetrics() {
	m := c.Spec.Metrics
	if m.Interval < 100e6 || m.Interval > 30e9 {
		c.value("spec.metrics.interval", problem{code: codeRange, text: fmt.Sprintf("interval %s is not between 100ms and 30s", m.Interval)})
	}
	c.atMost("spec.metrics.targets", len(m.Targets))
	for i, target := range m.Targets {
		_, err := scrapeURL(target)
		c.text(fmt.Sprintf("spec.metrics.targets[%d]", i), err)
	}
	if m.Prometheus.Remote == nil {
		return
	}
	c.text("spec.metrics.prometheus.remote.url", checkURL(m.Prometheus.Remote.URL))
	if m.Prometheus.Embedded {
		c.key("spec.metrics.prometheus.embedded", conflict("embedded", "remote"))
	}
	if len(m.Targets) > 0 {
		c.key("spec.metrics.targets", problem{code: codeConflict, text: "a remote Prometheus scrapes its own targets", hint: "delete targets, or remote"})
	}
}

func (c *checker) checkPhases() {
	if total := c.phases.Total(); total > durationMax {
		c.impossible("spec.phases", "", "the run takes %s; at most 7d", total)
	}
	if c.phases.Baseline <= 0 {
		c.impossible("spec.phases.baseline", "give it 10s", "without a baseline nothing says what normal is")
	}
}

func (c *checker) checkLedger() {
	l := c.Spec.Ledger
	if l == nil {
		return
	}
	c.flow("spec.ledger.flow", l.Flow)
	c.service("spec.ledger.service", l.Service)
	if l.ID != "" {
		c.text("spec.ledger.id", checkJSONPath(l.ID))
	}
	if l.Path != "" && !strings.HasPrefix(l.Path, "/") {
		c.value("spec.ledger.path", problem{code: codeText, text: fmt.Sprintf("path %q does not begin with /", l.Path)})
	}
}

// The rules below are shared. Each says nothing about an empty value: that is reported as missing.

func (c *checker) service(path, name string) {
	if c.known != nil {
		c.oneOf(path, name, codeService, "service", c.known.Services)
	}
}

func (c *checker) zone(path, name string) {
	if c.known != nil {
		c.oneOf(path, name, codeZone, "zone", c.known.Zones)
	}
}

func (c *checker) flow(path, name string) {
	names := make([]string, len(c.Spec.Flows))
	for i, f := range c.Spec.Flows {
		names[i] = f.Name
	}
	c.oneOf(path, name, codeFlow, "flow", names)
}

// oneOf reports a name that is none of the known ones, at its value or, in mappings by name, at its key.
func (c *checker) oneOf(path, name, code, what string, known []string) {
	if name == "" || slices.Contains(known, name) {
		return
	}
	at := problem{code: code, text: fmt.Sprintf("unknown %s %q", what, name), hint: suggest(name, known)}
	if k := c.src.keys[path]; k != nil && k.Value == name {
		c.key(path, at)
		return
	}
	c.value(path, at)
}

func (c *checker) text(path string, err error) {
	if err != nil {
		c.value(path, problem{code: codeText, text: err.Error()})
	}
}

// positive reports a duration that is given as 0.
func (c *checker) positive(path string, d gameday.Duration) {
	if d <= 0 && c.src.has(path) {
		c.value(path, problem{code: codeTime, text: "the duration is not more than 0"})
	}
}

func (c *checker) atMost(path string, n int) {
	if n > listsMax {
		c.key(path, problem{code: codeLimit, text: fmt.Sprintf("%d items are more than %d", n, listsMax)})
	}
}

// fits reports a time that reaches beyond the window it belongs to.
func (c *checker) fits(path string, d, window gameday.Duration, what string) {
	if d > window {
		c.impossible(path, "", "%s is longer than %s, which is %s", d, what, window)
	}
}

// impossible reports times that do not fit together.
func (c *checker) impossible(path, hint, format string, args ...any) {
	if !c.timeless {
		c.value(path, problem{code: codeTime, text: fmt.Sprintf(format, args...), hint: hint})
	}
}

// unique reports a name that is no name, or that an earlier item of the list has.
func (c *checker) unique(path, what, name string, seen map[string]string) {
	switch first, taken := seen[name]; {
	case name == "":
	case !isName(name):
		c.value(path, nameProblem(what, name))
	case taken:
		c.value(path, problem{
			code: codeDuplicate, text: fmt.Sprintf("a second %s is named %q", what, name),
			hint: fmt.Sprintf("the first is on line %d", c.src.value(first).line),
		})
	default:
		seen[name] = path
	}
}

func conflict(a, b string) problem {
	return problem{code: codeConflict, text: fmt.Sprintf("%s and %s exclude each other", a, b)}
}

// expression reports what is wrong with a short expression at the part that is wrong.
func (c *checker) expression(path, code string, err error) {
	var bad *ExpressionError
	if errors.As(err, &bad) {
		c.inside(path, bad.Offset, bad.Width, problem{code: code, text: bad.Problem, hint: bad.Hint})
	}
}

var promPosition = regexp.MustCompile(`^1:(\d{1,6}): (parse error: )?`)

// promQL reports a bad expression, at the column that the message begins with.
func (c *checker) promQL(path, expr string) {
	if c.PromQL == nil || expr == "" {
		return
	}
	err := c.PromQL(expr)
	if err == nil {
		return
	}
	text := err.Error()
	if m := promPosition.FindStringSubmatch(text); m != nil {
		column, _ := strconv.Atoi(m[1]) // digits only
		offset := len([]rune(expr[:min(max(column-1, 0), len(expr))]))
		c.inside(path, offset, 1, problem{code: codePromQL, text: strings.TrimPrefix(text, m[0])})
		return
	}
	c.value(path, problem{code: codePromQL, text: text})
}
