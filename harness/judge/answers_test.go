package judge

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// always is a series that has the same value all the time.
func always(v float64) func(gameday.Duration) (float64, bool) {
	return func(gameday.Duration) (float64, bool) { return v, true }
}

// between is a series that has v in the window, else other.
func between(from, to gameday.Duration, v, other float64) func(gameday.Duration) (float64, bool) {
	return func(at gameday.Duration) (float64, bool) {
		if at >= from*second && at < to*second {
			return v, true
		}
		return other, true
	}
}

// lives is a series that exists in the window only.
func lives(from, to gameday.Duration, v float64) func(gameday.Duration) (float64, bool) {
	return func(at gameday.Duration) (float64, bool) { return v, at >= from*second && at < to*second }
}

func TestAnswers(t *testing.T) {
	metric := func(w *world, value func(gameday.Duration) (float64, bool)) { w.series("m", nil, value) }
	for _, test := range []struct {
		sentence string
		spec     gameday.AssertionSpec
		value    func(gameday.Duration) (float64, bool) // of metric m
		outcome  gameday.Outcome
		says     string
	}{
		{"what is expected all the time holds", gameday.AssertionSpec{PromQL: "m", Expect: "== 7", During: gameday.During}, always(7), gameday.Pass, "7 at"},
		{"one second off is a miss", gameday.AssertionSpec{PromQL: "m", Expect: "== 7", During: gameday.During}, between(30, 31, 8, 7), gameday.Fail, "8 at +0:30"},
		{"percentages and durations are numbers", gameday.AssertionSpec{PromQL: "m", Expect: "< 2%"}, always(0.019), gameday.Pass, ""},
		{"a duration is in seconds", gameday.AssertionSpec{PromQL: "m", Expect: "<= 300ms"}, always(0.31), gameday.Fail, "0.31"},
		{"an empty answer is not known", gameday.AssertionSpec{PromQL: "no_such", Expect: "== 0"}, always(7), gameday.Unknown, "no answer"},
		{"a gap is not known", gameday.AssertionSpec{PromQL: "m", Expect: "== 7"}, func(at gameday.Duration) (float64, bool) { return 7, at < 30*second || at > 40*second }, gameday.Unknown, "no answer"},
		{"NaN is not known", gameday.AssertionSpec{PromQL: "m / m", Expect: "== 0"}, always(0), gameday.Unknown, "NaN"},
		{"NaN is not unequal either", gameday.AssertionSpec{PromQL: "m / m != 5"}, always(0), gameday.Unknown, "NaN"},
		{"a broken expression is not known", gameday.AssertionSpec{PromQL: "sum(", Expect: "== 0"}, always(0), gameday.Unknown, "parse PromQL"},
		{"an expectation that cannot be read is not known", gameday.AssertionSpec{PromQL: "m", Expect: "about 7"}, always(7), gameday.Unknown, "want an operator"},
		{"a comparison that holds", gameday.AssertionSpec{PromQL: "m < 8"}, always(7), gameday.Pass, "7 against 8"},
		{"a comparison that does not is a miss, not a gap", gameday.AssertionSpec{PromQL: "m > 8"}, always(7), gameday.Fail, "7 against 8 at +0:05"},
		{"a comparison without data is not known", gameday.AssertionSpec{PromQL: "m > 8", During: gameday.During}, lives(0, 20, 9), gameday.Unknown, "no data for m"},
		{"a misspelt metric is not known", gameday.AssertionSpec{PromQL: "n > 8"}, always(9), gameday.Unknown, "no data for n"},
		{"nor behind or vector(0)", gameday.AssertionSpec{PromQL: "(sum(rate(n_total[5s])) or vector(0)) == 0"}, always(9), gameday.Unknown, "no sample of n_total in the whole run"},
		{"nor in absent()", gameday.AssertionSpec{PromQL: "m > 0 and on () absent(n)"}, always(9), gameday.Unknown, "no sample of n"},
		{"absent of a label is known when the name is", gameday.AssertionSpec{PromQL: `m > 0 and on () absent(m{a="b"})`}, always(9), gameday.Pass, ""},
		{"an expression that always holds is no condition", gameday.AssertionSpec{PromQL: "sum(m)"}, always(9), gameday.Unknown, "no condition"},
		{"nor is one that looks at nothing", gameday.AssertionSpec{PromQL: "vector(1) == 1"}, always(9), gameday.Unknown, "looks at no metric"},
		{"one false comparison decides, though another has no data", gameday.AssertionSpec{PromQL: "m > 8 and on () n > 1"}, always(7), gameday.Fail, "7 against 8"},
		{"within: it may take its time, and then stays", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", Within: 5 * second}, between(0, 29, 0, 1), gameday.Pass, ""},
		{"within: too late", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", Within: 5 * second}, between(0, 32, 0, 1), gameday.Fail, "0 against 1 at +0:30"},
		{"within: it does not stay", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", Within: 5 * second}, between(40, 41, 0, 1), gameday.Fail, "+0:40"},
		{"once: one second is enough", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", Once: true}, between(40, 41, 1, 0), gameday.Pass, "1 against 1 at +0:40"},
		{"once: never", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", Once: true}, between(50, 55, 1, 0), gameday.Fail, ""},
		{"after cuts the start", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", After: 5 * second}, between(25, 30, 0, 1), gameday.Pass, ""},
		{"until cuts the end", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", Until: 5 * second}, between(31, 70, 0, 1), gameday.Pass, ""},
		{"recovery begins with the last heal", gameday.AssertionSpec{PromQL: "m == 1", During: gameday.Recovery}, between(0, 45, 0, 1), gameday.Pass, ""},
		{"a window that is too short is not known", gameday.AssertionSpec{PromQL: "m == 1", Fault: "cut", Within: 25 * second}, always(1), gameday.Unknown, "too short"},
		{"a fault that never was has no window", gameday.AssertionSpec{PromQL: "m == 1", Fault: "other"}, always(1), gameday.Unknown, "never injected"},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			w := newWorld(t)
			metric(w, test.value)
			f := ask(context.Background(), Answer{called(test.spec)}, w.run)
			require.Equal(t, test.outcome, f.Outcome, "%s %s", f.Observed, f.Why)
			require.Contains(t, f.Observed+" "+f.Why, test.says)
			if f.Outcome == gameday.Unknown {
				require.NotEmpty(t, f.Why)
			} else {
				require.NotEmpty(t, f.Evidence)
			}
		})
	}
}

func called(s gameday.AssertionSpec) gameday.AssertionSpec {
	s.Name = "it"
	return s
}

// A judge whose windows slipped to before the fault, or whose faults came elsewhere than planned, must not
// pass on what it sees there.
func TestAWindowWithoutItsFaultShowsNothing(t *testing.T) {
	w := newWorld(t)
	w.series("m", nil, always(1))
	for i := range w.run.Events { // the fault really came and went in the warm-up
		if w.run.Events[i].FaultID != "" {
			w.run.Events[i].At = gameday.Duration(i) * second / 2
		}
	}
	f := ask(context.Background(), Answer{gameday.AssertionSpec{Name: "it", PromQL: "m == 1", During: gameday.During}}, w.run)
	require.Equal(t, gameday.Unknown, f.Outcome)
	require.Contains(t, f.Why, "no fault was seen in effect between +0:25 and +0:45")
}

// Events fall between the milliseconds in which samples are kept.
func TestWindowsMeetSamplesWhateverTheMomentOfAnEvent(t *testing.T) {
	w := newWorld(t)
	w.series("m", nil, always(1))
	for i := range w.run.Events {
		w.run.Events[i].At += 123_456
	}
	for _, spec := range []gameday.AssertionSpec{
		{Name: "expect", PromQL: "m", Expect: "== 1", Fault: "cut"},
		{Name: "compare", PromQL: "m == 1", Fault: "cut", Within: 3 * second},
		{Name: "recovery", PromQL: "m == 1", During: gameday.Recovery},
	} {
		f := ask(context.Background(), Answer{spec}, w.run)
		require.Equal(t, gameday.Pass, f.Outcome, "%s: %s", spec.Name, f.Why)
	}
}

// What ends with the scrapes does not come out as zero.
func TestAnAbsenceIsNoAnswerWhileNothingIsScraped(t *testing.T) {
	w := newWorld(t)
	w.restart()
	w.fill(0, 40*second, func(at gameday.Duration) []gameday.Sample {
		return append(healthy(at), gameday.Sample{Name: "denied_total", Value: 3})
	})
	spec := gameday.AssertionSpec{Name: "it", PromQL: "(sum(rate(denied_total[5s])) or vector(0)) == 0", During: gameday.During}
	f := ask(context.Background(), Answer{spec}, w.run)
	require.Equal(t, gameday.Unknown, f.Outcome)
	require.Contains(t, f.Why, "nothing was scraped at +0:4")
}

type onlyRange struct{ answer []gameday.Series }

func (o onlyRange) Range(context.Context, string, gameday.Duration, gameday.Duration, gameday.Duration) ([]gameday.Series, error) {
	if o.answer == nil {
		return nil, errors.New("query Prometheus at http://127.15.0.1:9090: server_error: server error: 500")
	}
	return o.answer, nil
}

func TestASourceThatErrsOrCannotTakeApartIsNotKnown(t *testing.T) {
	w := newWorld(t)
	w.run.Metrics = onlyRange{}
	f := ask(context.Background(), Answer{gameday.AssertionSpec{Name: "it", PromQL: "m", Expect: "== 1"}}, w.run)
	require.Equal(t, gameday.Unknown, f.Outcome)
	require.Contains(t, f.Why, "500")
	w.run.Metrics = onlyRange{[]gameday.Series{}}
	f = ask(context.Background(), Answer{gameday.AssertionSpec{Name: "it", PromQL: "m == 1"}}, w.run)
	require.Equal(t, gameday.Unknown, f.Outcome)
	require.Contains(t, f.Why, "state what to expect")
}

func FuzzCondition(f *testing.F) {
	for _, text := range []string{"== 0", ">= 1", "< 2%", "<= 300ms", "!= -1e3", "=", "< NaN%", "> 1h2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCondition(text)
		if err == nil && c.limit != c.limit {
			t.Fatalf("%q gives NaN", text)
		}
	})
}

func TestNothingThatCameAfterAStopIsHeldAgainstAnybody(t *testing.T) {
	const stop = faultFrom + 5
	for _, row := range []struct {
		about string
		once  bool
		holds func(second int) bool
		want  gameday.Outcome
	}{
		{"it broke after the stop", false, func(s int) bool { return s <= stop }, gameday.Unknown},
		{"it held until the stop, and nobody knows of the rest", false, func(int) bool { return true }, gameday.Unknown},
		{"it broke before the stop", false, func(s int) bool { return s != stop-2 }, gameday.Fail},
		{"once was enough, and it was before the stop", true, func(s int) bool { return s == stop-2 }, gameday.Pass},
		{"once would have been enough", true, func(s int) bool { return s == stop+2 }, gameday.Unknown},
	} {
		t.Run(row.about, func(t *testing.T) {
			w := newWorld(t)
			w.series("well", nil, func(at gameday.Duration) (float64, bool) {
				if row.holds(int(at / second)) {
					return 1, true
				}
				return 0, true
			})
			w.run.Plan.Assertions = []gameday.AssertionSpec{{Name: "all is well", PromQL: "well", Expect: "== 1", During: gameday.During, Once: row.once, Severity: gameday.SeverityFail}}
			end := len(w.run.Events) - 1
			w.run.Events = append(w.run.Events[:end:end], gameday.Event{At: stop * second, Kind: gameday.EventSignal, Text: "interrupt"}, w.run.Events[end])
			f := finding(t, w.judge(), "all is well")
			require.Equal(t, row.want.String(), f.Outcome.String(), "%s %s", f.Observed, f.Why)
		})
	}
}
