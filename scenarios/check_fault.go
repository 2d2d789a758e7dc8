package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// stepsMax bounds how often one fault may be repeated.
const stepsMax = 1000

var stepName = regexp.MustCompile(`^(.*)-[0-9]+$`)

func (c *checker) checkFaults() {
	c.atMost("spec.faults", len(c.Spec.Faults))
	names, repeated := map[string]string{}, map[string]bool{}
	for _, f := range c.Spec.Faults {
		repeated[f.Name] = f.Every != nil
	}
	for i, f := range c.Spec.Faults {
		path := fmt.Sprintf("spec.faults[%d]", i)
		c.unique(path+".name", "fault", f.Name, names)
		if m := stepName.FindStringSubmatch(f.Name); m != nil && repeated[m[1]] {
			c.value(path+".name", problem{code: codeDuplicate, text: fmt.Sprintf("the repetitions of %q are named %s-1, %s-2 ...", m[1], m[1], m[1]), hint: "choose another name"})
		}
		c.checkTimes(path, f)
		c.checkTarget(path+".target", f)
		c.checkMonkey(path, f)
		if p := f.Proof; p != nil {
			c.promQL(path+".proof.promql", p.PromQL)
			if p.Within != nil {
				c.positive(path+".proof.within", *p.Within)
				c.fits(path+".proof.within", *p.Within, f.For, "the fault")
			}
		}
	}
}

// checkTimes reports a fault that does not fit into the fault phase, or whose repetitions do not fit.
func (c *checker) checkTimes(path string, f Fault) {
	c.positive(path+".for", f.For)
	c.positive(path+".within", f.Within)
	if end := f.At + f.For; f.For > 0 && end > c.phases.Fault {
		c.impossible(path+".for", "make phases.fault longer", "the fault ends %s into a fault phase of %s", end, c.phases.Fault)
	}
	if f.Every == nil {
		for _, field := range []struct {
			name  string
			given *gameday.Duration
		}{{"minGap", f.MinGap}, {"until", f.Until}} {
			if field.given != nil {
				c.key(path+"."+field.name, problem{code: codeConflict, text: field.name + " means nothing without every"})
			}
		}
		return
	}
	c.checkRepetition(path, f)
}

func (c *checker) checkRepetition(path string, f Fault) {
	switch {
	case *f.Every <= 0:
		c.positive(path+".every", *f.Every)
		return
	case c.Spec.Phases.Fault == nil && f.Until == nil:
		c.key(path+".every", problem{code: codeTime, text: "nothing says when the repetition ends", hint: "give until, or phases.fault"})
		return
	case f.MinGap != nil && *f.MinGap > *f.Every:
		c.fits(path+".minGap", *f.MinGap, *f.Every, "the mean time between repetitions")
		return
	case f.MinGap != nil && *f.MinGap <= 0:
		c.positive(path+".minGap", *f.MinGap)
		return
	}
	until := f.until(c.phases.Fault)
	c.fits(path+".until", until, c.phases.Fault, "the fault phase")
	if f.At+f.For > until && f.Until != nil {
		c.impossible(path+".until", "", "the first fault ends at %s, after until", f.At+f.For)
	}
	if f.For > 0 && (until-f.At)/f.minGap() >= stepsMax {
		c.value(path+".every", problem{code: codeLimit, text: fmt.Sprintf("gaps of %s allow more than %d repetitions until %s", f.minGap(), stepsMax, until), hint: "make minGap longer"})
	}
}

func (c *checker) checkTarget(path string, f Fault) {
	t := f.Target
	c.service(path+".service", t.Service)
	c.zone(path+".zone", t.Zone)
	for name, e := range map[string]*Endpoint{".from": t.From, ".to": t.To} {
		if e != nil {
			c.endpoint(path+name, *e)
		}
	}
	if c.wrong[path+".kind"] {
		return
	}
	kinds := kindsOf(c.Monkeys, f.Type)
	kind := t.kind(kinds)
	c.checkKind(path, t, kind, kinds)
	c.checkMode(path, t, kind)
}

// clientService is the caller of the links from the load generator into the topology, which declares no such
// service.
const clientService = "client"

// endpoint checks both names of one side of a link, which may stand in one string.
func (c *checker) endpoint(path string, e Endpoint) {
	at := func(field string) string {
		if c.src.has(path + "." + field) {
			return path + "." + field
		}
		return path
	}
	if e.Service != clientService {
		c.service(at("service"), e.Service)
	}
	c.zone(at("zone"), e.Zone)
}

// checkKind reports fields that the kind of target has no use for, and targets that are everything.
func (c *checker) checkKind(path string, t Target, kind gameday.Kind, kinds []gameday.Kind) {
	if len(kinds) > 0 && t.Kind != "" && !slices.Contains(kinds, t.Kind) {
		c.value(path+".kind", problem{code: codeConflict, text: fmt.Sprintf("the monkey does not act on kind %q", t.Kind), hint: "one of: " + joinKinds(kinds)})
		return
	}
	for _, field := range []struct {
		name  string
		given bool
		kinds []gameday.Kind
	}{
		{"service", t.Service != "", []gameday.Kind{gameday.KindInstance, gameday.KindService}},
		{"zone", t.Zone != "", []gameday.Kind{gameday.KindInstance, gameday.KindZone}},
		{"instance", t.Instance != "", []gameday.Kind{gameday.KindInstance}},
		{"from", t.From != nil, []gameday.Kind{gameday.KindLink}},
		{"to", t.To != nil, []gameday.Kind{gameday.KindLink}},
		{"minHealthy", t.MinHealthy != 0, []gameday.Kind{gameday.KindInstance}},
		{"follow", t.Follow, []gameday.Kind{gameday.KindInstance}},
	} {
		if field.given && !slices.Contains(field.kinds, kind) {
			c.key(path+"."+field.name, problem{code: codeConflict, text: fmt.Sprintf("%s means nothing for a target of kind %s", field.name, kind), hint: "it needs kind " + joinKinds(field.kinds)})
		}
	}
	if everything(t, kind) {
		c.value(path, problem{code: codeMissing, text: fmt.Sprintf("the target names no %s", kind), hint: map[gameday.Kind]string{
			gameday.KindLink: "add from: or to:", gameday.KindZone: "add zone:", gameday.KindService: "add service:",
			gameday.KindInstance: "add service:, zone:, instance: or labels:",
		}[kind]})
	}
}

