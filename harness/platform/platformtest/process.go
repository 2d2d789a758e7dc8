package platformtest

import (
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
)

func checkKill(t *testing.T, w *world) {
	killer := able[gameday.Killer](t, w)
	target, g := w.victim(t), grip(t)
	before := w.state(t, target)
	defer w.release(t, g.Fault)
	if err := killer.Kill(t.Context(), target, g); err != nil {
		t.Fatal(err)
	}
	if s := w.state(t, target); s.Running || s.Healthy {
		t.Fatalf("runs after kill has returned: %+v", s)
	}
	for _, found := range w.instances(t) {
		if found.Name == target.Name && found.Healthy {
			t.Error("found healthy after kill has returned")
		}
	}
	if !w.held(t, g.Fault) {
		t.Error("nothing is held")
	}
	for range 20 { // longer than any restart takes
		time.Sleep(50 * time.Millisecond)
		if s := w.state(t, target); s.Running {
			t.Fatalf("came back while it was held: %+v", s)
		}
	}
	for _, other := range w.instances(t) {
		if other.Name != target.Name {
			w.up(t, other)
		}
	}
	w.release(t, g.Fault)
	w.up(t, target)
	if after := w.state(t, target); after.PID == before.PID || after.Starts != before.Starts+1 {
		t.Errorf("was %+v, is %+v: want a new process, started once", before, after)
	}
}

func checkPause(t *testing.T, w *world) {
	pauser := able[gameday.Pauser](t, w)
	target, g := w.victim(t), grip(t)
	before := w.state(t, target)
	defer w.release(t, g.Fault)
	if err := pauser.Pause(t.Context(), target, g); err != nil {
		t.Fatal(err)
	}
	if s := w.state(t, target); !s.Running || !s.Paused || s.Healthy {
		t.Fatalf("want a process that does not run: %+v", s)
	}
	w.release(t, g.Fault)
	w.up(t, target)
	if after := w.state(t, target); after.PID != before.PID {
		t.Errorf("process %d became %d", before.PID, after.PID)
	}
}
