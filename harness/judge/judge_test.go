package judge

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

const ms = time.Millisecond

func TestARunInWhichAllIsWellPasses(t *testing.T) {
	v := newWorld(t).judge()
	for _, f := range v.Findings {
		require.Equal(t, gameday.Pass, f.Outcome, "%s: %s %s", f.Name, f.Observed, f.Why)
	}
	require.Equal(t, gameday.ResultPass, v.Result)
	require.Equal(t, "All 4 objectives held while zone z3 was gone, and well from the last heal on", v.Sentence)
	require.Equal(t, []string{"checkout", "search"}, v.Unaffected)
	require.Empty(t, v.Onsets)
}

// Each row changes one thing in a run in which all is well. None may pass but where it says so. Among them are
// the bugs that the harness must catch in itself: a fault that was not applied (H01), traffic that stops early
// (H02), a scraper that is frozen (H04), a fault that was not healed (H08), a ledger that was not read (H10) and
// a host that was saturated (H12). TestAnswers has the empty result (H06), and TestAWindowWithoutItsFault... the
// shifted window (H07).
func TestOneThingIsWrong(t *testing.T) {
	for _, test := range []struct {
		sentence string
		change   func(t *testing.T, w *world)
		result   gameday.Result
		finding  string // that decides
		says     string // in its Observed or Why
	}{
		{
			"a slow checkout fails its objective",
			func(t *testing.T, w *world) {
				w.traffic(t, "checkout", func(s int) hit {
					if inFault(s) {
						return hit{requests: 50, latency: 80 * ms, slow: 10, slowness: 742 * ms}
					}
					return well(s)
				})
			},
			gameday.ResultFail, "checkout p99 <= 300ms", "742ms in fault; over for 20s",
		},
		{
			"errors in the fault fail",
			func(t *testing.T, w *world) {
				w.traffic(t, "checkout", func(s int) hit {
					if inFault(s) {
						return hit{requests: 50, latency: ms, errors: 5}
					}
					return well(s)
				})
			},
			gameday.ResultFail, "checkout error_rate <= 1%", "10% in fault",
		},
		{
			"turning everybody away is no success",
			func(t *testing.T, w *world) {
				w.traffic(t, "checkout", func(s int) hit {
					if inFault(s) {
						return hit{requests: 50, latency: ms, rejected: 50}
					}
					return well(s)
				})
			},
			gameday.ResultFail, "checkout error_rate <= 1%", "100% in fault",
		},
		{
			"trouble that outlasts the fault fails recovery",
			func(t *testing.T, w *world) {
				w.traffic(t, "checkout", func(s int) hit {
					if s >= faultFrom {
						return hit{requests: 50, latency: 700 * ms}
					}
					return well(s)
				})
			},
			gameday.ResultFail, "checkout recovery <= 20s", "did not recover",
		},
		{
			"a slow recovery fails recovery",
			func(t *testing.T, w *world) {
				w.run.Plan.Flows[0].Objectives[2].Limit = 5
				w.traffic(t, "checkout", func(s int) hit {
					if s >= faultFrom && s < faultTo+10 {
						return hit{requests: 50, latency: 80 * ms, errors: 10}
					}
					return well(s)
				})
			},
			gameday.ResultFail, "checkout recovery <= 20s", "9.5s",
		},
		{
			"a system that was ill before the fault shows nothing",
			func(t *testing.T, w *world) {
				w.traffic(t, "checkout", func(int) hit { return hit{requests: 50, latency: 400 * ms} })
				w.run.Plan.Flows[0].Objectives[0].During = []gameday.Phase{gameday.Baseline}
			},
			gameday.ResultInconclusive, "steady before the first fault", "was not well before the first fault",
		},
		{
			"an objective on too few requests shows nothing",
			func(t *testing.T, w *world) {
				w.run.Plan.Flows[0].Objectives[0] = objective("p999 <= 300ms", "p999", "<=", 0.3)
			},
			gameday.ResultInconclusive, "checkout p999 <= 300ms", "needs 10000",
		},
		{
			"traffic that stops early shows nothing",
			func(t *testing.T, w *world) {
				stop := func(s int) hit {
					if s > 55 {
						return hit{}
					}
					return well(s)
				}
				w.traffic(t, "checkout", stop)
				w.traffic(t, "search", stop)
			},
			gameday.ResultInconclusive, "traffic flowed", "nothing was sent for 14 seconds from +0:56 on",
		},
		{
			"traffic that is not sent shows nothing",
			func(_ *testing.T, w *world) {
				for i := range w.run.Traffic.Slices {
					s := &w.run.Traffic.Slices[i]
					s.Due, s.Unsent = s.Sent*11/10, s.Sent/10
				}
			},
			gameday.ResultInconclusive, "traffic flowed", "only",
		},
		{
			"a flow of which a third was skipped for want of live values shows nothing",
			func(_ *testing.T, w *world) { w.skip("checkout", gameday.SkipNoValue, 25, inFault) },
			gameday.ResultInconclusive, "traffic flowed",
			"500 of 1500 requests of flow checkout in the fault phase were skipped because an earlier answer of their session failed, and maxSkipped allows 25%",
		},
		{
			"an objective does not profit from what was skipped",
			func(_ *testing.T, w *world) { w.skip("checkout", gameday.SkipNoValue, 25, inFault) },
			gameday.ResultInconclusive, "checkout error_rate <= 1%", "maxSkipped allows 25%",
		},
		{
			"a few requests without a live value take nothing away",
			func(_ *testing.T, w *world) { w.skip("checkout", gameday.SkipNoValue, 5, inFault) },
			gameday.ResultPass, "traffic flowed", "",
		},
		{
			"skips before the time that an objective speaks of are none of its business",
			func(_ *testing.T, w *world) {
				for i := range w.run.Plan.Flows[0].Objectives {
					w.run.Plan.Flows[0].Objectives[i].After = 5 * second
				}
				w.skip("checkout", gameday.SkipNoValue, 50, func(s int) bool { return s >= faultFrom && s < faultFrom+5 })
			},
			gameday.ResultPass, "traffic flowed", "",
		},
		{
			"what busy sessions drop is what the plan asked for",
			func(_ *testing.T, w *world) { w.skip("checkout", gameday.SkipBusy, 50, inFault) },
			gameday.ResultPass, "traffic flowed", "",
		},
		{
			"but not without end",
			func(_ *testing.T, w *world) { w.skip("checkout", gameday.SkipBusy, 200, inFault) },
			gameday.ResultInconclusive, "traffic flowed", "were dropped because their session was busy, and maxDropped allows 75%",
		},
		{
			"the plan may allow more",
			func(_ *testing.T, w *world) {
				w.run.Plan.Traffic.MaxSkipped = 0.5
				w.skip("checkout", gameday.SkipNoValue, 25, inFault)
			},
			gameday.ResultPass, "traffic flowed", "",
		},
		{
			"without any promise every flow is looked at",
			func(_ *testing.T, w *world) {
				for i := range w.run.Plan.Flows {
					w.run.Plan.Flows[i].Objectives = nil
				}
				w.skip("search", gameday.SkipNoValue, 25, inFault)
			},
			gameday.ResultInconclusive, "traffic flowed", "flow search in the fault phase",
		},
		{
			"no traffic at all shows nothing",
			func(_ *testing.T, w *world) { w.run.Traffic = gameday.Traffic{} },
			gameday.ResultInconclusive, "traffic flowed", "nothing was due",
		},
		{
			"a generator with problems shows nothing",
			func(_ *testing.T, w *world) { w.run.Traffic.Fidelity.Problems = []string{"late by 300ms at p99"} },
			gameday.ResultInconclusive, "load was offered on time", "late by 300ms",
		},
		{
			"a late generator shows nothing",
			func(_ *testing.T, w *world) { w.run.Traffic.Fidelity.LatenessP99 = second },
			gameday.ResultInconclusive, "load was offered on time", "1s late",
		},
		{
			"a fault that was not seen shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Events[2] = gameday.Event{At: 30 * second, Kind: gameday.EventUnproven, FaultID: "f1", Text: "round trip still 1ms"}
			},
			gameday.ResultInconclusive, "cut was in effect", "round trip still 1ms",
		},
		{
			"a fault said to be active without a measurement shows nothing",
			func(_ *testing.T, w *world) { w.run.Events[2].Evidence = nil },
			gameday.ResultInconclusive, "cut was in effect", "without a measurement",
		},
		{
			"a fault that was never injected shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Events = []gameday.Event{{Kind: gameday.EventStart}, {Kind: gameday.EventEnd}}
			},
			gameday.ResultInconclusive, "cut was in effect", "ended before it was injected",
		},
		{
			"a fault that was skipped shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Events = []gameday.Event{{Kind: gameday.EventSkipped, Step: "cut", Outcome: gameday.Pass, Text: "no target"}, {Kind: gameday.EventEnd}}
			},
			gameday.ResultInconclusive, "cut was in effect", "skipped: no target",
		},
		{
			"a platform that let go too early shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Events = append(w.run.Events, gameday.Event{Kind: gameday.EventNote, Outcome: gameday.Fail, Text: "the platform let go of zone on z3"})
			},
			gameday.ResultInconclusive, "the run went as planned", "let go of zone on z3",
		},
		{
			"a harness that was killed is an error",
			func(_ *testing.T, w *world) { w.run.Events = w.run.Events[:5] },
			gameday.ResultError, "traffic flowed", "",
		},
		{
			"a proof by metrics alone is one",
			func(_ *testing.T, w *world) {
				w.run.Plan.Steps[0].Proof = &gameday.Proof{PromQL: "gameday_host_cpu_ratio > 0.3", Within: 10 * second}
				w.run.Events[2].Evidence.Effect = gameday.EffectUnknown
				w.run.Events[4].Evidence.Effect = gameday.EffectUnknown
			},
			gameday.ResultPass, "cut was in effect", "",
		},
		{
			"a link fault that took hold late says so, and shows what it shows",
			func(_ *testing.T, w *world) {
				at := w.run.Events[2].At
				w.run.Events[1].Fault.Target = gameday.Target{Kind: gameday.KindLink, Name: "order->promotion"}
				w.run.Events[2].Onset = &gameday.Timing{Planned: at - gameday.Duration(500*ms), Applied: at - gameday.Duration(160*ms)}
			},
			gameday.ResultPass, "cut was in effect", "order->promotion took hold 340ms after its planned time, later than the 100ms",
		},
		{
			"a proof by metrics that is not seen shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Plan.Steps[0].Proof = &gameday.Proof{PromQL: "count(up == 0) >= 1", Within: 10 * second}
			},
			gameday.ResultInconclusive, "cut was in effect", "metrics did not show it within 10s",
		},
		{
			"a fault that is still open leaks",
			func(_ *testing.T, w *world) {
				w.run.Events[4] = gameday.Event{At: 50 * second, Kind: gameday.EventLeaked, FaultID: "f1"}
			},
			gameday.ResultLeaked, "every fault was healed", "1 fault still open: zone on z3",
		},
		{
			"a fault that is healed by word only shows nothing",
			func(_ *testing.T, w *world) { w.run.Events[4].Evidence = nil },
			gameday.ResultInconclusive, "every fault was healed", "without a measurement",
		},
		{
			"a scraper that stopped shows nothing",
			func(_ *testing.T, w *world) { w.restart(); w.fill(0, 40*second, healthy) },
			gameday.ResultInconclusive, "targets were scraped", "nothing was scraped at",
		},
		{
			"a scraper that repeats itself shows nothing",
			func(_ *testing.T, w *world) {
				w.restart()
				w.fill(0, 30*second, healthy)
				w.fill(30*second+second/2, runEnds*second, func(gameday.Duration) []gameday.Sample { return healthy(30 * second) })
			},
			gameday.ResultInconclusive, "targets were scraped", "stood still at",
		},
		{
			"samples that were dropped show nothing",
			func(_ *testing.T, w *world) {
				w.restart()
				w.fill(0, runEnds*second, func(at gameday.Duration) []gameday.Sample {
					s := healthy(at)
					s[1].Value = 3
					return s
				})
			},
			gameday.ResultInconclusive, "targets were scraped", "3 samples were dropped: series limit",
		},
		{
			"a busy host shows nothing",
			func(_ *testing.T, w *world) {
				w.restart()
				w.fill(0, runEnds*second, func(at gameday.Duration) []gameday.Sample {
					s := healthy(at)
					if at > 30*second && at < 40*second {
						s[0].Value = 0.99
					}
					return s
				})
			},
			gameday.ResultInconclusive, "the host had spare capacity", "busy at",
		},
		{
			"a busy host shows nothing of a system that has no metrics either",
			func(_ *testing.T, w *world) {
				w.run.Plan.Environment.Topology = ""
				w.restart()
				w.fill(0, runEnds*second, func(gameday.Duration) []gameday.Sample {
					return []gameday.Sample{{Name: "gameday_host_cpu_ratio", Value: 0.99}}
				})
			},
			gameday.ResultInconclusive, "the host had spare capacity", "busy at",
		},
		{
			"a host that cannot be measured does not stop a test within one process",
			func(_ *testing.T, w *world) { w.run.Plan.Environment.Topology = ""; w.restart() },
			gameday.ResultPass, "the host had spare capacity", "does not tell how busy",
		},
		{
			"a host that is not measured for a while shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Plan.Environment.Topology = ""
				w.restart()
				w.fill(0, 30*second, healthy)
			},
			gameday.ResultInconclusive, "the host had spare capacity", "is not known for",
		},
		{
			"no metrics show nothing",
			func(_ *testing.T, w *world) { w.run.Metrics = nil },
			gameday.ResultInconclusive, "targets were scraped", "kept no metrics",
		},
		{
			"a stop condition aborts",
			func(_ *testing.T, w *world) {
				w.run.Events = append(w.run.Events, gameday.Event{At: 40 * second, Kind: gameday.EventAbort, Text: "flow.checkout.error_rate > 20% for 10s"})
			},
			gameday.ResultAborted, "traffic flowed", "",
		},
		{
			"an error of the harness is one",
			func(_ *testing.T, w *world) {
				w.run.Events = append(w.run.Events, gameday.Event{At: 40 * second, Kind: gameday.EventError, Text: "inject: no route"})
			},
			gameday.ResultError, "traffic flowed", "",
		},
		{
			"a lost order fails",
			func(_ *testing.T, w *world) {
				w.run.Plan.Ledger = &gameday.LedgerPlan{Flow: "checkout"}
				w.run.Ledger = &gameday.Ledger{Acked: 100, Kept: 99, Missing: []string{"o-17"}}
			},
			gameday.ResultFail, "ledger of checkout", "1 missing (o-17), 0 duplicate",
		},
		{
			"a ledger that was not read shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Plan.Ledger = &gameday.LedgerPlan{Flow: "checkout"}
				w.run.Ledger = &gameday.Ledger{Acked: 100, Unread: "GET http://127.15.0.1/ledger: 503"}
			},
			gameday.ResultInconclusive, "ledger of checkout", "503",
		},
		{
			"a ledger without a single order shows nothing",
			func(_ *testing.T, w *world) {
				w.run.Plan.Ledger = &gameday.LedgerPlan{Flow: "checkout"}
				w.run.Ledger = &gameday.Ledger{}
			},
			gameday.ResultInconclusive, "ledger of checkout", "nothing was acknowledged",
		},
		{
			"a slice that does not decode shows nothing",
			func(_ *testing.T, w *world) { w.run.Traffic.Slices[30].Latency = []byte("broken") },
			gameday.ResultInconclusive, "traffic can be read", "read latency of flow",
		},
		{
			"a rare flow without one bad request passes",
			func(t *testing.T, w *world) {
				w.traffic(t, "search", func(int) hit { return hit{requests: 1, latency: 80 * ms} })
			},
			gameday.ResultPass, "search p99 <= 500ms", "of only 19 requests",
		},
		{
			"a rare flow with one bad request shows nothing",
			func(t *testing.T, w *world) {
				w.traffic(t, "search", func(s int) hit {
					if s == 30 {
						return hit{requests: 1, latency: 800 * ms}
					}
					return hit{requests: 1, latency: 80 * ms}
				})
			},
			gameday.ResultInconclusive, "search p99 <= 500ms", "only 20 requests in the fault phase",
		},
		{
			"a flow without requests before the fault is judged by what came later",
			func(t *testing.T, w *world) {
				w.traffic(t, "search", func(s int) hit {
					if s < faultFrom {
						return hit{}
					}
					return well(s)
				})
			},
			gameday.ResultPass, "search p99 <= 500ms", "in fault",
		},
		{
			"a run that the gate stopped says so",
			func(_ *testing.T, w *world) {
				w.run.Events = []gameday.Event{
					{Kind: gameday.EventStart},
					{At: faultFrom * second, Kind: gameday.EventSteady, Text: "2 of 3 held"},
					{At: faultFrom * second, Kind: gameday.EventEnd},
				}
			},
			gameday.ResultInconclusive, "cut was in effect", "the run was stopped at +0:25",
		},
		{
			"one slow request in a window is no trouble",
			func(t *testing.T, w *world) {
				w.traffic(t, "checkout", func(s int) hit {
					return hit{requests: 50, latency: 80 * ms, slow: (s / 7) % 2 * (s % 2), slowness: 900 * ms}
				})
				w.run.Plan.Flows[0].Objectives = w.run.Plan.Flows[0].Objectives[:1]
			},
			gameday.ResultPass, "checkout p99 <= 300ms", "",
		},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.change(t, w)
			v := w.judge()
			f := finding(t, v, test.finding)
			require.Equal(t, test.result, v.Result, "%s\n%s: %s %s", v.Sentence, f.Name, f.Observed, f.Why)
			require.Contains(t, f.Observed+" "+f.Why, test.says)
			if test.result != gameday.ResultPass && test.says != "" {
				require.NotEqual(t, gameday.Pass, f.Outcome)
			}
			require.NotEmpty(t, v.Sentence)
			_, err := json.Marshal(v)
			require.NoError(t, err, "a verdict is written as JSON")
		})
	}
}

