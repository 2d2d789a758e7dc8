//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerdicts(t *testing.T) {
	most := goal{limit: 1.1, unit: times, to: "wrk", aim: 0.7}
	least := goal{limit: 40_000, unit: perSecond, least: true}
	none := goal{limit: 0, unit: plain}
	for _, test := range []struct {
		sentence string
		goal     goal
		finding  finding
		want     string
		why      string
	}{
		{"at the limit it is met", most, finding{value: 1.1}, "met: 1.10", ""},
		{"a spread is shown instead of the value", most, finding{value: 1, shown: "1.00 (0.90 to 1.20)"}, "met: 1.00 (0.90 to 1.20)", ""},
		{"what is beyond is told in percent, with the reason", most, finding{value: 1.32, why: "It parses"}, "missed by 20 %: 1.32", "It parses"},
		{"far beyond it is a factor", most, finding{value: 11, why: "It parses"}, "missed, by a factor of 10.0: 11.00", "It parses"},
		{"a reason that nobody knows is not made up", most, finding{value: 1.32}, "missed by 20 %: 1.32", "not known"},
		{"a little beyond is told with a digit more", most, finding{value: 1.103}, "missed by 0.3 %: 1.10", "not known"},
		{"more than the least is met", least, finding{value: 50_000}, "met: 50,000/s", ""},
		{"less than the least is missed", least, finding{value: 20_000}, "missed by 50 %: 20,000/s", "not known"},
		{"nothing is far from the least", least, finding{value: 0}, "missed: 0/s", "not known"},
		{"none is none", none, finding{value: 0}, "met: 0", ""},
		{"one is not none", none, finding{value: 1}, "missed: 1", "not known"},
	} {
		got, why := test.goal.verdict(test.finding)
		require.Equal(t, []string{test.want, test.why}, []string{got, why}, test.sentence)
	}
}

func TestGoalsSayWhatTheyAsk(t *testing.T) {
	require.Equal(t, "at most 1.10 × wrk; aim 0.70", goal{limit: 1.1, unit: times, to: "wrk", aim: 0.7}.must())
	require.Equal(t, "at least 40,000/s", goal{limit: 40_000, unit: perSecond, least: true}.must())
	require.Equal(t, "none", goal{unit: plain}.must())
	require.Equal(t, "-", goal{}.must())
}
