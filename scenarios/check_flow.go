package scenarios

import (
	"fmt"
	"math"
	"slices"

	gameday "github.com/gameday-dev/gameday"
)

func (c *checker) checkFlows() {
	c.atMost("spec.flows", len(c.Spec.Flows))
	if len(c.Spec.Flows) == 0 && c.src.has("spec.flows") {
		c.key("spec.flows", problem{code: codeMissing, text: "a scenario needs at least one flow to judge"})
	}
	names, matches := map[string]string{}, map[string]string{}
	for i, f := range c.Spec.Flows {
		path := fmt.Sprintf("spec.flows[%d]", i)
		c.unique(path+".name", "flow", f.Name, names)
		if f.Name == "other" {
			c.value(path+".name", problem{code: codeName, text: `"other" is what no flow matches`, hint: "choose another name"})
		}
		if f.Match.Path != "" {
			c.text(path+".match.path", checkGlob(f.Match.Path))
			c.matchedBefore(path+".match", f.Match, matches)
		}
		for j, slo := range f.SLO {
			c.checkSLO(fmt.Sprintf("%s.slo[%d]", path, j), slo)
		}
	}
}

// matchedBefore reports a flow that nothing can reach, because an earlier one matches the same.
func (c *checker) matchedBefore(path string, m Match, seen map[string]string) {
	for _, key := range []string{m.Method + " " + m.Path, " " + m.Path} {
		if first, taken := seen[key]; taken {
			c.value(path+".path", problem{
				code: codeDuplicate, text: fmt.Sprintf("an earlier flow matches all of %s", m.Path),
				hint: fmt.Sprintf("the first is on line %d", c.src.value(first+".path").line),
			})
			return
		}
	}
	seen[m.Method+" "+m.Path] = path
}

func (c *checker) checkSLO(path string, slo SLO) {
	at := path
	if c.src.has(path + ".expr") {
		at += ".expr"
	}
	objective, err := ParseObjective(slo.Expr)
	if err != nil {
		c.expression(at, codeSLO, err)
		return
	}
	if slo.After > 0 && slo.After >= c.phases.Fault {
		c.impossible(path+".after", "", "nothing is left of the fault phase, which is %s, after %s", c.phases.Fault, slo.After)
	}
	if objective.Metric == "recovery" {
		if limit := seconds(objective.Limit); limit > c.phases.Recovery {
			c.impossible(at, "make phases.recovery longer", "recovery within %s cannot be seen in a recovery phase of %s", limit, c.phases.Recovery)
		}
		if len(slo.During) > 0 {
			c.value(path+".during", problem{code: codeConflict, text: "recovery is judged after the last heal only"})
		}
		return
	}
	for i, phase := range slo.During {
		if from, to := c.phases.Window(phase); from == to && isPhase(phase) {
			c.impossible(fmt.Sprintf("%s.during[%d]", path, i), "", "the %s phase has no length", phase)
		}
	}
}

func isPhase(p gameday.Phase) bool {
	return slices.Contains([]gameday.Phase{gameday.Baseline, gameday.During, gameday.Recovery, gameday.Always}, p)
}

// seconds returns a limit of time as a duration.
func seconds(limit float64) gameday.Duration { return gameday.Duration(math.Round(limit * 1e9)) }

func (c *checker) checkReplay() {
	const path = "spec.traffic.replay"
	r := c.Spec.Traffic.Replay
	c.checkEntry(path+".to", r.To)
	c.positive(path+".timeout", r.Timeout)
	c.positive(path+".maxLateness", r.MaxLateness)
	c.positive(path+".habit.gap", r.Habit.Gap)
	c.checkRate(path, r)
	c.atMost(path+".rewrite", len(r.Rewrite))
	c.atMost(path+".identity", len(r.Identity))
	for i, id := range r.Identity {
		c.text(fmt.Sprintf("%s.identity[%d]", path, i), checkJSONPath(id))
	}
	for i, w := range r.Rewrite {
		c.checkRewrite(fmt.Sprintf("%s.rewrite[%d]", path, i), w)
	}
	c.atMost(path+".bind", len(r.Bind))
	for i, text := range r.Bind {
		_, err := gameday.ParseBind(text)
		c.text(fmt.Sprintf("%s.bind[%d]", path, i), err)
	}
	c.atMost(path+".notProduction", len(r.NotProduction))
	for i, host := range r.NotProduction {
		c.text(fmt.Sprintf("%s.notProduction[%d]", path, i), checkHost(host))
	}
	if r.Canary != "" && r.Canary[0] != '/' {
		c.value(path+".canary", problem{code: codeText, text: fmt.Sprintf("canary %q does not begin with a path: want one such as \"/env staging\"", r.Canary)})
	}
}

// checkRate looks at what sets the rate of requests.
func (c *checker) checkRate(path string, r Replay) {
	shape, err := gameday.ParseShape(r.Shape)
	c.text(path+".shape", err)
	if err == nil && shape.Kind != "" && r.Speed != 1 {
		c.key(path+".speed", conflict("shape", "speed"))
	}
	if r.RateCap != "" {
		_, err := gameday.ParseRate(r.RateCap)
		c.text(path+".rateCap", err)
	} else if r.CapBy != "" {
		c.key(path+".capBy", problem{code: codeMissing, text: "there is no cap to keep", hint: "add rateCap:"})
	}
}

func (c *checker) checkEntry(path, to string) {
	if to == "" || checkURL(to) == nil || c.known == nil && isName(to) {
		return
	}
	entries := []string{}
	if c.known != nil {
		entries = c.known.Entries
	}
	c.oneOf(path, to, codeEntry, "entry", entries)
}

func (c *checker) checkRewrite(path string, w Rewrite) {
	switch {
	case w.JSON != "" && w.Header != "":
		c.key(path+".header", conflict("json", "header"))
	case w.JSON == "" && w.Header == "":
		c.value(path, problem{code: codeMissing, text: "the rewrite names no field", hint: "add json: or header:"})
	case w.JSON != "":
		c.text(path+".json", checkJSONPath(w.JSON))
	case !headerPattern.MatchString(w.Header):
		c.value(path+".header", problem{code: codeText, text: fmt.Sprintf("%q is no name of a header", w.Header)})
	}
	if w.Path != "" {
		c.text(path+".path", checkGlob(w.Path))
	}
}
