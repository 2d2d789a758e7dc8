package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/harness/platform/local"
	"github.com/gameday-dev/gameday/monkeys"
)

// dieAt returns an observer that ends the process by SIGKILL at an event, or some time after it:
// "fault.injecting" or "fault.injecting+20ms".
func dieAt(moment string) func(gameday.Event) {
	if moment == "" {
		return nil
	}
	kind, after, _ := strings.Cut(moment, "+")
	delay, _ := time.ParseDuration(after) // at once when there is none
	die := sync.OnceFunc(func() {
		time.Sleep(delay) // the moment of death is what the test is about
		tell(os.Getpid(), os.Kill)
	})
	return func(e gameday.Event) {
		if string(e.Kind) != kind {
			return
		}
		if delay == 0 {
			die()
			select {} // nothing of what follows may happen
		}
		go die()
	}
}

// crashMoments are when the harness dies: at each boundary of a fault's life, and a moment into injecting and healing.
func crashMoments() []string {
	var moments []string
	for _, kind := range harness.Boundaries() {
		moments = append(moments, string(kind))
		if kind == gameday.EventInjecting || kind == gameday.EventHealing {
			moments = append(moments, string(kind)+"+3ms")
		}
	}
	return moments
}

// crashFaults is one fault of each monkey. What a monkey cannot measure has a proof that always holds.
var crashFaults = map[string]string{
	"bandwidth":  `target: {from: front, to: back}, for: 1s, proof: {promql: count(up) > 0}`,
	"bug":        `target: {kind: service, service: front}, with: {name: mode, value: broken}, for: 1s`,
	"kill":       `target: {service: back}, for: 1s`,
	"latency":    `target: {from: front, to: back}, with: {delay: 300ms}, for: 1500ms`,
	"partition":  `target: {from: front, to: back}, for: 1s`,
	"pause":      `target: {service: back}, for: 1500ms`,
	"reset":      `target: {from: front, to: back}, for: 1s`,
	"slow_close": `target: {from: front, to: back}, for: 1s, proof: {promql: count(up) > 0}`,
	"surge":      `target: {kind: traffic}, with: {factor: 3}, for: 6s`,
	"zone":       `target: {kind: zone, zone: z2}, for: 1500ms`,
}

const crashScenario = `apiVersion: gameday/v1
kind: Scenario
metadata: {name: crash}
spec:
  environment: {topology: topology.yaml}
  metrics: {interval: 250ms}
  flows:
    - {name: home, match: {method: GET, path: /}}
  traffic:
    replay: {capture: tiny.gdtape, to: door, loop: true}
  phases: {warmup: 0s, baseline: 2s, recovery: 1s}
  faults:
    - {name: trouble, type: %s, %s}
`

// crash is one death of the harness.
type crash struct{ monkey, fault, moment string }

// TestNoDeathOfTheHarnessLeaksAFault kills the harness by SIGKILL at every boundary in the life of a fault, for every
// monkey, while the system under test lives on in another process. From the journal alone `gameday recover` then heals
// the fault, verified, long before its lease would, `gameday doctor` finds nothing, and the system is as it was.
func TestNoDeathOfTheHarnessLeaksAFault(t *testing.T) {
	if testing.Short() {
		t.Skip("sixty runs are not for short tests")
	}
	needLinux(t)
	t.Parallel()
	var crashes []crash
	for _, monkey := range monkeys.Catalog().Names() {
		require.Contains(t, crashFaults, monkey, "every monkey of the catalog is in the matrix")
		for _, moment := range crashMoments() {
			crashes = append(crashes, crash{monkey, crashFaults[monkey], moment})
		}
	}
	tape := tinyTape(t)
	queue := make(chan int, len(crashes))
	for i := range crashes {
		queue <- i
	}
	close(queue)
	results := make([]error, len(crashes))
	var wards sync.WaitGroup
	for range 6 { // they mostly wait
		w := openWard(t, tape)
		wards.Go(func() {
			for i := range queue {
				results[i] = w.survive(t.Context(), crashes[i])
			}
		})
	}
	wards.Wait()
	for i, c := range crashes {
		t.Run(c.monkey+"/"+c.moment, func(t *testing.T) { require.NoError(t, results[i]) })
	}
}