// everything says whether t would match all there is of its kind: nobody means that.
func everything(t Target, kind gameday.Kind) bool {
	named := len(t.Labels) > 0
	switch kind {
	case gameday.KindLink:
		return !named && (t.From == nil || *t.From == Endpoint{}) && (t.To == nil || *t.To == Endpoint{})
	case gameday.KindZone:
		return !named && t.Zone == ""
	case gameday.KindService:
		return !named && t.Service == ""
	case gameday.KindInstance:
		return !named && t.Service == "" && t.Zone == "" && t.Instance == ""
	}
	return false
}

func (c *checker) checkMode(path string, t Target, kind gameday.Kind) {
	mode := t.mode(kind)
	switch {
	case t.Count != nil && t.Percent != nil:
		c.key(path+".percent", conflict("count", "percent"))
	case t.Count != nil && mode != gameday.ModeCount:
		c.key(path+".count", conflict("count", "mode "+string(mode)))
	case t.Percent != nil && mode != gameday.ModePercent:
		c.key(path+".percent", conflict("percent", "mode "+string(mode)))
	case mode == gameday.ModeCount && t.Count == nil, mode == gameday.ModePercent && t.Percent == nil:
		c.value(path+".mode", problem{code: codeMissing, text: fmt.Sprintf("mode %s needs the field %s", mode, mode)})
	}
}

// acting is what a monkey may say beyond its contract: the kinds of target it acts on, the usual one first.
type acting interface{ Kinds() []gameday.Kind }

// validating is a monkey that can say what is wrong with its fields.
type validating interface{ Validate() error }

// kindsOf asks a monkey what it acts on. Nil means that it does not say.
func kindsOf(monkeys gameday.Catalog, name string) []gameday.Kind {
	if m, err := monkeys.New(name, nil); err == nil {
		if a, ok := m.(acting); ok {
			return a.Kinds()
		}
	}
	return nil
}

func joinKinds(kinds []gameday.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, " or ")
}

// checkMonkey reports an unknown monkey, and each of its fields that it does not know or cannot read.
func (c *checker) checkMonkey(path string, f Fault) {
	if c.Monkeys == nil || f.Type == "" {
		return
	}
	if c.Monkeys[f.Type] == nil {
		c.value(path+".type", problem{code: codeMonkey, text: fmt.Sprintf("unknown monkey %q", f.Type), hint: suggest(f.Type, c.Monkeys.Names())})
		return
	}
	before := len(c.found)
	if f.With != nil {
		known := monkeyFields(c.Monkeys[f.Type]())
		for _, field := range f.With.fields {
			c.checkMonkeyField(path+".with."+field.name, f.Type, field, known)
		}
	}
	if len(c.found) > before {
		return
	}
	at := path + ".with"
	m, err := c.Monkeys.New(f.Type, f.With.json())
	if v, ok := m.(validating); err == nil && ok {
		err = v.Validate()
	}
	if err != nil {
		c.key(at, problem{code: codeMonkeyUse, text: err.Error()})
	}
	if blind, ok := m.(gameday.Unmeasured); ok && f.Proof == nil {
		c.value(path+".type", problem{
			code: codeMissing, text: fmt.Sprintf("%s cannot be measured (%s), so the fault needs a proof", f.Type, blind.Unmeasured()),
			hint: "add proof: {promql: ...}, a condition on metrics that holds only while the fault does",
		})
	}
}

func (c *checker) checkMonkeyField(path, monkey string, field rawField, known []string) {
	if known != nil && !slices.Contains(known, field.name) {
		c.key(path, problem{code: codeField, text: fmt.Sprintf("unknown field %q of monkey %s", field.name, monkey), hint: suggest(field.name, known)})
		return
	}
	if _, err := c.Monkeys.New(monkey, object([]rawField{field})); err != nil {
		c.value(path, problem{code: codeMonkeyUse, text: monkeyError(err), hint: durationHint(strings.Trim(string(field.json), `"`))})
	}
	var flow string
	if field.name == "flow" && json.Unmarshal(field.json, &flow) == nil {
		c.flow(path, flow) // whatever the monkey, this names a flow of the scenario
	}
}

// monkeyError says what a decoder could not read, without the decoder's own names of types.
func monkeyError(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("want %s, got a %s", goKind(wrong.Type), wrong.Value)
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

func goKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	}
	if t == durationType {
		return "a duration such as 30s"
	}
	return "a number"
}

// monkeyFields lists the fields of a monkey's struct, or nothing when it is none.
func monkeyFields(m gameday.Monkey) []string {
	t := reflect.TypeOf(m)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return fieldNames(t)
}

// json returns the fields as JSON. None is no JSON.
func (r *Raw) json() json.RawMessage {
	if r == nil {
		return nil
	}
	return r.JSON
}
