package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// ExpressionError says what is wrong with a part of a short expression, and where.
type ExpressionError struct {
	Problem string
	Hint    string // what was probably meant
	Offset  int    // of the part, in characters from the start of the text
	Width   int    // of the part
}

// Error returns the problem and the hint.
func (e *ExpressionError) Error() string {
	if e.Hint == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Hint
}

// token is a word of an expression. Words are parted by spaces, and comparison signs stand for themselves.
type token struct {
	text   string
	offset int
}

// expressionMax bounds the length of a short expression, in bytes.
const expressionMax = 200

const comparisonSigns = "<>=!≤≥"

// tokens cuts text into words.
func tokens(text string) []token {
	var found []token
	kind, offset := 0, -1 // of the rune before: 0 space, 1 sign, 2 word
	for _, r := range text {
		offset++
		now := 2
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			now = 0
		case strings.ContainsRune(comparisonSigns, r):
			now = 1
		}
		switch {
		case now == 0:
		case now == kind:
			found[len(found)-1].text += string(r)
		default:
			found = append(found, token{string(r), offset})
		}
		kind = now
	}
	return found
}

// wrong returns an error about t.
func (t token) wrong(hint, format string, args ...any) error {
	return &ExpressionError{Problem: fmt.Sprintf(format, args...), Hint: hint, Offset: t.offset, Width: len([]rune(t.text))}
}

// unit is what a metric is measured in.
type unit int

const (
	unitTime unit = iota // limit in seconds
	unitRatio
	unitRate // per second
)

// metrics lists what can be said of a flow, as it is written.
var metricNames = []string{"p50", "p90", "p95", "p99", "p99.9", "max", "mean", "error_rate", "success_rate", "rate", "recovery"}

// metric returns the plan's name and the unit of a metric.
func (t token) metric(allowed []string) (name string, u unit, err error) {
	if !slices.Contains(allowed, t.text) {
		return "", 0, t.wrong(suggest(t.text, allowed), "unknown metric %q", t.text)
	}
	switch t.text {
	case "error_rate", "success_rate":
		return t.text, unitRatio, nil
	case "rate":
		return t.text, unitRate, nil
	case "p99.9":
		return "p999", unitTime, nil
	}
	return t.text, unitTime, nil
}

// op returns the comparison sign.
func (t token) op() (string, error) {
	switch t.text {
	case "<=", "<", ">=", ">", "==":
		return t.text, nil
	}
	meant := map[string]string{"=": "==", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">="}[t.text]
	if meant != "" {
		meant = fmt.Sprintf("did you mean %q?", meant)
	}
	return "", t.wrong(meant, "%q is no comparison: want <= < >= > or ==", t.text)
}

// limit reads a limit in the unit.
func (t token) limit(u unit) (float64, error) {
	number := strings.TrimRight(t.text, "%/smuµhd")
	switch u {
	case unitRatio:
		return t.ratio(number)
	case unitRate:
		value, err := parseNumber(strings.TrimSuffix(t.text, "/s"))
		if err != nil || value < 0 || !strings.HasSuffix(t.text, "/s") {
			return 0, t.wrong(meant(number, "/s"), "limit %q is no rate such as 50/s", t.text)
		}
		return value, nil
	}
	value, err := gameday.ParseDuration(t.text)
	switch {
	case err != nil:
		return 0, t.wrong(meant(number, "ms"), "limit %q is no time such as 300ms or 2s", t.text)
	case value <= 0:
		return 0, t.wrong("", "limit %q is not more than 0", t.text)
	}
	return value.Seconds(), nil
}

func (t token) ratio(number string) (float64, error) {
	value, err := parseNumber(strings.TrimSuffix(t.text, "%"))
	switch {
	case err != nil || !strings.HasSuffix(t.text, "%"):
		hint := meant(number, "%")
		if err == nil && value > 0 && value < 1 {
			hint = fmt.Sprintf("did you mean %.4g%%?", value*100)
		}
		return 0, t.wrong(hint, "limit %q is no share such as 1%%", t.text)
	case value < 0 || value > 100:
		return 0, t.wrong("", "limit %q is not between 0%% and 100%%", t.text)
	}
	// Dividing the decimal number, not its binary neighbour, keeps 0.1% at 0.001.
	ratio, err := strconv.ParseFloat(strings.TrimSuffix(t.text, "%")+"e-2", 64)
	if err != nil {
		ratio = value / 100
	}
	return ratio, nil
}

// meant returns a hint with the unit added, when what stands before it is a number.
func meant(number, unit string) string {
	if _, err := parseNumber(number); err != nil {
		return ""
	}
	return fmt.Sprintf("did you mean %s%s?", number, unit)
}
