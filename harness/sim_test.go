package harness_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/monkeys/monkeytest"
)

// simPlans is how many small disasters one test run goes through, and simLimit when it stops early on a slow host.
const (
	simPlans = 10_000
	simLimit = 20 * time.Second
)

// TestAnyDisasterHeals carries out random plans on a platform that fails, dawdles and stops half way, cancels some
// runs at a random moment and lets the process of others die at one, and then recovers from the journal. Whatever
// happened, the world must be as before in the end, nothing may have changed before its fault was on disk, and what a
// run left open it must have reported as leaked. GAMEDAY_SIM_SEED repeats one disaster.
func TestAnyDisasterHeals(t *testing.T) {
	if text := os.Getenv("GAMEDAY_SIM_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("GAMEDAY_SIM_SEED: %v", err)
		}
		disaster(t, seed)
		return
	}
	began := time.Now()
	results := map[string]int{}
	n := simPlans
	if testing.Short() {
		n = simPlans / 10
	}
	for seed := range uint64(n) {
		if time.Since(began) > simLimit {
			n = int(seed) // this host is slow
			break
		}
		results[disaster(t, seed)]++
		if t.Failed() {
			t.Fatalf("repeat with: GAMEDAY_SIM_SEED=%d go test -run TestAnyDisasterHeals ./harness", seed)
		}
	}
	t.Logf("%d plans in %s: %v", n, time.Since(began).Round(time.Millisecond), results)
	for _, want := range []string{"PASS", "INCONCLUSIVE", "ABORTED", "ERROR", "LEAKED", "died"} {
		if results[want] == 0 {
			t.Errorf("no plan ended %s: the simulation does not reach it", want)
		}
	}
}

// sim is one disaster. Its random choices are made under a lock; goroutines of one bubble may still draw in different
// orders, so a seed repeats the plan and the kinds of trouble, not every single draw.
type sim struct {
	*testing.T
	world *monkeytest.World
	disk  *disk
	rest  string

	mu      sync.Mutex
	r       *rand.Rand
	trouble float64 // share of calls that go wrong
	outage  int     // the call from which on all go wrong; 0: never
	dawdle  time.Duration
	dead    bool // the process that carries out the plan
	calls   int
	deathAt int // the call or event at which the process dies; 0: never
}

var (
	errTrouble = errors.New("trouble")
	errDead    = errors.New("this process is dead")
)

// disaster goes through one seed, and says how the run ended.
func disaster(t *testing.T, seed uint64) (ended string) {
	synctest.Test(t, func(t *testing.T) {
		s := &sim{T: t, world: monkeytest.New(), disk: &disk{}, r: rand.New(rand.NewPCG(seed, 1))}
		s.rest = s.world.Snapshot()
		s.world.Leases = s.chance(0.5) // without leases only healing heals
		s.world.OnChange = func(fault, what string) {
			if !s.disk.announced(fault) {
				t.Errorf("seed %d: %s of %s before it was on disk", seed, what, fault)
			}
		}
		s.disk.fail = func(gameday.Event) error { return s.step() }
		ended = s.live(seed)
		s.recover(seed)
	})
	return ended
}

// live carries out a plan in a process that may be cancelled or die.
func (s *sim) live(seed uint64) string {
	switch s.r.IntN(5) {
	case 0: // a calm platform
	case 1:
		s.trouble = 0.02
	case 2:
		s.trouble = 0.3
	case 3:
		s.trouble = 0.05
		s.dawdle = 3 * time.Second
	case 4: // the platform stops answering for good
		s.outage = 10 + s.r.IntN(200)
	}
	if s.chance(0.4) {
		s.deathAt = 1 + s.r.IntN(150)
	}
	platform := s.world.Platform()
	platform.Before = s.before
	platform.After = s.after
	ctx, cancel := context.WithCancelCause(s.Context())
	defer cancel(nil)
	if s.chance(0.3) {
		stop := time.AfterFunc(time.Duration(s.r.Int64N(int64(40*time.Second))), func() { cancel(harness.Interrupted{Signal: os.Interrupt}) })
		defer stop.Stop()
	}
	plan := s.plan(seed)
	report, err := harness.Run(ctx, harness.Config{
		Meta: gameday.Meta{Run: fmt.Sprintf("run%d", seed)}, Plan: plan, Platform: platform, Catalog: monkeys.Catalog(), Journal: s.disk,
		Load: drip{length: plan.Phases.Total()}, HealLimit: 10 * time.Second,
		Metrics: answers(func(string, gameday.Duration) (bool, error) { return s.chance(0.001), nil }),
	})
	if s.isDead() {
		return "died"
	}
	if report.Run.Events == nil {
		if err == nil {
			s.Errorf("seed %d: no report and no error", seed)
		}
		return "not started"
	}
	s.honest(seed, report, err)
	return string(report.Result)
}

// honest checks that a run which ended by itself says what it left.
func (s *sim) honest(seed uint64, report harness.Report, err error) {
	atRest := s.world.Snapshot() == s.rest
	leaked := report.Result == gameday.ResultLeaked
	if !atRest && !leaked {
		s.Errorf("seed %d: the world is not as before and the run ended %s\n%s", seed, report.Result, s.world.Snapshot())
	}
	if leaked != (len(report.Open) > 0) || len(report.Open) != len(gameday.OpenFaults(s.disk.read())) {
		s.Errorf("seed %d: %s with %d open faults, %d in the journal", seed, report.Result, len(report.Open), len(gameday.OpenFaults(s.disk.read())))
	}
	if (err != nil) != (report.Result == gameday.ResultError || leaked && err != nil) {
		s.Errorf("seed %d: %s with error %v", seed, report.Result, err)
	}
}

