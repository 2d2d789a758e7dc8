package harness_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/monkeys"
)

func TestARunGoesThroughItsPhases(t *testing.T) {
	in(t, "and a fault through its life", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6))
		var slices int
		b.config.Slices = func(gameday.Slice) error { slices++; return nil }
		b.config.Steady = func(_ context.Context, soFar gameday.Run) (gameday.Outcome, string) {
			assert.GreaterOrEqual(t, len(soFar.Traffic.Slices), 6, "the gate sees the traffic so far")
			return gameday.Pass, "p99 12ms"
		}
		b.config.Plan.Ledger = &gameday.LedgerPlan{}
		b.config.Ledger = func(_ context.Context, acks []gameday.Ack) (gameday.Ledger, error) {
			return gameday.Ledger{Acked: len(acks), Kept: 1}, nil
		}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		require.Equal(t, b.rest, b.world.Snapshot())
		require.Equal(t, []gameday.EventKind{
			gameday.EventSteady, gameday.EventInjecting, gameday.EventActive, gameday.EventHealing, gameday.EventHealed,
		}, kinds(report.Run.Events))
		var phases []gameday.Phase
		for _, e := range only(report.Run.Events, gameday.EventPhase) {
			from, _ := b.config.Plan.Phases.Window(e.Phase)
			require.InDelta(t, from.Seconds(), e.At.Seconds(), 0.1)
			phases = append(phases, e.Phase)
		}
		require.Equal(t, []gameday.Phase{gameday.Warmup, gameday.Baseline, gameday.During, gameday.Recovery}, phases)
		require.InDelta(t, 8, only(report.Run.Events, gameday.EventInjecting)[0].At.Seconds(), 0.1)
		require.InDelta(t, 14, only(report.Run.Events, gameday.EventHealing)[0].At.Seconds(), 0.1)
		seen := only(report.Run.Events, gameday.EventActive)[0]
		require.Equal(t, seconds(8), seen.Onset.Planned)
		require.GreaterOrEqual(t, seen.Onset.Applied, seen.Onset.Planned)
		require.LessOrEqual(t, seen.Onset.Applied, seen.At)
		require.Equal(t, 32, slices)
		require.Equal(t, &gameday.Ledger{Acked: 1, Kept: 1}, report.Run.Ledger)
	})
	in(t, "and the same seed chooses the same targets", func(t *testing.T) {
		var chosen []string
		for range 3 {
			report, err := newBench(kill("kill-1", 8, 1), kill("kill-2", 10, 1)).run(t, t.Context())
			require.NoError(t, err)
			for _, e := range only(report.Run.Events, gameday.EventInjecting) {
				chosen = append(chosen, e.Fault.Target.Name)
			}
		}
		require.Equal(t, chosen[:2], chosen[2:4])
		require.Equal(t, chosen[:2], chosen[4:])
	})
	in(t, "and leases outlast a fault that is longer than a lease", func(t *testing.T) {
		report, err := newBench(kill("kill-1", 7, 20)).run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
	})
}

// lazy is a monkey of which one part does nothing.
type lazy struct {
	*monkeys.Kill
	inject, heal bool
}

func (l *lazy) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	if l.inject {
		return nil
	}
	return l.Kill.Inject(ctx, p, f)
}

func (l *lazy) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	if l.heal {
		return nil
	}
	return l.Kill.Heal(ctx, p, f)
}

func TestHarnessMutantsNeverPass(t *testing.T) {
	in(t, "H01: a fault that is not applied proves nothing", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6))
		b.config.Catalog = gameday.Catalog{"kill": func() gameday.Monkey { return &lazy{Kill: &monkeys.Kill{}, inject: true} }}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultInconclusive, report.Result)
		require.Contains(t, report.Reasons[0], "step kill-1 is unproven: its effect was not seen within 3s")
	})
	in(t, "H02: traffic that stops early judges nothing", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6))
		b.config.Load = drip{length: seconds(12)}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultInconclusive, report.Result)
		require.Equal(t, []string{"traffic stopped early, at 12s of 32s"}, report.Reasons)
		require.Equal(t, report.Reasons, report.Run.Traffic.Fidelity.Problems)
	})
	in(t, "H08: a fault that is not healed outranks everything", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6))
		b.world.Leases = false
		b.config.Catalog = gameday.Catalog{"kill": func() gameday.Monkey { return &lazy{Kill: &monkeys.Kill{}, heal: true} }}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultLeaked, report.Result)
		require.Len(t, report.Open, 1)
		require.Contains(t, report.Reasons[0], "run `gameday recover run`")
		require.Equal(t, 6, report.ExitCode(gameday.ResultPass))
		require.NotEqual(t, b.rest, b.world.Snapshot())

		done, err := harness.Recover(t.Context(), harness.Recovery{Events: b.disk.read(), Journal: b.disk, Platform: b.platform, Catalog: monkeys.Catalog()})
		require.NoError(t, err)
		require.Len(t, done.Healed, 1)
		require.Equal(t, b.rest, b.world.Snapshot())
		require.Empty(t, gameday.OpenFaults(b.disk.read()))
	})
}

func TestWhatStopsARunHealsIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal os.Signal
		exit   int
	}{{"an interrupt", os.Interrupt, 130}, {"a request to terminate", syscall.SIGTERM, 143}} {
		in(t, c.name, func(t *testing.T) {
			b := newBench(kill("kill-1", 8, 15), onLink("slow", "latency", `{"delay":"1s"}`, 8, 15), kill("late", 25, 1))
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(12*time.Second, func() { cancel(harness.Interrupted{Signal: c.signal}) })
			report, err := b.run(t, ctx)
			require.NoError(t, err)
			require.Equal(t, gameday.ResultAborted, report.Result)
			require.Equal(t, c.exit, report.ExitCode(gameday.ResultAborted))
			require.Equal(t, 6, report.ExitCode(gameday.ResultLeaked), "a leak outranks a signal")
			require.Equal(t, b.rest, b.world.Snapshot())
			for _, e := range only(report.Run.Events, gameday.EventHealed) {
				require.Less(t, e.At, seconds(13))
			}
			require.Len(t, only(report.Run.Events, gameday.EventInjecting), 2)
		})
	}
	in(t, "a stop condition that held for its time", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 15))
		b.config.Plan.Aborts = []gameday.Abort{{Text: "up == 0 for 3s", PromQL: "up == 0", For: seconds(3)}}
		b.config.Metrics = answers(func(_ string, at gameday.Duration) (bool, error) { return at > seconds(10.5), nil })
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultAborted, report.Result)
		require.Equal(t, []string{`stop condition "up == 0 for 3s" fired`}, report.Reasons)
		require.InDelta(t, 14, only(report.Run.Events, gameday.EventAbort)[0].At.Seconds(), 0.1)
		require.InDelta(t, 14, only(report.Run.Events, gameday.EventHealed)[0].At.Seconds(), 1)
		require.Equal(t, b.rest, b.world.Snapshot())
	})
	in(t, "a stop condition that comes and goes does not", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 15))
		b.config.Plan.Aborts = []gameday.Abort{{Text: "up", PromQL: "up == 0", For: seconds(3)}}
		b.config.Metrics = answers(func(_ string, at gameday.Duration) (bool, error) { return int(at.Seconds())%3 > 0, nil })
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
	})
	in(t, "stop conditions that cannot be seen any more", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 19))
		b.config.Plan.Aborts = []gameday.Abort{{Text: "up", PromQL: "up == 0"}}
		b.config.Metrics = answers(func(_ string, at gameday.Duration) (bool, error) {
			if at > seconds(10) {
				return false, errDown
			}
			return false, nil
		})
		report, err := b.run(t, t.Context())
		require.ErrorIs(t, err, errDown)
		require.Equal(t, gameday.ResultError, report.Result)
		require.Equal(t, b.rest, b.world.Snapshot())
	})
	in(t, "a load that fails", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 15))
		b.config.Load = drip{length: seconds(10), err: errDown}
		report, err := b.run(t, t.Context())
		require.ErrorIs(t, err, errDown)
		require.Equal(t, gameday.ResultError, report.Result)
		require.Equal(t, b.rest, b.world.Snapshot())
	})
}

