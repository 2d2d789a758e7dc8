package platformtest

import (
	"errors"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
)

func checkOneFault(t *testing.T, w *world) {
	killer, shaper := able[gameday.Killer](t, w), able[gameday.Shaper](t, w)
	target, g := w.victim(t), grip(t)
	defer w.release(t, g.Fault)
	cut := []gameday.LinkRule{{From: w.link.From, To: w.link.To, Cut: true}}
	if err := errors.Join(shaper.Shape(t.Context(), cut, g), killer.Kill(t.Context(), target, g)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.trip(t); err == nil || w.state(t, target).Running {
		t.Error("only half of the fault is in effect")
	}
	w.release(t, g.Fault)
	if _, err := w.trip(t); err != nil {
		t.Error(err)
	}
	w.up(t, target)
	if w.held(t, g.Fault) {
		t.Error("still held")
	}
}

func checkDeadline(t *testing.T, w *world) {
	holder, g := able[gameday.Holder](t, w), grip(t)
	g.For = gameday.Duration(400 * time.Millisecond)
	start := time.Now()
	w.cut(t, g)
	for w.held(t, g.Fault) {
		if err := holder.Renew(t.Context(), []string{g.Fault}); err != nil {
			t.Fatal(err)
		}
		if time.Since(start) > patience {
			t.Fatalf("held %v past its deadline of %v", time.Since(start), g.For)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if held := time.Since(start); held < g.For.Std() {
		t.Errorf("let go after %v, want %v", held, g.For)
	}
	w.joined(t)
}

func checkLease(t *testing.T, w *world) {
	holder, g := able[gameday.Holder](t, w), grip(t)
	g.Lease = gameday.Duration(500 * time.Millisecond)
	lease := g.Lease.Std()
	w.cut(t, g)
	begun := time.Now()
	for renewed := begun; time.Since(begun) < 2*lease; time.Sleep(20 * time.Millisecond) {
		asked := time.Now()
		if err := holder.Renew(t.Context(), []string{g.Fault, "a fault that nobody knows"}); err != nil {
			t.Fatal(err)
		}
		inTime := time.Since(renewed) < lease
		if renewed = asked; w.held(t, g.Fault) {
			continue
		}
		if inTime && time.Since(asked) < lease {
			t.Fatalf("let go less than %v after it was renewed", lease)
		}
		w.cut(t, g) // this machine was too busy to renew it in time, so it begins anew
		begun, renewed = time.Now(), time.Now()
	}
	eventually(t, "let go", func() string {
		if w.held(t, g.Fault) {
			return "held"
		}
		return ""
	})
	w.joined(t)
}

func checkReleaseTwice(t *testing.T, w *world) {
	g := grip(t)
	w.cut(t, g)
	w.release(t, g.Fault)
	w.release(t, g.Fault)
	w.release(t, "a fault that nobody knows")
	w.joined(t)
}

func checkTwoFaults(t *testing.T, w *world) {
	killer := able[gameday.Killer](t, w)
	target, one, two := w.victim(t), grip(t), grip(t)
	one.Fault += "/one"
	two.Fault += "/two"
	for _, g := range []gameday.Grip{one, two} {
		defer w.release(t, g.Fault)
		if err := killer.Kill(t.Context(), target, g); err != nil {
			t.Fatal(err)
		}
	}
	w.release(t, one.Fault)
	for range 20 {
		time.Sleep(50 * time.Millisecond)
		if s := w.state(t, target); s.Running {
			t.Fatalf("one release let go of what two faults hold: %+v", s)
		}
	}
	w.release(t, two.Fault)
	w.up(t, target)
}

func checkUnknown(t *testing.T, w *world) {
	g := grip(t)
	nobody := gameday.Target{Kind: gameday.KindInstance, Name: "nobody-z9-1"}
	if killer, ok := gameday.Able[gameday.Killer](w.platform); ok {
		if err := killer.Kill(t.Context(), nobody, g); err == nil {
			t.Error("killed an unknown instance")
		}
	}
	if shaper, ok := gameday.Able[gameday.Shaper](w.platform); ok {
		rule := gameday.LinkRule{To: gameday.Endpoint{Service: "nobody"}, Cut: true}
		if err := shaper.Shape(t.Context(), []gameday.LinkRule{rule}, g); err == nil {
			t.Error("cut a link to an unknown service")
		}
	}
	if observer, ok := gameday.Able[gameday.Observer](w.platform); ok {
		if s, err := observer.State(t.Context(), nobody); err == nil {
			t.Errorf("an unknown instance has the state %+v", s)
		}
	}
	if scaler, ok := gameday.Able[gameday.Scaler](w.platform); ok {
		if err := scaler.Scale(t.Context(), "nobody", 2); err == nil {
			t.Error("scaled an unknown service")
		}
		if err := scaler.Scale(t.Context(), Callee, CalleeMax+1); err == nil {
			t.Error("scaled beyond the maximum")
		}
	}
	if w.held(t, g.Fault) {
		t.Error("something is held for a change that was refused")
	}
}