func TestVerdictTellsTheStory(t *testing.T) {
	w := newWorld(t)
	w.traffic(t, "checkout", func(s int) hit {
		if s >= faultFrom+3 && s < faultTo+6 {
			return hit{requests: 50, latency: 80 * ms, slow: 20, slowness: 742 * ms}
		}
		return well(s)
	})
	w.series("gameday_link_requests_total", map[string]string{"src": "order", "dst": "promotion", "code": "none"}, func(at gameday.Duration) (float64, bool) {
		return max(0, 20*(at-(faultFrom+1)*second).Seconds()), true
	})
	v := w.judge()
	require.Equal(t, gameday.ResultFail, v.Result)
	require.Equal(t, "3 of 4 objectives held while zone z3 was gone; checkout p99 742ms broke its limit of 300ms first, recovered by itself in 5.5s", v.Sentence)
	require.Equal(t, "order -> promotion failed 0/s to 20/s after 2s, then checkout p99 80ms to 742ms after 3s", v.BrokeFirst)
	require.Equal(t, []string{"search"}, v.Unaffected)
	require.Equal(t, gameday.Duration(5500*ms), *v.Recovered)
	require.Equal(t, 2*second, *v.Detected)
	require.Equal(t, "checkout p99 <= 300ms", v.Findings[0].Name, "worst first")
	f := v.Findings[0]
	require.InDelta(t, 0.08, *f.Before, 0.001)
	require.InDelta(t, 0.742, *f.During, 0.001)
	require.InDelta(t, 0.08, *f.After, 0.001)
	require.Len(t, v.Flows, 8, "two flows in four phases")
	require.LessOrEqual(t, len(f.Evidence[0].Points), evidencePoints)
}

