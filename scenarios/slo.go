package scenarios

import (
	"fmt"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// ParseObjective reads an objective such as "p99 <= 300ms": a metric, a comparison, and a limit with its unit.
//
//	p50 p90 p95 p99 p99.9 max mean   a time: 300ms, 2s
//	error_rate success_rate          a share: 1%
//	rate                             requests per second: 50/s
//	recovery                         a time, from the last heal until the flow keeps its other objectives again
//
// Only Text, Metric, Op and Limit of the answer are set. The error is an [*ExpressionError].
func ParseObjective(text string) (gameday.Objective, error) {
	if len(text) > expressionMax {
		return gameday.Objective{}, token{text: text}.wrong("", "the objective is longer than %d bytes", expressionMax)
	}
	words := tokens(text)
	if err := wordCount(words, 3, "METRIC OP LIMIT, such as p99 <= 300ms"); err != nil {
		return gameday.Objective{}, err
	}
	metric, unit, err := words[0].metric(metricNames)
	if err != nil {
		return gameday.Objective{}, err
	}
	op, err := words[1].op()
	if err != nil {
		return gameday.Objective{}, err
	}
	if err := checkDirection(words[0].text, words[1]); err != nil {
		return gameday.Objective{}, err
	}
	limit, err := words[2].limit(unit)
	if err != nil {
		return gameday.Objective{}, err
	}
	return gameday.Objective{Text: joinWords(words), Metric: metric, Op: op, Limit: limit}, nil
}

// checkDirection refuses promises to be slow or wrong: they are written by mistake, and would pass when
// everything is on fire.
func checkDirection(metric string, op token) error {
	up := strings.HasPrefix(op.text, ">")
	down := strings.HasPrefix(op.text, "<")
	turned := map[byte]string{'>': "<", '<': ">"}[op.text[0]] + op.text[1:]
	hint := fmt.Sprintf("did you mean %q? An assertion can state the opposite", turned)
	switch {
	case metric == "success_rate" && down:
		return op.wrong(hint, "%s %s would promise failures", metric, op.text)
	case metric != "success_rate" && metric != "rate" && up:
		return op.wrong(hint, "%s %s would promise to be bad", metric, op.text)
	}
	return nil
}

// wordCount reports an expression with too few or too many words, at the first that is too many.
func wordCount(words []token, want int, form string) error {
	switch {
	case len(words) > want:
		return words[want].wrong("want "+form, "%q is too much", words[want].text)
	case len(words) == 0:
		return token{}.wrong("want "+form, "the expression is empty")
	case len(words) < want:
		return words[len(words)-1].wrong("want "+form, "the expression ends after %q", words[len(words)-1].text)
	}
	return nil
}

// joinWords writes an expression with single spaces.
func joinWords(words []token) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return strings.Join(texts, " ")
}
