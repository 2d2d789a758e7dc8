package gamedaytest_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/monkeys/monkeytest"
)

// lenient is how late a load may be in a test of tests, which run beside many others.
const lenient = 2 * time.Second

func TestASystemThatBearsTheFaultPasses(t *testing.T) {
	t.Parallel()
	r := record(t, "PASS", func(t testing.TB) {
		s := openShop(t, 300*time.Millisecond, true)
		run := gamedaytest.Case{
			Flows:  s.checkout("p99 <= 2s", "error_rate <= 1%", "recovery <= 2s"),
			Faults: []gamedaytest.Fault{{Monkey: &monkeys.Latency{Delay: ms(700)}, On: s.stock, For: 3 * time.Second}},
			Assertions: []gameday.AssertionSpec{{
				Name: "the link carried the load", PromQL: `sum(rate(gameday_link_requests_total{dst="stock",dst_zone=""}[3s])) > 10`, During: gameday.Baseline, Once: true,
			}},
			MaxLate: lenient,
		}.Run(t)
		if run.Verdict.Result == gameday.ResultPass {
			require.Contains(t, run.Verdict.Sentence, "while stock was slow")
		}
		for _, e := range run.Events {
			if e.Kind == gameday.EventActive {
				require.InDelta(t, e.Onset.Planned.Seconds(), e.Onset.Applied.Seconds(), 2, "a link is under its fault when planned, on a busy machine too")
			}
		}
		require.True(t, slices.ContainsFunc(run.Verdict.Findings, func(f gameday.Finding) bool {
			return f.Name == "the host had spare capacity" && f.To > f.From
		}), "the machine is watched though the case has no metrics")
	})
	require.Empty(t, r.failures)
	require.Equal(t, "424242", r.attrs["gameday.seed"])
}

func TestABrokenPromiseFailsWithWhereItIsWrittenAndWhereTheReportIs(t *testing.T) {
	t.Parallel()
	r := record(t, "FAIL", func(t testing.TB) {
		s := openShop(t, 5*time.Second, false)
		gamedaytest.Case{
			Flows:  s.checkout("p99 <= 1s"),
			Faults: []gamedaytest.Fault{{Monkey: &monkeys.Latency{Delay: ms(1500)}, On: s.stock, For: 4 * time.Second}},
			Seed:   7, MaxLate: lenient,
		}.Run(t)
	})
	r.said("FAIL: ", "while stock was slow", "✗ checkout p99 <= 1s: observed", "(case_test.go:", "seed 7 · report: ", "go test -artifacts keeps it")
	require.Equal(t, "7", r.attrs["gameday.seed"])
	report := regexp.MustCompile(`report: (\S+)`).FindStringSubmatch(r.failures[0])
	require.FileExists(t, report[1])
}

func TestPromisesAroundAFaultMayBreakWhileItLasts(t *testing.T) {
	t.Parallel()
	record(t, "PASS", func(t testing.TB) {
		s := openShop(t, 3*time.Second, false)
		flows := s.checkout("recovery <= 2s")
		flows[0].Around = []string{"error_rate <= 1%"}
		run := gamedaytest.Case{
			Flows:   flows,
			Faults:  []gamedaytest.Fault{{Name: "outage", Monkey: &monkeys.Partition{}, On: s.stock}},
			MaxLate: lenient,
		}.Run(t)
		for _, f := range run.Verdict.Findings {
			if f.Name == "checkout error_rate <= 1%" && run.Verdict.Result == gameday.ResultPass {
				require.Greater(t, *f.During, 0.5, "the partition broke the flow")
			}
		}
	})
}

func TestASurgeActsOnTheLoad(t *testing.T) {
	t.Parallel()
	record(t, "PASS", func(t testing.TB) {
		s := openShop(t, 3*time.Second, false)
		gamedaytest.Case{
			Flows:   s.checkout("success_rate >= 99%"),
			Faults:  []gamedaytest.Fault{{Monkey: &monkeys.Surge{Factor: 3}, For: 4 * time.Second}},
			MaxLate: lenient,
		}.Run(t)
	})
}

func TestALinkThatNobodyUsesProvesNothing(t *testing.T) {
	t.Parallel()
	r := record(t, "INCONCLUSIVE", func(t testing.TB) {
		s, other := openShop(t, time.Second, false), openShop(t, time.Second, false)
		gamedaytest.Case{
			Flows:  s.checkout("p99 <= 1s"),
			Faults: []gamedaytest.Fault{{Monkey: &monkeys.Latency{Delay: ms(100)}, On: other.stock}},
		}.Run(t)
	})
	r.said("INCONCLUSIVE: ", "nobody has connected to the proxy of stock", "Addr()")
}

func TestAFaultThatIsNotSeenToBiteProvesNothing(t *testing.T) {
	t.Parallel()
	r := record(t, "INCONCLUSIVE", func(t testing.TB) {
		s := openShop(t, 3*time.Second, false)
		gamedaytest.Case{
			Flows:   s.checkout("p99 <= 3s"),
			Faults:  []gamedaytest.Fault{{Monkey: &monkeys.Latency{Delay: ms(100)}, On: s.stock, Proof: `gameday_link_requests_total{dst="moon"}`}},
			MaxLate: lenient,
		}.Run(t)
	})
	r.said("INCONCLUSIVE: ", "latency was in effect", `dst="moon"`)
}

var errStuck = errors.New("the switch is stuck")

// stuck is a platform that takes hold and cannot let go.
func stuck() gameday.Platform {
	p := monkeytest.New().Platform()
	p.Before = func(_ context.Context, call string) error {
		if call == "release" {
			return errStuck
		}
		return nil
	}
	return p
}