// TestALeaseHealsWhenNobodyDoes leaves a fault alone whose harness died.
func TestALeaseHealsWhenNobodyDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("a lease lasts 15 seconds")
	}
	needLinux(t)
	t.Parallel()
	w := openWard(t, tinyTape(t))
	before, err := w.calm(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.die(t.Context(), crash{"zone", "target: {kind: zone, zone: z2}, for: 60s", "fault.active"}))
	held, err := w.platform.Held(t.Context())
	require.NoError(t, err)
	require.Len(t, held, 1, "the fault outlives the harness")
	require.LessOrEqual(t, held[0].Left.Std(), gameday.LeaseTime)
	require.Eventually(t, func() bool {
		held, err := w.platform.Held(t.Context())
		return err == nil && len(held) == 0
	}, gameday.LeaseTime+patience, 50*time.Millisecond)
	ended, err := w.platform.Ended(t.Context())
	require.NoError(t, err)
	require.Equal(t, "lease", ended[len(ended)-1].Why)
	require.NoError(t, w.settle(t.Context(), before))
	said, err := w.gameday(t.Context(), "recover")
	require.NoError(t, err, said)
	require.Contains(t, said, "healed zone on z2")
}

// ward is a topology that `gameday up` keeps, in a directory of its own.
type ward struct {
	dir      string
	platform *local.Client
}

func openWard(t *testing.T, tape string) *ward {
	t.Helper()
	w := &ward{dir: t.TempDir()}
	require.NoError(t, os.CopyFS(w.dir, os.DirFS(filepath.Dir(tape))))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "topology.yaml"), []byte(tinyTopology(t, nextSlot())), 0o644))
	up := w.command(context.Background(), "up", "topology.yaml") // it ends by the signal below
	require.NoError(t, up.Start())
	t.Cleanup(func() {
		_ = up.Process.Signal(os.Interrupt)
		require.NoError(t, up.Wait())
	})
	endpoint := filepath.Join(w.dir, "runs", "up.json")
	require.Eventually(t, func() bool { _, err := os.Stat(endpoint); return err == nil }, 20*time.Second, 10*time.Millisecond)
	e, err := local.ReadEndpoint(endpoint)
	require.NoError(t, err)
	w.platform = local.NewClient(e)
	t.Cleanup(w.platform.Close)
	return w
}

func (w *ward) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "gameday", args...)
	c.Dir = w.dir
	return c
}

// gameday runs the command to its end and returns all that it said.
func (w *ward) gameday(ctx context.Context, args ...string) (string, error) {
	said, err := w.command(ctx, args...).CombinedOutput()
	return string(said), err
}

// die runs a fault in a harness that is killed at the moment.
func (w *ward) die(ctx context.Context, c crash) error {
	text := fmt.Sprintf(crashScenario, c.monkey, c.fault)
	if err := os.WriteFile(filepath.Join(w.dir, "scenario.yaml"), []byte(text), 0o644); err != nil {
		return err
	}
	run := w.command(ctx, "run", "scenario.yaml", "--progress", "plain")
	run.Env = append(os.Environ(), "GAMEDAY_TEST_DIE_AT="+c.moment)
	said, err := run.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("the harness was not killed at %s: %w\n%s", c.moment, err, said)
}

// survive kills a harness, recovers, and compares the world with what it was.
func (w *ward) survive(ctx context.Context, c crash) error {
	before, err := w.calm(ctx)
	if err != nil {
		return err
	}
	if err := w.die(ctx, c); err != nil {
		return err
	}
	said, err := w.gameday(ctx, "recover", "last")
	if err != nil {
		return fmt.Errorf("recover: %w\n%s", err, said)
	}
	between := strings.Contains(c.moment, "+") // then the heal may be over already, or not
	if healed := strings.Contains(said, "✓ healed "+c.monkey); !between && healed == (c.moment == string(gameday.EventHealed)) {
		return fmt.Errorf("recover: what was open until %s is told wrong:\n%s", c.moment, said)
	}
	if said, err := w.gameday(ctx, "doctor"); err != nil {
		return fmt.Errorf("doctor: %w\n%s", err, said)
	}
	if err := w.settle(ctx, before); err != nil {
		return err
	}
	ended, err := w.platform.Ended(ctx)
	if err != nil {
		return err
	}
	for _, e := range ended {
		if e.Why != "released" {
			return fmt.Errorf("fault %s was ended by its %s, not by recovery", e.Fault, e.Why)
		}
	}
	return nil
}