func TestAFlowThatDoesBetterHasNotBroken(t *testing.T) {
	w := newWorld(t)
	w.traffic(t, "checkout", func(s int) hit {
		if inFault(s) {
			return hit{requests: 200, latency: 10 * ms}
		}
		return well(s)
	})
	v := w.judge()
	require.Empty(t, v.Onsets, "more successes and less latency are no trouble")
	require.Contains(t, v.Unaffected, "checkout")
	w.traffic(t, "checkout", func(s int) hit {
		if inFault(s) {
			return hit{requests: 5, latency: 10 * ms}
		}
		return well(s)
	})
	v = w.judge()
	require.NotEmpty(t, v.Onsets)
	require.Equal(t, "checkout successes", v.Onsets[0].Signal)
	require.Less(t, v.Onsets[0].Value, v.Onsets[0].Baseline)
}

func TestSteadyIsAGateOnAPartialRun(t *testing.T) {
	w := newWorld(t)
	w.run.Events = w.run.Events[:1]
	var sofar []gameday.Slice
	for _, s := range w.run.Traffic.Slices {
		if s.Second < faultFrom {
			sofar = append(sofar, s)
		}
	}
	w.run.Traffic = gameday.Traffic{Slices: sofar}
	f, err := Steady{gameday.Baseline}.Judge(context.Background(), w.run)
	require.NoError(t, err)
	require.Equal(t, gameday.Pass, f.Outcome, f.Why)
	require.Equal(t, "3 of 3 held", f.Observed)
	w.run.Traffic.Slices = nil
	f, err = Steady{gameday.Baseline}.Judge(context.Background(), w.run)
	require.NoError(t, err)
	require.Equal(t, gameday.Unknown, f.Outcome, "no traffic is not steady")
	require.NotEmpty(t, f.Why)
}

