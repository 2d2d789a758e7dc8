package platformtest

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
)

// The services that the platform under test runs.
const (
	Callee         = "echo"
	Caller         = "caller"
	CalleeReplicas = 4
	CalleeMax      = 12
)

// Dialer is an optional ability of a platform under test: a connection over a link as a caller there would
// make one, to a port that echoes every byte. Without it, established connections are not tested.
type Dialer interface {
	Dial(ctx context.Context, from, to gameday.Endpoint) (net.Conn, error)
}

// patience bounds whatever a platform may take its time for, such as starting a process on a busy machine.
const patience = time.Minute

// promise is one case. The explanation is printed when it is broken.
type promise struct {
	name        string
	explanation string
	check       func(t *testing.T, w *world)
}

// Run tests the platform that open returns. It is called once per case; a platform may be shared, since each
// case puts back what it changed, and checks that it is back.
func Run(t *testing.T, open func(t *testing.T) gameday.Platform) {
	t.Helper()
	for _, p := range promises() {
		t.Run(p.name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("what was promised: %s", p.explanation)
				}
			}()
			w := &world{platform: open(t), link: gameday.Target{
				Kind: gameday.KindLink, Name: Caller + "->" + Callee,
				From: gameday.Endpoint{Service: Caller}, To: gameday.Endpoint{Service: Callee},
			}}
			w.settled(t)
			p.check(t, w)
			w.settled(t)
		})
	}
}

// world is a platform under test and what the cases ask of it.
type world struct {
	platform gameday.Platform
	link     gameday.Target
}

// able returns an ability of the platform, or skips the case.
func able[T any](t *testing.T, w *world) T {
	t.Helper()
	ability, ok := gameday.Able[T](w.platform)
	if !ok {
		t.Skipf("the platform %s lacks the ability %T", w.platform.Name(), *new(T))
	}
	return ability
}

// grip returns long terms for a fault that is named for its case.
func grip(t *testing.T) gameday.Grip {
	return gameday.Grip{Fault: t.Name(), For: gameday.Duration(time.Minute), Lease: gameday.Duration(time.Minute)}
}

func (w *world) find(t *testing.T, s gameday.Selector) []gameday.Target {
	t.Helper()
	found, err := w.platform.Find(t.Context(), s)
	if err != nil {
		t.Fatalf("find %s: %v", s, err)
	}
	return found
}

func (w *world) instances(t *testing.T) []gameday.Target {
	t.Helper()
	return w.find(t, gameday.Selector{Kind: gameday.KindInstance, Service: Callee})
}

// victim returns one healthy callee.
func (w *world) victim(t *testing.T) gameday.Target {
	t.Helper()
	for _, target := range w.instances(t) {
		if target.Healthy {
			return target
		}
	}
	t.Fatal("no callee is healthy")
	return gameday.Target{}
}

func (w *world) state(t *testing.T, target gameday.Target) gameday.State {
	t.Helper()
	s, err := able[gameday.Observer](t, w).State(t.Context(), target)
	if err != nil {
		t.Fatalf("read state of %s: %v", target.Name, err)
	}
	return s
}

// eventually waits until met returns nothing.
func eventually(t *testing.T, what string, met func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		why := met()
		if why == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %s after %v", what, why, patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// settled waits until nothing is held and all callees are healthy: before a case, and again after it.
func (w *world) settled(t *testing.T) {
	t.Helper()
	if holder, ok := gameday.Able[gameday.Holder](w.platform); ok {
		held, err := holder.Held(t.Context())
		if err != nil {
			t.Fatalf("list what is held: %v", err)
		}
		if len(held) > 0 {
			t.Fatalf("still held: %+v", held)
		}
	}
	eventually(t, "all callees and callers are healthy", func() string {
		healthy := 0
		for _, target := range w.instances(t) {
			if target.Healthy {
				healthy++
			}
		}
		for _, target := range w.find(t, gameday.Selector{Kind: gameday.KindInstance, Service: Caller}) {
			if !target.Healthy {
				return target.Name + " is not"
			}
		}
		if healthy != CalleeReplicas {
			return fmt.Sprintf("%d of %d are", healthy, CalleeReplicas)
		}
		return ""
	})
}

func (w *world) up(t *testing.T, target gameday.Target) {
	t.Helper()
	eventually(t, target.Name+" is healthy", func() string {
		if s := w.state(t, target); !s.Running || s.Paused || !s.Healthy {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	})
}

func (w *world) release(t *testing.T, fault string) {
	t.Helper()
	if err := able[gameday.Holder](t, w).Release(t.Context(), fault); err != nil {
		t.Fatalf("release %s: %v", fault, err)
	}
}

// held says whether anything is held for a fault.
func (w *world) held(t *testing.T, fault string) bool {
	t.Helper()
	all, err := able[gameday.Holder](t, w).Held(t.Context())
	if err != nil {
		t.Fatalf("list what is held: %v", err)
	}
	for _, h := range all {
		if h.Fault == fault {
			if len(h.What) == 0 || h.Left < 0 {
				t.Errorf("%+v is held without saying what, or past its end", h)
			}
			return true
		}
	}
	return false
}

// trip returns the time of one round trip over the link.
func (w *world) trip(t *testing.T) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	took, err := able[gameday.Prober](t, w).Probe(ctx, w.link.From, w.link.To)
	return took.Std(), err
}
