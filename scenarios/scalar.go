package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	gameday "github.com/gameday-dev/gameday"
)

// durationMax bounds every duration of a scenario.
const durationMax = gameday.Duration(7 * 24 * time.Hour)

// scalar fills v, whose kind is a scalar's, from n.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, r rules, path string) {
	switch {
	case v.Type() == durationType:
		if value, ok := d.duration(n, path); ok {
			v.SetInt(int64(value))
		}
	case v.Kind() == reflect.String:
		if text, ok := d.text(n, path); ok {
			v.SetString(text)
			d.words(v, r, path)
		}
	case v.Kind() == reflect.Bool:
		d.boolean(n, v, path)
	case v.Kind() == reflect.Int:
		if value, err := parseInteger(n.Value); n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			d.wrongType("a whole number", n, path)
		} else if d.inRange(float64(value), r, path) {
			v.SetInt(int64(value))
		}
	case v.Kind() == reflect.Float64:
		d.number(n, v, r, path)
	}
}

// text returns the text of n, which must be a string: what YAML takes for a number may not be what was meant.
func (d *decoder) text(n *yaml.Node, path string) (string, bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		return n.Value, true
	}
	what := problem{code: codeType, text: "want a string, got " + kindOf(n)}
	if n.Kind == yaml.ScalarNode {
		what.hint = fmt.Sprintf("quote it: %q", n.Value)
	}
	d.value(path, what)
	return "", false
}

func (d *decoder) boolean(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		v.SetBool(strings.EqualFold(n.Value, "true"))
		return
	}
	what := problem{code: codeType, text: "want true or false, got " + kindOf(n)}
	switch strings.ToLower(n.Value) {
	case "yes", "on", "y", "1":
		what.hint = "did you mean true?"
	case "no", "off", "n", "0":
		what.hint = "did you mean false?"
	}
	d.value(path, what)
}

func (d *decoder) number(n *yaml.Node, v reflect.Value, r rules, path string) {
	value, err := parseNumber(n.Value)
	if n.Kind == yaml.ScalarNode && err == nil && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float") {
		if d.inRange(value, r, path) {
			v.SetFloat(value)
		}
		return
	}
	what := problem{code: codeType, text: "want a number, got " + kindOf(n)}
	if bare := strings.TrimRight(n.Value, "%x×"); bare != n.Value && bareNumber.MatchString(bare) {
		what = problem{code: codeType, text: fmt.Sprintf("want a number, got %q", n.Value), hint: fmt.Sprintf("did you mean %s?", bare)}
	}
	d.value(path, what)
}

var bareNumber = regexp.MustCompile(`^[0-9.]+$`)

func (d *decoder) duration(n *yaml.Node, path string) (gameday.Duration, bool) {
	if n.Kind != yaml.ScalarNode {
		d.wrongType("a duration such as 30s", n, path)
		return 0, false
	}
	value, err := gameday.ParseDuration(n.Value)
	switch {
	case err == nil && value < 0:
		d.value(path, problem{code: codeDuration, text: fmt.Sprintf("duration %s is negative", n.Value)})
	case err == nil && value > durationMax:
		d.value(path, problem{code: codeDuration, text: fmt.Sprintf("duration %s is longer than 7d", n.Value)})
	case err == nil:
		return value, true
	case bareNumber.MatchString(n.Value):
		d.value(path, problem{code: codeDuration, text: fmt.Sprintf("duration %s has no unit", n.Value), hint: fmt.Sprintf("did you mean %ss?", n.Value)})
	default:
		d.value(path, problem{code: codeDuration, text: err.Error(), hint: durationHint(n.Value)})
	}
	return 0, false
}

var longUnit = regexp.MustCompile(`^([0-9.]+) ?(ms|s|m|h|d|milliseconds?|millis|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?)$`)

// durationHint returns what a duration in words would be in units.
func durationHint(text string) string {
	m := longUnit.FindStringSubmatch(strings.ToLower(text))
	if m == nil {
		return ""
	}
	unit := m[2][:1]
	if strings.HasPrefix(m[2], "mil") || m[2] == "ms" {
		unit = "ms"
	}
	return fmt.Sprintf("did you mean %s%s?", m[1], unit)
}

// words reports a string, or an item of a list of strings, that is none of the allowed ones.
func (d *decoder) words(v reflect.Value, r rules, path string) {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			d.words(v.Index(i), r, path)
		}
		return
	}
	if v.Kind() == reflect.String && r.words != nil && !slices.Contains(r.words, v.String()) {
		d.value(path, problem{code: codeWord, text: fmt.Sprintf("%q is not allowed here", v.String()), hint: suggest(v.String(), r.words)})
	}
}

func (d *decoder) inRange(value float64, r rules, path string) bool {
	if low, err := strconv.ParseFloat(r.minimum, 64); err == nil && value < low {
		d.value(path, problem{code: codeRange, text: fmt.Sprintf("%g is less than %s", value, r.minimum)})
		return false
	}
	if high, err := strconv.ParseFloat(r.maximum, 64); err == nil && value > high {
		d.value(path, problem{code: codeRange, text: fmt.Sprintf("%g is more than %s", value, r.maximum)})
		return false
	}
	return true
}

// decode keeps the text of any single value.
func (s *Scalar) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		d.wrongType("a single value", n, path)
		return
	}
	s.Text, s.tag = n.Value, n.ShortTag()
}

// fromText makes a list of one phase.
func (p *PhaseList) fromText(text string) { *p = PhaseList{gameday.Phase(text)} }

// fromText takes the expression of an objective.
func (s *SLO) fromText(text string) { s.Expr = text }

// fromText reads what gameday.Endpoint.String writes.
func (e *Endpoint) fromText(text string) {
	if text == "*" {
		return
	}
	e.Service, e.Zone, _ = strings.Cut(text, "@")
}

func tagOf(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "!!bool"
	case reflect.Int:
		return "!!int"
	case reflect.Float64:
		return "!!float"
	}
	return "!!str"
}

// parseInteger reads decimal digits only: what 010 or 0x10 means depends on the reader.
func parseInteger(text string) (int, error) {
	if digits := strings.TrimPrefix(text, "-"); len(digits) > 1 && digits[0] == '0' {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(text)
}

// parseNumber reads a finite decimal number.
func parseNumber(text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsInf(value, 0) || math.IsNaN(value) || strings.ContainsAny(text, "xXpP_")) {
		return 0, strconv.ErrSyntax
	}
	return value, err
}