func TestASignalIsTheRunsOnlyIfItsJournalHasIt(t *testing.T) {
	ledgered := func(read func(context.Context) error) *bench {
		b := newBench(kill("kill-1", 8, 6))
		b.config.Plan.Ledger = &gameday.LedgerPlan{}
		b.config.Ledger = func(ctx context.Context, acks []gameday.Ack) (gameday.Ledger, error) {
			return gameday.Ledger{Acked: len(acks), Kept: 1}, read(ctx)
		}
		return b
	}
	in(t, "one after the last phase stops the reading of the ledger", func(t *testing.T) {
		b := ledgered(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(35*time.Second, func() { cancel(harness.Interrupted{Signal: os.Interrupt}) })
		report, err := b.run(t, ctx)
		require.NoError(t, err)
		require.Equal(t, gameday.ResultAborted, report.Result)
		require.Equal(t, gameday.ExitInterrupt, report.ExitCode(gameday.ResultAborted))
		require.Len(t, only(report.Run.Events, gameday.EventSignal), 1)
		require.Equal(t, "the run was stopped before its end", report.Run.Ledger.Unread)
		require.InDelta(t, 35, only(report.Run.Events, gameday.EventEnd)[0].At.Seconds(), 0.1)
	})
	in(t, "one after the end is not", func(t *testing.T) {
		b := ledgered(func(context.Context) error { return nil })
		ctx, cancel := context.WithCancelCause(t.Context())
		b.config.Observe = func(e gameday.Event) {
			if e.Kind == gameday.EventEnd {
				cancel(harness.Interrupted{Signal: os.Interrupt})
			}
		}
		report, err := b.run(t, ctx)
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		require.Zero(t, report.ExitCode(gameday.ResultPass), "no PASS stands beside another exit code")
	})
}

func TestNoFaultWithoutSteadyState(t *testing.T) {
	for _, outcome := range []gameday.Outcome{gameday.Fail, gameday.Unknown} {
		in(t, outcome.String(), func(t *testing.T) {
			b := newBench(kill("kill-1", 8, 6))
			b.config.Steady = func(context.Context, gameday.Run) (gameday.Outcome, string) { return outcome, "p99 900ms" }
			report, err := b.run(t, t.Context())
			require.NoError(t, err)
			require.Equal(t, gameday.ResultInconclusive, report.Result)
			require.Empty(t, only(report.Run.Events, gameday.EventInjecting))
			end := only(report.Run.Events, gameday.EventEnd)[0]
			require.Less(t, end.At, seconds(8), "the run ends at once")
		})
	}
}

func TestTheGateWaitsForTheTrafficOfTheBaseline(t *testing.T) {
	late := func(by time.Duration) *bench {
		b := newBench(kill("kill-1", 8, 6))
		b.config.Plan.Traffic.Timeout = seconds(5)
		b.config.Load = drip{length: b.config.Plan.Phases.Total(), late: by}
		b.config.Steady = func(_ context.Context, soFar gameday.Run) (gameday.Outcome, string) {
			if n := len(soFar.Traffic.Slices); n < 7 {
				return gameday.Unknown, fmt.Sprintf("only %d seconds of traffic", n)
			}
			return gameday.Pass, "well"
		}
		return b
	}
	in(t, "that is still under way on a starved machine", func(t *testing.T) {
		b := late(4 * time.Second)
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		require.Regexp(t, `the gate waited 4(\.1)?s for it$`, only(report.Run.Events, gameday.EventNote)[0].Text)
		require.InDelta(t, 11, only(report.Run.Events, gameday.EventInjecting)[0].At.Seconds(), 0.2, "the fault that was due meanwhile comes at once")
		require.InDelta(t, 27, only(report.Run.Events, gameday.EventPhase)[3].At.Seconds(), 0.2, "no later phase is shifted")
	})
	in(t, "but not longer than a request may take", func(t *testing.T) {
		b := late(20 * time.Second)
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultInconclusive, report.Result)
		require.Contains(t, report.Reasons[0], "only 0 seconds of traffic")
		require.InDelta(t, 7+8, only(report.Run.Events, gameday.EventSteady)[0].At.Seconds(), 0.2)
	})
	in(t, "and not when the run is stopped", func(t *testing.T) {
		b := late(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		report, err := b.run(t, ctx)
		require.NoError(t, err)
		require.Equal(t, gameday.ResultAborted, report.Result)
		require.Empty(t, only(report.Run.Events, gameday.EventInjecting))
		require.InDelta(t, 9, only(report.Run.Events, gameday.EventEnd)[0].At.Seconds(), 0.2)
	})
}

func TestNothingIsTouchedBeforeItIsOnDisk(t *testing.T) {
	in(t, "a full disk leaves the system alone", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6))
		b.disk.fail = func(e gameday.Event) error {
			if e.Kind == gameday.EventInjecting {
				return syscall.ENOSPC
			}
			return nil
		}
		b.world.OnChange = func(fault, what string) { t.Errorf("%s: %s", fault, what) }
		report, err := b.run(t, t.Context())
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.ErrorContains(t, err, "step kill-1: kill on product-")
		require.ErrorContains(t, err, "is not injected")
		require.Equal(t, gameday.ResultError, report.Result)
	})
	in(t, "a disk that fills up later does not keep anything from healing", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6))
		b.disk.fail = func(e gameday.Event) error {
			if e.Kind == gameday.EventHealing || e.Kind == gameday.EventHealed {
				return syscall.ENOSPC
			}
			return nil
		}
		report, err := harness.Run(t.Context(), b.config)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Equal(t, gameday.ResultError, report.Result)
		require.Equal(t, b.rest, b.world.Snapshot())
		require.Len(t, gameday.OpenFaults(b.disk.read()), 1, "the journal still says open: recover heals again, which is harmless")
	})
	in(t, "a fault is announced before its first change", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6), onLink("slow", "latency", `{"delay":"1s"}`, 8, 6),
			gameday.Step{Name: "surge", Monkey: "surge", At: seconds(9), For: seconds(3), Selector: gameday.Selector{Kind: gameday.KindTraffic}})
		changes := 0
		b.world.OnChange = func(fault, what string) {
			changes++
			assert.True(t, b.disk.announced(fault), what)
		}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		require.Equal(t, 3, changes)
	})
}

