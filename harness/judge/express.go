package judge

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
)

// condition is a comparison with a number, such as "< 2%".
type condition struct {
	op    string
	limit float64
}

// operators, those that begin like another one first.
var operators = []string{"<=", ">=", "==", "!=", "<", ">"}

// parseCondition reads an operator and a number, which may be a percentage or a duration: "== 0",
// "< 2%", "<= 300ms".
func parseCondition(text string) (condition, error) {
	text = strings.TrimSpace(text)
	for _, op := range operators {
		if rest, ok := strings.CutPrefix(text, op); ok {
			limit, err := parseNumber(strings.TrimSpace(rest))
			if err != nil {
				return condition{}, fmt.Errorf("read expectation %q: %w", text, err)
			}
			return condition{op, limit}, nil
		}
	}
	return condition{}, fmt.Errorf("read expectation %q: want an operator and a number, such as == 0, >= 1, < 2%% or <= 300ms", text)
}

func parseNumber(text string) (float64, error) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		v, err := parseFinite(strings.TrimSpace(percent))
		return v / 100, err
	}
	if v, err := parseFinite(text); err == nil {
		return v, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no number, percentage or duration", text)
	}
	return d.Seconds(), nil
}

func parseFinite(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no finite number", text)
	}
	return v, nil
}

func (c condition) holds(v float64) bool { return compare(v, c.op, c.limit) }

// compare is false for every operator that it does not know, and whenever a side is NaN.
func compare(v float64, op string, limit float64) bool {
	if math.IsNaN(v) || math.IsNaN(limit) {
		return false
	}
	switch op {
	case "<=":
		return v <= limit
	case "<":
		return v < limit
	case ">=":
		return v >= limit
	case ">":
		return v > limit
	case "==":
		return v == limit
	case "!=":
		return v != limit
	}
	return false
}

// say writes a value for people, by its unit: "742ms", "1.9%", "389/s", "0.41".
func say(v float64, unit string) string {
	switch unit {
	case "s":
		return sayDuration(v)
	case "ratio":
		return trim(v*100) + "%"
	case "/s":
		return trim(v) + "/s"
	}
	return trim(v)
}

func sayDuration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		d = d.Round(time.Millisecond)
	default:
		d = d.Round(10 * time.Microsecond)
	}
	return gameday.Duration(d).String()
}

// trim writes a number with three significant digits at most, and whole numbers whole.
func trim(v float64) string {
	switch {
	case v == math.Trunc(v) && math.Abs(v) < 1e6:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case math.Abs(v) >= 1000 && math.Abs(v) < 1e6:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// clock writes an offset as reports do: "+1:05".
func clock(at gameday.Duration) string {
	s := int(math.Round(at.Seconds()))
	return fmt.Sprintf("+%d:%02d", s/60, s%60)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
