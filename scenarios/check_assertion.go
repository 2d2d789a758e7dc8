package scenarios

import (
	"fmt"
	"slices"

	gameday "github.com/gameday-dev/gameday"
)

func (c *checker) checkAssertions() {
	c.atMost("spec.assertions", len(c.Spec.Assertions))
	names := map[string]string{}
	for i, a := range c.Spec.Assertions {
		path := fmt.Sprintf("spec.assertions[%d]", i)
		c.unique(path+".name", "assertion", a.Name, names)
		c.promQL(path+".promql", a.PromQL)
		if c.src.has(path + ".expect") {
			if err := checkExpect(a.Expect); err != nil {
				c.expression(path+".expect", codeExpect, err)
			}
		}
		c.checkWindow(path, a)
	}
}

// checkWindow reports times that do not fit into the window of an assertion.
func (c *checker) checkWindow(path string, a Assertion) {
	switch {
	case a.Fault != "" && a.During != "":
		c.key(path+".fault", conflict("fault", "during"))
		return
	case a.Once && a.Within > 0:
		c.key(path+".once", conflict("once", "within"))
	}
	c.positive(path+".until", a.Until)
	c.positive(path+".within", a.Within)
	window, what, ok := c.window(path, a)
	if !ok {
		return
	}
	if a.Until > 0 {
		c.fits(path+".until", a.Until, window, what)
		window, what = min(a.Until, window), "until"
	}
	if a.After > 0 && a.After >= window {
		c.impossible(path+".after", "", "nothing is left of %s, which is %s, after %s", what, window, a.After)
		return
	}
	c.fits(path+".within", a.Within, window-a.After, "what is left of "+what)
}

// window returns the length of the stretch that an assertion is about, and its name.
func (c *checker) window(path string, a Assertion) (length gameday.Duration, what string, ok bool) {
	if a.Fault == "" {
		phase := gameday.Phase(orElse(string(a.During), string(gameday.Always)))
		if !isPhase(phase) {
			return 0, "", false
		}
		from, to := c.phases.Window(phase)
		if from == to {
			c.impossible(path+".during", "", "the %s phase has no length", phase)
			return 0, "", false
		}
		return to - from, "the " + string(phase) + " phase", true
	}
	names := []string{}
	for _, f := range c.Spec.Faults {
		if f.Name == a.Fault {
			// The heal takes time of its own, so a window until the heal may be longer; repetitions make it so too.
			return c.phases.Fault, "the fault phase", true
		}
		names = append(names, f.Name)
	}
	c.oneOf(path+".fault", a.Fault, codeFault, "fault", names)
	return 0, "", false
}

// checkExpect returns what is wrong with an expectation such as "== 0".
func checkExpect(text string) error {
	if len(text) > expressionMax {
		return token{text: text}.wrong("", "the expectation is longer than %d bytes", expressionMax)
	}
	words := tokens(text)
	if err := wordCount(words, 2, "OP NUMBER, such as == 0"); err != nil {
		return err
	}
	if _, err := words[0].op(); err != nil && words[0].text != "!=" {
		return err
	}
	if _, err := parseNumber(words[1].text); err != nil {
		return words[1].wrong("", "%q is no number", words[1].text)
	}
	return nil
}

func (c *checker) checkAborts() {
	c.atMost("spec.abort", len(c.Spec.Abort))
	for i, a := range c.Spec.Abort {
		path := fmt.Sprintf("spec.abort[%d]", i)
		switch {
		case a.When != "" && a.PromQL != "":
			c.key(path+".promql", conflict("when", "promql"))
		case a.When != "":
			c.checkWhen(path, a)
		case a.PromQL != "":
			c.promQL(path+".promql", a.PromQL)
			if a.For != nil {
				c.positive(path+".for", *a.For)
			}
		default:
			c.value(path, problem{code: codeMissing, text: "the stop condition is empty", hint: "add when: or promql:"})
		}
	}
}

func (c *checker) checkWhen(path string, a Abort) {
	if a.For != nil {
		c.key(path+".for", problem{code: codeConflict, text: "for belongs into the text of when", hint: `such as "flow.checkout.error_rate > 20% for 10s"`})
	}
	abort, err := ParseAbort(a.When)
	if err != nil {
		c.expression(path+".when", codeAbort, err)
		return
	}
	if !slices.ContainsFunc(c.Spec.Flows, func(f Flow) bool { return f.Name == abort.Flow }) {
		names := []string{}
		for _, f := range c.Spec.Flows {
			names = append(names, f.Name)
		}
		c.inside(path+".when", len("flow."), len([]rune(abort.Flow)), problem{code: codeFlow, text: fmt.Sprintf("unknown flow %q", abort.Flow), hint: suggest(abort.Flow, names)})
	}
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