func TestAnInjectionThatStopsHalfWayIsHealed(t *testing.T) {
	in(t, "zone", func(t *testing.T) {
		b := newBench(gameday.Step{
			Name: "zone", Monkey: "zone", At: seconds(8), For: seconds(5), Within: seconds(3),
			Selector: gameday.Selector{Kind: gameday.KindZone, Zone: "z1"},
		})
		kills := 0
		b.platform.Before = func(_ context.Context, call string) error {
			if call == "kill" {
				if kills++; kills == 3 {
					return errDown
				}
			}
			return nil
		}
		report, err := b.run(t, t.Context())
		require.ErrorIs(t, err, errDown)
		require.Equal(t, gameday.ResultError, report.Result)
		require.Equal(t, b.rest, b.world.Snapshot())
		require.Empty(t, report.Open)
	})
}

func TestTwoFaultsOnOneProperty(t *testing.T) {
	in(t, "the second is skipped, and the run is no pass", func(t *testing.T) {
		b := newBench(onLink("slow", "latency", `{"delay":"1s"}`, 8, 6), onLink("slower", "latency", `{"delay":"2s"}`, 9, 6))
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultInconclusive, report.Result)
		require.Len(t, report.Reasons, 1)
		require.Contains(t, report.Reasons[0], `step slower was skipped: latency on order->product: "link order->product latency", which fault run-f001 has`)
		require.Equal(t, b.rest, b.world.Snapshot())
	})
	in(t, "a killed instance is not chosen again, nor one whose heal is not seen yet", func(t *testing.T) {
		var steps []gameday.Step
		for i := range 12 {
			steps = append(steps, kill("kill-"+string(rune('a'+i)), 8+float64(i), 1.05))
		}
		report, err := newBench(steps...).run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
	})
}