func TestAFaultThatIsStillOpenAtTheEndFails(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		platform func(s shop) gameday.Platform
		fault    gamedaytest.Fault
		want     string
	}{
		{"on a platform that cannot let go", func(shop) gameday.Platform { return stuck() }, gamedaytest.Fault{
			Monkey: &monkeys.Kill{}, Select: gameday.Selector{Kind: gameday.KindInstance, Service: "product", Mode: gameday.ModeOne},
		}, errStuck.Error()},
		{"on a platform that only says that it has", func(s shop) gameday.Platform { return gamedaytest.Deaf(s.stock) }, gamedaytest.Fault{
			Monkey: &monkeys.Latency{Delay: ms(300)}, Select: gameday.Selector{Kind: gameday.KindLink, To: gameday.Endpoint{Service: "stock"}},
		}, "latency on stock is not known to be gone after 2s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := record(t, "LEAKED", func(t testing.TB) {
				s := openShop(t, time.Second, true)
				gamedaytest.Case{
					Flows: s.checkout("error_rate <= 1%"), Platform: row.platform(s), Faults: []gamedaytest.Fault{row.fault},
					HealWithin: 2 * time.Second, MaxLate: lenient,
				}.Run(t)
			})
			r.said("LEAKED: ", row.want, "heal it: gameday recover --store "+r.dir)
			again := record(t, "", func(t testing.TB) {
				s := openShop(t, time.Second, false)
				gamedaytest.Case{Flows: s.checkout(), Store: r.dir}.Run(t)
			})
			again.said("there was no run", "left open faults", "gameday recover")
		})
	}
}

func TestAStopBeforeTheEndHealsAndFails(t *testing.T) {
	t.Parallel()
	r := record(t, "ABORTED", func(t testing.TB) {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		s := openShop(t, time.Second, false)
		run := gamedaytest.Case{
			Flows:  s.checkout("p99 <= 3s"),
			Faults: []gamedaytest.Fault{{Monkey: &monkeys.Latency{Delay: ms(100)}, On: s.stock, For: time.Minute}},
		}.Run(impatient{t, ctx})
		require.Empty(t, gameday.OpenFaults(run.Events))
	})
	r.said("ABORTED: ")
}

// impatient is a test with a context of its own.
type impatient struct {
	testing.TB
	ctx context.Context //nolint:containedctx // it is what a test has
}

func (i impatient) Context() context.Context { return i.ctx }

func TestACaseThatCannotBeRunSaysEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	stock := openShop(t, time.Second, false).stock
	good := gamedaytest.Flow{Name: "a", URL: "http://127.0.0.1:1/a", Rate: 1}
	for _, row := range []struct {
		name string
		c    gamedaytest.Case
		want []string
	}{
		{"without flows", gamedaytest.Case{}, []string{"there are no flows"}},
		{"with several mistakes", gamedaytest.Case{
			Flows: []gamedaytest.Flow{
				{Name: "a", URL: "ftp://127.0.0.1/", Rate: 1},
				{Name: "b", URL: "http://127.0.0.1:1/b", Rate: 0},
				{Name: "c", URL: "http://127.0.0.1:1/c", Rate: 1, SLO: []string{"p99 < soon", "p98 <= 1s"}},
			},
			Faults: []gamedaytest.Fault{{On: stock}},
		}, []string{`flow "a": URL`, `flow "b": rate 0`, `no time such as 300ms`, `unknown metric "p98"`, "fault 1", "want a pointer"}},
		{"with two flows on one path", gamedaytest.Case{
			Flows: []gamedaytest.Flow{good, {Name: "b", URL: "http://127.0.0.1:1/a?x", Rate: 1}},
		}, []string{"is another flow already"}},
		{"with two hosts", gamedaytest.Case{
			Flows: []gamedaytest.Flow{good, {Name: "b", URL: "http://127.0.0.2:1/b", Rate: 1}},
		}, []string{"want one host"}},
		{"with a time below zero", gamedaytest.Case{Flows: []gamedaytest.Flow{good}, Warmup: -1}, []string{"Warmup", "-1ns"}},
		{"with a selector and no platform", gamedaytest.Case{
			Flows:  []gamedaytest.Flow{good},
			Faults: []gamedaytest.Fault{{Monkey: &monkeys.Kill{}, Select: gameday.Selector{Kind: gameday.KindInstance}}},
		}, []string{"among the targets of Case.Platform"}},
		{"with a fault that nothing can show", gamedaytest.Case{
			Flows: []gamedaytest.Flow{good}, Faults: []gamedaytest.Fault{{Monkey: &monkeys.Bandwidth{BytesPerSecond: 4096}, On: stock}},
		}, []string{"it cannot be measured", "give it a Proof"}},
		{"with a link and a platform", gamedaytest.Case{
			Flows: []gamedaytest.Flow{good}, Platform: stuck(),
			Faults: []gamedaytest.Fault{{Monkey: &monkeys.Latency{Delay: ms(1)}, On: stock}},
		}, []string{"do not go together"}},
		{"with PromQL that is none", gamedaytest.Case{
			Flows: []gamedaytest.Flow{good}, Assertions: []gameday.AssertionSpec{{Name: "x", PromQL: "sum("}},
		}, []string{"assertion x", "sum("}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := record(t, "", func(t testing.TB) { row.c.Run(t) })
			r.said(row.want...)
			left, err := os.ReadDir(r.dir)
			require.NoError(t, err)
			require.Empty(t, left, "nothing was begun")
		})
	}
}

// TestTheExamplesWork runs what the examples show, which print nothing and do nothing: an example cannot be skipped where a busy
// machine proves nothing.
func TestTheExamplesWork(t *testing.T) {
	t.Parallel()
	for name, example := range map[string]func(testing.TB){"Case": sellWithoutStock, "Replay": welcomeWithoutNews} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record(t, "PASS", example)
		})
	}
}