// recover heals in a new process on a platform that has calmed down.
func (s *sim) recover(seed uint64) {
	s.disk.fail = nil
	events := s.disk.read()
	done, err := harness.Recover(s.Context(), harness.Recovery{Events: events, Journal: s.disk, Platform: s.world.Platform(), Catalog: monkeys.Catalog()})
	if err != nil || len(done.Open) > 0 {
		s.Errorf("seed %d: recover leaves %d open: %v", seed, len(done.Open), err)
	}
	if now := s.world.Snapshot(); now != s.rest {
		s.Errorf("seed %d: after recovery the world is not as before:\n%s", seed, now)
	}
	if open := gameday.OpenFaults(s.disk.read()); len(open) > 0 {
		s.Errorf("seed %d: %d faults are open in the journal after recovery", seed, len(open))
	}
	left, err := harness.Doctor(s.Context(), s.world.Platform(), []harness.Chart{{Run: "run", Events: s.disk.read()}})
	if err != nil || len(left) > 0 {
		s.Errorf("seed %d: the doctor finds %v, %v", seed, left, err)
	}
}

// step counts one thing that the process does, and lets it die when its time has come.
func (s *sim) step() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.deathAt > 0 && s.calls >= s.deathAt {
		s.dead = true
	}
	if s.dead {
		return errDead
	}
	return nil
}

func (s *sim) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// before and after stand on both sides of every call: a dead process changes nothing any more, and a call that fails
// may or may not have been carried out.
func (s *sim) before(ctx context.Context, _ string) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.mishap(ctx)
}

func (s *sim) after(ctx context.Context, _ string) error {
	if err := s.mishap(ctx); err != nil {
		return err
	}
	return s.step()
}

func (s *sim) mishap(ctx context.Context) error {
	if !s.started() {
		return nil // a platform that fails the first question gives no run to look at
	}
	if s.dawdle > 0 && s.chance(0.1) {
		select {
		case <-time.After(time.Duration(s.draw(int64(s.dawdle)))):
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.isDead() {
			return errDead
		}
	}
	if s.chance(s.trouble) || s.out() {
		return errTrouble
	}
	return nil
}

func (s *sim) started() bool { return len(s.disk.read()) > 0 }

func (s *sim) out() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outage > 0 && s.calls >= s.outage
}

func (s *sim) chance(p float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Float64() < p
}

func (s *sim) draw(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Int64N(n)
}

// plan draws one to six steps of any monkey at any time.
func (s *sim) plan(seed uint64) gameday.Plan {
	plan := gameday.Plan{
		Name: "sim", Seed: seed,
		Phases: gameday.Phases{Warmup: seconds(2), Baseline: seconds(3), Fault: seconds(20), Recovery: seconds(3)},
		Aborts: []gameday.Abort{{Text: "rarely", PromQL: "rarely"}},
	}
	kinds := troubles()
	for i := range 1 + s.r.IntN(6) {
		k := kinds[s.r.IntN(len(kinds))]
		at := 5 + 15*s.r.Float64()
		plan.Steps = append(plan.Steps, gameday.Step{
			Name: fmt.Sprintf("%s-%d", k.monkey, i), Monkey: k.monkey, Config: json.RawMessage(k.config), Selector: k.on,
			At: seconds(at), For: seconds(0.5 + 5*s.r.Float64()), Within: seconds(2),
		})
	}
	return plan
}

// trouble is a monkey with its fields, and what it acts on.
type trouble struct {
	monkey, config string
	on             gameday.Selector
}

// troubles lists every kind of monkey that there is.
func troubles() []trouble {
	service := gameday.Endpoint{Service: "product"}
	link := gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "order"}, To: service}
	instance := gameday.Selector{Kind: gameday.KindInstance, Service: "product", Mode: gameday.ModePercent, Percent: 50, MinHealthy: 1, Follow: true, AllowEmpty: true}
	one := gameday.Selector{Kind: gameday.KindInstance, Mode: gameday.ModeOne, AllowEmpty: true}
	return []trouble{
		{"kill", `{}`, one},
		{"kill", `{}`, instance},
		{"pause", `{}`, one},
		{"latency", `{"delay":"100ms","jitter":"10ms"}`, link},
		{"partition", `{"black_hole":true}`, link},
		{"reset", `{}`, gameday.Selector{Kind: gameday.KindLink, From: service, To: gameday.Endpoint{Service: "order"}}},
		{"bandwidth", `{}`, link},
		{"slow_close", `{}`, link},
		{"zone", `{}`, gameday.Selector{Kind: gameday.KindZone, Mode: gameday.ModeOne}},
		{"surge", `{"factor":3}`, gameday.Selector{Kind: gameday.KindTraffic}},
		{"bug", `{"name":"promo_loop"}`, gameday.Selector{Kind: gameday.KindService, Service: "product"}},
	}
}
