package scenarios

import (
	"testing"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func TestObjectives(t *testing.T) {
	for _, row := range []struct {
		text, metric, op string
		limit            float64
	}{
		{"p99 <= 300ms", "p99", "<=", 0.3},
		{"p99.9<1s", "p999", "<", 1},
		{"  p50   ==  1m ", "p50", "==", 60},
		{"mean < 250us", "mean", "<", 0.00025},
		{"max <= 2s", "max", "<=", 2},
		{"error_rate <= 1%", "error_rate", "<=", 0.01},
		{"error_rate == 0%", "error_rate", "==", 0},
		{"error_rate <= 0.1%", "error_rate", "<=", 0.001},
		{"success_rate >= 99.9%", "success_rate", ">=", 0.999},
		{"rate >= 50/s", "rate", ">=", 50},
		{"rate <= 260/s", "rate", "<=", 260},
		{"recovery <= 60s", "recovery", "<=", 60},
	} {
		t.Run(row.text, func(t *testing.T) {
			o, err := ParseObjective(row.text)
			require.NoError(t, err)
			require.Equal(t, gameday.Objective{Text: o.Text, Metric: row.metric, Op: row.op, Limit: row.limit}, o)
			again, err := ParseObjective(o.Text)
			require.NoError(t, err)
			require.Equal(t, o, again, "its text says the same")
		})
	}
}

func TestBadObjectives(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"a comparison that runs the wrong way", "p99 >= 300ms", `would promise to be bad; did you mean "<="?`},
		{"a share that is a bare number", "error_rate <= 0.01", "did you mean 1%?"},
		{"a time without unit", "p99 <= 300", "did you mean 300ms?"},
		{"a rate per minute", "rate >= 50/m", "is no rate such as 50/s; did you mean 50/s?"},
		{"a share in place of a time", "p99 <= 1%", "is no time such as 300ms"},
		{"a negative time", "p99 <= -1s", "is not more than 0"},
		{"no number at all", "rate >= NaN/s", "is no rate"},
		{"infinity", "error_rate <= inf%", "is no share"},
		{"a misspelt metric", "eror_rate <= 1%", `did you mean "error_rate"?`},
		{"nothing", "", "the expression is empty"},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, err := ParseObjective(row.text)
			require.ErrorContains(t, err, row.want)
		})
	}
}

func TestAborts(t *testing.T) {
	for _, row := range []struct {
		text string
		want gameday.Abort
	}{
		{"flow.checkout.error_rate > 20% for 10s", gameday.Abort{Flow: "checkout", Metric: "error_rate", Op: ">", Limit: 0.2, For: 10e9}},
		{"flow.place_order.p99.9>2s", gameday.Abort{Flow: "place_order", Metric: "p999", Op: ">", Limit: 2, For: abortFor}},
		{"flow.a-b.rate < 1/s for 1m", gameday.Abort{Flow: "a-b", Metric: "rate", Op: "<", Limit: 1, For: 60e9}},
	} {
		t.Run(row.text, func(t *testing.T) {
			a, err := ParseAbort(row.text)
			require.NoError(t, err)
			row.want.Text = a.Text
			require.Equal(t, row.want, a)
			again, err := ParseAbort(a.Text)
			require.NoError(t, err)
			require.Equal(t, a, again)
		})
	}
}

// fuzzExpression looks for panics, for errors that point outside of the text, and for texts that mean
// something else when they are read again.
func fuzzExpression(t *testing.T, text string, parse func(string) (string, error)) {
	canonical, err := parse(text)
	if err == nil {
		again, err := parse(canonical)
		require.NoError(t, err)
		require.Equal(t, canonical, again)
		return
	}
	var bad *ExpressionError
	require.ErrorAs(t, err, &bad)
	require.GreaterOrEqual(t, bad.Offset, 0)
	require.LessOrEqual(t, bad.Offset+bad.Width, len([]rune(text)))
	require.NotEmpty(t, bad.Problem)
}

func FuzzParseObjective(f *testing.F) {
	for _, seed := range []string{"p99 <= 300ms", "error_rate <= 1%", "rate >= 5/s", "recovery <= 60s", "p99 ≤ 1s", "<<", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fuzzExpression(t, text, func(s string) (string, error) {
			o, err := ParseObjective(s)
			return o.Text, err
		})
	})
}

func FuzzParseAbort(f *testing.F) {
	for _, seed := range []string{"flow.checkout.error_rate > 20% for 10s", "flow.a.p99.9 > 2s", "flow..rate < 1/s", "flow.a", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fuzzExpression(t, text, func(s string) (string, error) {
			a, err := ParseAbort(s)
			return a.Text, err
		})
	})
}
