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