func TestRepetitionsThatFindNobody(t *testing.T) {
	repeat := func(at float64) gameday.Step {
		step := kill("chaos-"+seconds(at).String(), at, 4)
		step.Group, step.Selector.MinHealthy = "chaos", 3
		return step
	}
	in(t, "are spared by the minimum of healthy ones, once one has acted", func(t *testing.T) {
		report, err := newBench(repeat(8), repeat(9), repeat(13)).run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		require.Len(t, only(report.Run.Events, gameday.EventInjecting), 2)
		require.Len(t, only(report.Run.Events, gameday.EventSkipped), 1)
	})
	in(t, "are no pass when none has", func(t *testing.T) {
		b := newBench(repeat(8), repeat(9))
		for i := range b.config.Plan.Steps {
			b.config.Plan.Steps[i].Selector.MinHealthy = 9
		}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultInconclusive, report.Result)
	})
	in(t, "are an error when nothing matches at all", func(t *testing.T) {
		b := newBench(repeat(8), repeat(9))
		for i := range b.config.Plan.Steps {
			b.config.Plan.Steps[i].Selector.Service = "prodcut"
		}
		report, err := b.run(t, t.Context())
		require.ErrorIs(t, err, gameday.ErrNoTarget)
		require.ErrorContains(t, err, "nothing matches")
		require.Equal(t, gameday.ResultError, report.Result)
	})
	in(t, "are an error when the fault is not repeated", func(t *testing.T) {
		step := kill("once", 8, 1)
		step.Selector.MinHealthy = 9
		report, err := newBench(step).run(t, t.Context())
		require.ErrorIs(t, err, gameday.ErrNoTarget)
		require.Equal(t, gameday.ResultError, report.Result)
	})
}

func TestProofOnMetrics(t *testing.T) {
	narrow := onLink("narrow", "bandwidth", `{}`, 8, 6)
	for _, c := range []struct {
		name  string
		step  gameday.Step
		proof string
		want  gameday.Result
		kinds []gameday.EventKind
	}{
		{"a fault that nothing measures is unproven", narrow, "", gameday.ResultInconclusive, []gameday.EventKind{gameday.EventUnproven}},
		{"a proof stands in for a measurement", narrow, "seen", gameday.ResultPass, []gameday.EventKind{gameday.EventActive}},
		{"a proof that does not come is missed", narrow, "unseen", gameday.ResultInconclusive, []gameday.EventKind{gameday.EventUnproven}},
		{"a measured fault may be asked for a proof too", kill("kill-1", 8, 6), "seen", gameday.ResultPass, []gameday.EventKind{gameday.EventActive}},
		{"and is unproven without it", kill("kill-1", 8, 6), "unseen", gameday.ResultInconclusive, []gameday.EventKind{gameday.EventActive, gameday.EventUnproven}},
	} {
		in(t, c.name, func(t *testing.T) {
			b := newBench(c.step)
			b.config.Metrics = answers(func(expr string, _ gameday.Duration) (bool, error) { return expr == "seen", nil })
			if c.proof != "" {
				b.config.Plan.Steps[0].Proof = &gameday.Proof{PromQL: c.proof, Within: seconds(4)}
			}
			report, err := b.run(t, t.Context())
			require.NoError(t, err)
			require.Equal(t, c.want, report.Result, report.Reasons)
			var got []gameday.EventKind
			for _, e := range report.Run.Events {
				if e.Kind == gameday.EventActive || e.Kind == gameday.EventUnproven {
					got = append(got, e.Kind)
				}
			}
			require.Equal(t, c.kinds, got)
			require.Equal(t, b.rest, b.world.Snapshot())
		})
	}
}

func TestFollow(t *testing.T) {
	in(t, "new instances come under the fault, as a share of the current set", func(t *testing.T) {
		step := kill("half", 8, 10)
		step.Selector = gameday.Selector{Kind: gameday.KindInstance, Service: "product", Mode: gameday.ModePercent, Percent: 50, MinHealthy: 2, Follow: true}
		b := newBench(step)
		time.AfterFunc(10*time.Second, func() {
			for _, name := range []string{"product-z1-3", "product-z2-2", "product-z2-3", "product-z3-2"} {
				b.world.Add("product", name[8:10], name)
			}
		})
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		injected := only(report.Run.Events, gameday.EventInjecting)
		require.Len(t, injected, 4, "half of four, then half of eight")
		for _, e := range injected[2:] {
			require.InDelta(t, 11, e.At.Seconds(), 1.1)
			require.InDelta(t, 18, (e.At + e.Fault.For).Seconds(), 0.1, "all end together")
			require.Contains(t, []string{"product-z1-3", "product-z2-2", "product-z2-3", "product-z3-2"}, e.Fault.Target.Name)
		}
	})
}