func TestARunWithoutFaultsIsJudgedThroughout(t *testing.T) {
	w := newWorld(t)
	w.run.Plan.Steps, w.run.Events = nil, nil
	v := w.judge()
	require.Equal(t, gameday.ResultPass, v.Result, v.Sentence)
	require.Equal(t, "All 3 objectives held", v.Sentence)
	w.traffic(t, "checkout", func(int) hit { return hit{requests: 50, latency: 400 * ms} })
	v = w.judge()
	require.Equal(t, gameday.ResultFail, v.Result, "there is no fault that could excuse it")
}

func TestAFailureInDoubtSaysSo(t *testing.T) {
	w := newWorld(t)
	w.traffic(t, "checkout", func(s int) hit {
		if inFault(s) {
			return hit{requests: 50, latency: 742 * ms}
		}
		return well(s)
	})
	w.run.Traffic.Fidelity.Problems = []string{"late"}
	v := w.judge()
	require.Equal(t, gameday.ResultFail, v.Result)
	require.Equal(t, "3 of 4 objectives held while zone z3 was gone; checkout p99 742ms broke its limit of 300ms first, "+
		"and well from the last heal on; in doubt whether load was offered on time", v.Sentence)
}

type brokenAssertion struct{ how func() error }

func (b brokenAssertion) Judge(context.Context, gameday.Run) (gameday.Finding, error) {
	return gameday.Finding{Name: "x", Outcome: gameday.Pass}, b.how()
}

