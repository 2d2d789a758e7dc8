package scenarios

import (
	"fmt"
	"slices"

	gameday "github.com/gameday-dev/gameday"
)

func (c *checker) checkReplay() {
	const path = "spec.traffic.replay"
	r := c.Spec.Traffic.Replay
	c.checkEntry(path+".to", r.To)
	if c.Recording != nil && r.Capture != "" {
		if err := c.Recording(c.scenario.resolvePath(r.Capture)); err != nil {
			c.value(path+".capture", problem{code: codeRecording, text: err.Error()})
		}
	}
	c.positive(path+".timeout", r.Timeout)
	c.positive(path+".maxLateness", r.MaxLateness)
	c.positive(path+".habit.gap", r.Habit.Gap)
	c.checkRate(path, r)
	c.atMost(path+".filter", len(r.Filter))
	for i, f := range r.Filter {
		if f.Kind != "" {
			c.checkFilter(fmt.Sprintf("%s.filter[%d]", path, i), f)
		}
	}
	c.atMost(path+".rewrite", len(r.Rewrite))
	c.atMost(path+".identity", len(r.Identity))
	for i, id := range r.Identity {
		c.text(fmt.Sprintf("%s.identity[%d]", path, i), checkJSONPath(id))
	}
	for i, w := range r.Rewrite {
		c.checkRewrite(fmt.Sprintf("%s.rewrite[%d]", path, i), w)
	}
	c.atMost(path+".unsafe", len(r.Unsafe))
	for i, text := range r.Unsafe {
		_, err := gameday.ParseAllowance(text)
		c.text(fmt.Sprintf("%s.unsafe[%d]", path, i), err)
	}
	c.atMost(path+".bind", len(r.Bind))
	for i, text := range r.Bind {
		_, err := gameday.ParseBind(text)
		c.text(fmt.Sprintf("%s.bind[%d]", path, i), err)
	}
	if r.SignTokens && !r.ShiftTime {
		c.key(path+".signTokens", problem{code: codeMissing, text: "tokens are signed anew where their times move", hint: "add shiftTime: true"})
	}
	if r.Diff != nil {
		c.checkDiff(path+".diff", *r.Diff)
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
	if r.MaxWait > 0 && (err != nil || shape.Kind != "") {
		c.key(path+".maxWait", conflict("shape", "maxWait"))
	}
	if r.MaxWait > 0 && r.Pace == "think" {
		c.key(path+".maxWait", conflict("pace: think", "maxWait"))
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
	given := []string{}
	for _, f := range []struct{ name, value string }{{"json", w.JSON}, {"header", w.Header}, {"param", w.Param}, {"url", w.URL}} {
		if f.value != "" {
			given = append(given, f.name)
		}
	}
	switch {
	case len(given) > 1:
		c.key(path+"."+given[1], conflict(given[0], given[1]))
	case len(given) == 0:
		c.value(path, problem{code: codeMissing, text: "the rewrite names no field", hint: "add json:, header:, param: or url:"})
	case w.JSON != "":
		c.text(path+".json", checkJSONPath(w.JSON))
	case w.Header != "":
		c.text(path+".header", checkHeader(w.Header))
	}
	if w.Match != "" && w.Header == "" {
		c.key(path+".match", problem{code: codeConflict, text: "match goes with header alone"})
	}
	c.text(path+".match", checkRegexp(w.Match))
	c.text(path+".url", checkRegexp(w.URL))
	if w.Path != "" {
		c.text(path+".path", checkGlob(w.Path))
	}
}

// checkFilter reports fields that a kind of filter needs and lacks, or has no use for.
func (c *checker) checkFilter(path string, f Filter) {
	named := slices.Contains([]string{gameday.AllowHeader, gameday.DisallowHeader, gameday.HeaderLimiter, gameday.ParamLimiter}, f.Kind)
	limits := f.Kind == gameday.HeaderLimiter || f.Kind == gameday.ParamLimiter
	for _, field := range []struct {
		name          string
		wanted, given bool
	}{{"name", named, f.Name != ""}, {"match", !limits, f.Match != ""}, {"percent", limits, f.Percent != nil}} {
		switch {
		case field.wanted && !field.given:
			c.value(path, problem{code: codeMissing, text: fmt.Sprintf("the filter %s has no %s", f.Kind, field.name), hint: "add " + field.name + ":"})
		case !field.wanted && field.given:
			c.key(path+"."+field.name, problem{code: codeConflict, text: fmt.Sprintf("the filter %s has no use for %s", f.Kind, field.name)})
		}
	}
	if f.Name != "" && f.Kind != gameday.ParamLimiter {
		c.text(path+".name", checkHeader(f.Name))
	}
	if f.Kind == gameday.AllowMethod && f.Match != "" && !headerPattern.MatchString(f.Match) {
		c.value(path+".match", problem{code: codeText, text: fmt.Sprintf("%q is no method", f.Match)})
		return
	}
	c.text(path+".match", checkRegexp(f.Match))
}