func TestTheEnvironmentProtects(t *testing.T) {
	for _, c := range []struct {
		name string
		env  gameday.Environment
		step gameday.Step
		want string
	}{
		{"a denied instance is not chosen", gameday.Environment{Deny: []string{"product-*"}}, kill("k", 8, 1), "no target"},
		{"an instance that did not opt in is not chosen", gameday.Environment{RequireLabels: map[string]string{"chaos": "yes"}}, kill("k", 8, 1), "no target"},
		{"a link to what is denied is not touched", gameday.Environment{Deny: []string{"product-z3-*"}}, onLink("l", "latency", `{}`, 8, 1), `product-z3-1 is denied by environment.guard.deny "product-z3-*"`},
		{"a link by its own name", gameday.Environment{Deny: []string{"order->*"}}, onLink("l", "latency", `{}`, 8, 1), "order->product is denied"},
		{
			"a zone with one that did not opt in is not touched",
			gameday.Environment{RequireLabels: map[string]string{"chaos": "yes"}},
			gameday.Step{Name: "z", Monkey: "zone", At: seconds(8), For: seconds(1), Selector: gameday.Selector{Kind: gameday.KindZone, Zone: "z2"}},
			"does not carry the label chaos=yes",
		},
	} {
		in(t, c.name, func(t *testing.T) {
			b := newBench(c.step)
			b.config.Plan.Environment = c.env
			b.world.OnChange = func(fault, what string) { t.Errorf("%s: %s", fault, what) }
			previews := harness.Look(t.Context(), b.platform, b.config.Catalog, b.config.Plan)
			require.ErrorContains(t, previews[0].Err, c.want)
			report, err := b.run(t, t.Context())
			require.ErrorContains(t, err, c.want)
			require.Equal(t, gameday.ResultError, report.Result)
		})
	}
	in(t, "an empty selection may be allowed", func(t *testing.T) {
		step := kill("k", 8, 1)
		step.Selector.Service, step.Selector.AllowEmpty = "nobody", true
		report, err := newBench(step).run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		require.Len(t, only(report.Run.Events, gameday.EventSkipped), 1)
	})
}

func TestAPlanThatCannotBeStarted(t *testing.T) {
	in(t, "says everything at once, and touches nothing", func(t *testing.T) {
		bad := kill("twice", 8, 0)
		unknown := kill("twice", 8, 1)
		unknown.Monkey = "gremlin"
		b := newBench(bad, unknown)
		b.config.Plan.Aborts = []gameday.Abort{{Text: "flow.x.mood > 1", Flow: "x", Metric: "mood", Op: ">"}}
		_, err := harness.Run(t.Context(), b.config)
		for _, want := range []string{"lasts 0s", `step "twice"`, `monkey "gremlin": unknown`, "needs metrics", `metric "mood"`} {
			require.ErrorContains(t, err, want)
		}
		require.Empty(t, b.disk.read())
	})
	in(t, "a platform that holds another run's fault is refused", func(t *testing.T) {
		b := newBench(kill("k", 8, 1))
		require.NoError(t, b.platform.Surge(t.Context(), 3, "", gameday.Grip{Fault: "other-f001", For: seconds(60), Lease: seconds(15)}))
		_, err := harness.Run(t.Context(), b.config)
		require.ErrorContains(t, err, "the platform still holds fault other-f001 ([surge 3 ]), which ends by itself in 15s")
	})
	in(t, "a journal that cannot take the first line", func(t *testing.T) {
		b := newBench(kill("k", 8, 1))
		b.disk.fail = func(gameday.Event) error { return syscall.ENOSPC }
		_, err := harness.Run(t.Context(), b.config)
		require.ErrorIs(t, err, syscall.ENOSPC)
	})
}

func TestAFaultThatThePlatformEndsEarly(t *testing.T) {
	in(t, "is doubted, when leases could not be renewed", func(t *testing.T) {
		b := newBench(kill("kill-1", 7, 19))
		b.platform.Before = func(_ context.Context, call string) error {
			if call == "renew" {
				return errDown
			}
			return nil
		}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultInconclusive, report.Result)
		require.Contains(t, report.Reasons[0], "let go of kill on product-")
		require.Len(t, only(report.Run.Events, gameday.EventNote), 2, "one for the lease, one for the doubt")
	})
}