// settle waits until the world is as before. Recovery has seen its fault gone, so this is about everything else.
func (w *ward) settle(ctx context.Context, before map[string]string) error {
	var problem error
	if eventually(patience, func() bool {
		after, err := w.world(ctx)
		problem = err
		if diff := cmp.Diff(before, after); err == nil && diff != "" {
			problem = fmt.Errorf("the world is not as before (-before +after):\n%s", diff)
		}
		return problem == nil
	}) {
		return nil
	}
	return problem
}

// patience is for what comes about in moments on a quiet machine, and must on a busy one.
const patience = time.Minute

// calm is the world once every link is fast: before a fault, only a busy machine makes one slow.
func (w *ward) calm(ctx context.Context) (world map[string]string, err error) {
	eventually(patience, func() bool {
		world, err = w.world(ctx)
		for what, state := range world {
			if strings.HasPrefix(what, "link ") && state != fast {
				return false
			}
		}
		return err == nil
	})
	return world, err
}

// world is everything that a fault can change, in words: instances, holds, switches, and each link as it is measured.
func (w *ward) world(ctx context.Context) (map[string]string, error) {
	world := map[string]string{}
	instances, err := w.platform.Instances(ctx)
	if err != nil {
		return nil, err
	}
	for _, in := range instances {
		state, err := w.platform.State(ctx, gameday.Target{Kind: gameday.KindInstance, Name: in.Name})
		if err != nil {
			return nil, err
		}
		world[in.Name] = fmt.Sprintf("%s, healthy %t, paused %t", in.State, in.Healthy, state.Paused)
	}
	held, err := w.platform.Held(ctx)
	if err != nil {
		return nil, err
	}
	world["held"] = fmt.Sprint(held)
	for _, service := range []string{"front", "back"} {
		values, err := w.platform.SwitchValue(ctx, gameday.Target{Kind: gameday.KindService, Name: service}, "mode")
		if err != nil {
			return nil, err
		}
		text, _ := json.Marshal(values) // a map of strings always can be
		world["switch mode of "+service] = string(text)
	}
	for _, link := range tinyLinks() {
		world["link "+link[0].String()+"->"+link[1].String()] = w.trip(ctx, link[0], link[1])
	}
	return world, nil
}

// tinyLinks are the links of the tiny system, from each zone into each.
func tinyLinks() [][2]gameday.Endpoint {
	var links [][2]gameday.Endpoint
	for _, to := range []string{"z1", "z2"} {
		links = append(links, [2]gameday.Endpoint{{}, {Service: "front", Zone: to}})
		for _, from := range []string{"z1", "z2"} {
			links = append(links, [2]gameday.Endpoint{{Service: "front", Zone: from}, {Service: "back", Zone: to}})
		}
	}
	return links
}

// fast is what a link is that nothing slows.
const fast = "fast"

// trip says in words how a round trip went.
func (w *ward) trip(ctx context.Context, from, to gameday.Endpoint) string {
	const slow = 150 * time.Millisecond // half of what the latency monkey adds here
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	took, err := w.platform.Probe(limited, from, to)
	switch {
	case err != nil:
		return err.Error()
	case took.Std() < slow:
		return fast
	}
	return "slow: " + took.String()
}

func readJSON(path string, into any) {
	text, err := os.ReadFile(path)
	if err == nil {
		_ = json.NewDecoder(bytes.NewReader(text)).Decode(into) // what cannot be read stays zero
	}
}
