package harness_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/monkeys/monkeytest"
)

func seconds(n float64) gameday.Duration { return gameday.Duration(n * float64(time.Second)) }

// disk is a journal in memory.
type disk struct {
	mu     sync.Mutex
	events []gameday.Event
	fail   func(e gameday.Event) error // called before an event is kept; nil never fails
}

func (d *disk) Append(e gameday.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		if err := d.fail(e); err != nil {
			return err
		}
	}
	d.events = append(d.events, e)
	return nil
}

func (d *disk) read() []gameday.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// announced reports whether the fault was on disk before now.
func (d *disk) announced(fault string) bool {
	return slices.ContainsFunc(d.read(), func(e gameday.Event) bool {
		return e.Kind == gameday.EventInjecting && e.FaultID == fault && e.Fault != nil
	})
}

// drip is a load that reports one slice each second.
type drip struct {
	length gameday.Duration
	late   time.Duration // the last request of each second takes so long
	err    error         // returned at the end
}

func (d drip) Run(ctx context.Context, start time.Time, sink func(gameday.Slice)) (gameday.Traffic, error) {
	for second := range int(d.length.Seconds()) {
		select {
		case <-ctx.Done():
			return gameday.Traffic{}, nil
		case <-time.After(time.Until(start.Add(time.Duration(second+1)*time.Second + d.late))):
		}
		sink(gameday.Slice{Second: second, Flow: "browse", Due: 10, Sent: 10, Classes: map[gameday.Class]int64{gameday.ClassOK: 10}})
	}
	return gameday.Traffic{Acks: []gameday.Ack{{ID: "o-1"}}}, d.err
}

func (drip) Collect() []gameday.Sample { return nil }

// answers is a source of metrics on which expressions hold when it says so.
type answers func(expr string, at gameday.Duration) (bool, error)

func (a answers) Range(_ context.Context, expr string, from, _, _ gameday.Duration) ([]gameday.Series, error) {
	holds, err := a(expr, from)
	if !holds || err != nil {
		return nil, err
	}
	return []gameday.Series{{Points: []gameday.Point{{At: from, Value: 1}}}}, nil
}

// bench is a run on a world in memory: 2s of warm-up, 5s of baseline, 20s of faults, 5s of recovery.
type bench struct {
	world    *monkeytest.World
	platform *monkeytest.Platform
	disk     *disk
	config   harness.Config
	rest     string
}

func newBench(steps ...gameday.Step) *bench {
	b := &bench{world: monkeytest.New(), disk: &disk{}}
	b.world.Leases = true
	b.platform = b.world.Platform()
	b.rest = b.world.Snapshot()
	plan := gameday.Plan{
		Version: gameday.PlanVersion, Name: "bench", Seed: 7, Steps: steps,
		Phases: gameday.Phases{Warmup: seconds(2), Baseline: seconds(5), Fault: seconds(20), Recovery: seconds(5)},
	}
	b.config = harness.Config{
		Meta: gameday.Meta{Run: "run"}, Plan: plan, Platform: b.platform, Catalog: monkeys.Catalog(), Journal: b.disk,
		Load: drip{length: plan.Phases.Total()},
	}
	return b
}

func kill(name string, at, length float64) gameday.Step {
	return gameday.Step{
		Name: name, Monkey: "kill", At: seconds(at), For: seconds(length), Within: seconds(3),
		Selector: gameday.Selector{Kind: gameday.KindInstance, Service: "product", Mode: gameday.ModeOne},
	}
}

func onLink(name, monkey, config string, at, length float64) gameday.Step {
	return gameday.Step{
		Name: name, Monkey: monkey, Config: json.RawMessage(config), At: seconds(at), For: seconds(length), Within: seconds(3),
		Selector: gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "order"}, To: gameday.Endpoint{Service: "product"}},
	}
}

func (b *bench) run(t *testing.T, ctx context.Context) (harness.Report, error) {
	t.Helper()
	report, err := harness.Run(ctx, b.config)
	require.Equal(t, b.disk.read(), report.Run.Events, "the journal holds what the report says")
	return report, err
}

// kinds lists the kinds of events that are about faults and their ends.
func kinds(events []gameday.Event) []gameday.EventKind {
	var out []gameday.EventKind
	for _, e := range events {
		if e.Kind != gameday.EventStart && e.Kind != gameday.EventPhase && e.Kind != gameday.EventEnd {
			out = append(out, e.Kind)
		}
	}
	return out
}

func only(events []gameday.Event, kind gameday.EventKind) []gameday.Event {
	var out []gameday.Event
	for _, e := range events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// in runs f in a bubble of fake time.
func in(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

var errDown = errors.New("connection refused")