func TestSummarizeIsStrict(t *testing.T) {
	plan := gameday.Plan{Steps: []gameday.Step{{Name: "a"}}}
	injecting := gameday.Event{Kind: gameday.EventInjecting, FaultID: "f", Step: "a", Fault: &gameday.Fault{ID: "f"}}
	healed := gameday.Event{Kind: gameday.EventHealed, FaultID: "f"}
	end := gameday.Event{Kind: gameday.EventEnd}
	for _, c := range []struct {
		name   string
		events []gameday.Event
		want   gameday.Result
	}{
		{"no events are no pass", nil, gameday.ResultError},
		{"a run without its end was killed", []gameday.Event{injecting, healed}, gameday.ResultError},
		{"a fault without its heal is a leak", []gameday.Event{injecting, end}, gameday.ResultLeaked},
		{"a step that never happened is no pass", []gameday.Event{end}, gameday.ResultInconclusive},
		{"a leak outranks an abort", []gameday.Event{injecting, {Kind: gameday.EventAbort}, end}, gameday.ResultLeaked},
		{"an error outranks an abort", []gameday.Event{{Kind: gameday.EventAbort}, {Kind: gameday.EventError}, end}, gameday.ResultError},
		{"everything done and healed", []gameday.Event{injecting, healed, end}, gameday.ResultPass},
	} {
		t.Run(c.name, func(t *testing.T) {
			result, reasons := harness.Summarize(plan, c.events)
			require.Equal(t, c.want, result, reasons)
			require.Equal(t, result == gameday.ResultPass, len(reasons) == 0)
		})
	}
}