func TestAnAssertionThatBreaksIsUnknown(t *testing.T) {
	for _, how := range []func() error{
		func() error { return errors.New("disk is away") },
		func() error { panic("disk is away") },
	} {
		f := ask(context.Background(), brokenAssertion{how}, gameday.Run{})
		require.Equal(t, gameday.Unknown, f.Outcome)
		require.Contains(t, f.Why, "disk is away")
		require.Equal(t, gameday.SeverityFail, f.Severity)
	}
	require.Equal(t, gameday.ResultInconclusive, result(facts{}, nil), "nothing judged is nothing earned")
}

// restart empties the store.
func TestTheSentenceTellsWhatMadeAVerdictWorse(t *testing.T) {
	earned := gameday.Verdict{Result: gameday.ResultFail, Sentence: "1 of 2 objectives held"}
	for _, row := range []struct {
		name string
		best gameday.Result
		want string
	}{
		{"nothing", gameday.ResultPass, "1 of 2 objectives held"},
		{"a doubt about what failed anyhow", gameday.ResultInconclusive, "1 of 2 objectives held"},
		{"a stop", gameday.ResultAborted, "Stopped early: this (and 1 more)"},
		{"an error", gameday.ResultError, "The harness failed: this (and 1 more)"},
		{"a leak", gameday.ResultLeaked, "A fault may still be open: this (and 1 more)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := Worsen(earned, row.best, []string{"this", "that"})
			require.Equal(t, row.want, v.Sentence)
			require.Equal(t, earned.Result.Worse(row.best), v.Result)
		})
	}
	doubtful := Worsen(gameday.Verdict{Result: gameday.ResultPass, Sentence: "All held"}, gameday.ResultInconclusive, []string{"a step was skipped"})
	require.Equal(t, "Nothing is proven: a step was skipped", doubtful.Sentence)
}

func (w *world) restart() {
	w.store = newStore(w.run)
	w.run.Metrics = w.store
}

func (w *world) fill(from, to gameday.Duration, samples func(gameday.Duration) []gameday.Sample) {
	for at := from; at <= to; at += second / 2 {
		w.store.Append(at, samples(at)...)
	}
}
