package scenarios

import (
	"slices"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// abortFor is how long a stop condition must hold when it does not say.
const abortFor = 5 * gameday.Duration(1e9)

const abortForm = "flow.NAME.METRIC OP LIMIT for DURATION, such as flow.checkout.error_rate > 20% for 10s"

// ParseAbort reads a stop condition on a flow, such as "flow.checkout.error_rate > 20% for 10s". Without
// "for" it must hold for 5s. The error is an [*ExpressionError].
func ParseAbort(text string) (gameday.Abort, error) {
	if len(text) > expressionMax {
		return gameday.Abort{}, token{text: text}.wrong("", "the condition is longer than %d bytes", expressionMax)
	}
	words := tokens(text)
	held := abortFor
	if len(words) > 3 {
		if err := wordCount(words, 5, abortForm); err != nil {
			return gameday.Abort{}, err
		}
		var err error
		if held, err = heldFor(words[3], words[4]); err != nil {
			return gameday.Abort{}, err
		}
	} else if err := wordCount(words, 3, abortForm); err != nil {
		return gameday.Abort{}, err
	}
	flow, metric, err := words[0].subject()
	if err != nil {
		return gameday.Abort{}, err
	}
	name, unit, err := metric.metric(abortMetrics())
	if err != nil {
		return gameday.Abort{}, err
	}
	op, err := words[1].op()
	if err != nil {
		return gameday.Abort{}, err
	}
	limit, err := words[2].limit(unit)
	if err != nil {
		return gameday.Abort{}, err
	}
	return gameday.Abort{Text: joinWords(words), Flow: flow, Metric: name, Op: op, Limit: limit, For: held}, nil
}

// abortMetrics lists what can be known of a flow at any second: recovery cannot.
func abortMetrics() []string {
	return slices.DeleteFunc(slices.Clone(metricNames), func(m string) bool { return m == "recovery" })
}

func heldFor(word, length token) (gameday.Duration, error) {
	if word.text != "for" {
		return 0, word.wrong("want "+abortForm, "%q is not \"for\"", word.text)
	}
	held, err := gameday.ParseDuration(length.text)
	if err != nil || held <= 0 || held > durationMax {
		return 0, length.wrong("", "%q is no duration such as 10s", length.text)
	}
	return held, nil
}

// subject cuts flow.NAME.METRIC. A metric may hold a point, as p99.9 does; a name may not.
func (t token) subject() (flow string, metric token, err error) {
	parts := strings.SplitN(t.text, ".", 3)
	if len(parts) != 3 || parts[0] != "flow" || parts[1] == "" {
		return "", token{}, t.wrong("want "+abortForm, "%q does not name a flow and a metric", t.text)
	}
	before := len([]rune(parts[0] + parts[1]))
	return parts[1], token{text: parts[2], offset: t.offset + before + 2}, nil
}