func TestRecover(t *testing.T) {
	// died returns a bench whose harness died while a fault was there.
	died := func(t *testing.T) *bench {
		b := newBench(kill("kill-1", 8, 10))
		b.world.Leases = false
		m := &monkeys.Kill{}
		found, err := b.platform.Find(t.Context(), gameday.Selector{Kind: gameday.KindInstance})
		require.NoError(t, err)
		f, err := m.Prepare(t.Context(), b.platform, found[0])
		require.NoError(t, err)
		f.ID, f.Run, f.Step, f.Monkey, f.For = "run-f001", "run", "kill-1", "kill", seconds(10)
		require.NoError(t, b.disk.Append(gameday.Event{At: seconds(8), Kind: gameday.EventInjecting, FaultID: f.ID, Fault: &f, Phase: gameday.During}))
		require.NoError(t, m.Inject(t.Context(), b.platform, f))
		return b
	}
	recovery := func(b *bench) harness.Recovery {
		return harness.Recovery{Events: b.disk.read(), Journal: b.disk, Platform: b.platform, Catalog: b.config.Catalog, HealLimit: 5 * time.Second}
	}
	in(t, "heals from the journal alone, and twice is once", func(t *testing.T) {
		b := died(t)
		done, err := harness.Recover(t.Context(), recovery(b))
		require.NoError(t, err)
		require.Len(t, done.Healed, 1)
		require.Equal(t, b.rest, b.world.Snapshot())
		healed := only(b.disk.read(), gameday.EventHealed)
		require.Len(t, healed, 1)
		require.Equal(t, gameday.During, healed[0].Phase)
		require.GreaterOrEqual(t, healed[0].At, seconds(8))
		done, err = harness.Recover(t.Context(), recovery(b))
		require.NoError(t, err)
		require.Empty(t, done.Healed)
	})
	in(t, "a platform that is gone took its faults with it", func(t *testing.T) {
		b := died(t)
		r := recovery(b)
		r.Platform, r.Gone = nil, func() bool { return true }
		done, err := harness.Recover(t.Context(), r)
		require.NoError(t, err)
		require.Len(t, done.Healed, 1)
		require.Contains(t, only(b.disk.read(), gameday.EventHealed)[0].Text, "the platform is gone")
	})
	in(t, "a platform that does not answer is no heal", func(t *testing.T) {
		b := died(t)
		b.platform.Before = func(context.Context, string) error { return errDown }
		done, err := harness.Recover(t.Context(), recovery(b))
		require.ErrorContains(t, err, "gameday recover run")
		require.Len(t, done.Open, 1)
		require.Len(t, gameday.OpenFaults(b.disk.read()), 1)
		r := recovery(b)
		r.Platform = nil
		_, err = harness.Recover(t.Context(), r)
		require.ErrorContains(t, err, "cannot be reached")
	})
	in(t, "a surge ended with the load, which was the harness's own", func(t *testing.T) {
		b := newBench()
		f := gameday.Fault{ID: "run-f001", Run: "run", Monkey: "surge", Target: gameday.Target{Kind: gameday.KindTraffic, Name: "traffic"}}
		require.NoError(t, b.disk.Append(gameday.Event{Kind: gameday.EventInjecting, FaultID: f.ID, Fault: &f}))
		r := recovery(b)
		r.Platform = noLoad{b.platform}
		done, err := harness.Recover(t.Context(), r)
		require.NoError(t, err)
		require.Len(t, done.Healed, 1)
	})
	in(t, "a monkey that this program does not know is let go", func(t *testing.T) {
		b := died(t)
		b.config.Catalog = nil
		done, err := harness.Recover(t.Context(), recovery(b))
		require.NoError(t, err)
		require.Len(t, done.Healed, 1)
		require.Equal(t, b.rest, b.world.Snapshot())
	})
	in(t, "a journal that cannot be written does not keep it from healing", func(t *testing.T) {
		b := died(t)
		b.disk.fail = func(gameday.Event) error { return syscall.ENOSPC }
		_, err := harness.Recover(t.Context(), recovery(b))
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Equal(t, b.rest, b.world.Snapshot())
	})
	in(t, "the doctor names what is left, and by whom", func(t *testing.T) {
		b := died(t)
		require.NoError(t, b.platform.Surge(t.Context(), 3, "", gameday.Grip{Fault: "other", For: seconds(60), Lease: seconds(15)}))
		chart := harness.Chart{Run: "run", Events: b.disk.read()}
		left, err := harness.Doctor(t.Context(), b.platform, []harness.Chart{chart})
		require.NoError(t, err)
		require.Len(t, left, 2)
		require.Equal(t, "gameday recover run", left[0].Remedy)
		require.Contains(t, left[0].What, "held by the platform: kill order-z1-1")
		require.Contains(t, left[1].What, "in no journal here: surge 3")
		chart.Live = true
		left, err = harness.Doctor(t.Context(), b.platform, []harness.Chart{chart})
		require.NoError(t, err)
		require.Len(t, left, 1, "a live run looks after its own")
		left, err = harness.Doctor(t.Context(), nil, nil)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// noLoad is a platform that offers no load.
type noLoad struct{ gameday.Platform }

func TestLookChangesNothing(t *testing.T) {
	in(t, "and says what will be touched", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6), onLink("bad", "latency", `{"delay":"0s"}`, 8, 6))
		b.world.OnChange = func(fault, what string) { t.Errorf("%s: %s", fault, what) }
		previews := harness.Look(t.Context(), b.platform, b.config.Catalog, b.config.Plan)
		require.Len(t, previews, 2)
		require.NoError(t, previews[0].Err)
		require.Equal(t, 4, previews[0].Matched)
		require.Len(t, previews[0].Faults, 1)
		require.Contains(t, previews[0].Faults[0].Summary, "kill product-")
		require.ErrorContains(t, previews[1].Err, "delay must be more than 0")
	})
}

// slow is a monkey that does not know for 5s after the heal whether its fault is gone, as while an instance starts.
type slow struct {
	*monkeys.Kill
	healed *time.Time
}

func (s *slow) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	if s.healed.IsZero() {
		*s.healed = time.Now()
	}
	return s.Kill.Heal(ctx, p, f)
}

func (s *slow) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	if !s.healed.IsZero() && time.Since(*s.healed) < 5*time.Second {
		return gameday.Evidence{What: "it starts"}, nil
	}
	return s.Kill.Verify(ctx, p, f)
}

func TestHealedMeansSeenGone(t *testing.T) {
	in(t, "however long that takes", func(t *testing.T) {
		b := newBench(kill("kill-1", 8, 6))
		var healed time.Time
		b.config.Catalog = gameday.Catalog{"kill": func() gameday.Monkey { return &slow{Kill: &monkeys.Kill{}, healed: &healed} }}
		report, err := b.run(t, t.Context())
		require.NoError(t, err)
		require.Equal(t, gameday.ResultPass, report.Result, report.Reasons)
		require.InDelta(t, 19, only(report.Run.Events, gameday.EventHealed)[0].At.Seconds(), 0.3)
	})
}
