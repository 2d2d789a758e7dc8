package platformtest

import (
	"fmt"
	"testing"

	"github.com/gameday-dev/gameday"
)

// switchReads waits until a switch of the callee reads a value on so many instances, and on no other.
func (w *world) switchReads(t *testing.T, want string, instances int) {
	t.Helper()
	switcher := able[gameday.Switcher](t, w)
	eventually(t, "the switch reads "+want, func() string {
		values, err := switcher.SwitchValue(t.Context(), callee, SwitchName)
		if err != nil {
			return err.Error()
		}
		for name, value := range values {
			if value != want {
				return fmt.Sprintf("%q on %s", value, name)
			}
		}
		if len(values) != instances {
			return fmt.Sprintf("on %d of %d instances", len(values), instances)
		}
		return ""
	})
}

var callee = gameday.Target{Kind: gameday.KindService, Name: Callee, Service: Callee}

func checkTwoFaultsOnOneSwitch(t *testing.T, w *world) {
	switcher := able[gameday.Switcher](t, w)
	for _, lastFirst := range []bool{false, true} {
		one, two := grip(t), grip(t)
		one.Fault += "/one"
		two.Fault += "/two"
		for g, value := range map[*gameday.Grip]string{&one: "wild", &two: "mad"} {
			defer w.release(t, g.Fault)
			if err := switcher.Switch(t.Context(), callee, SwitchName, value, *g); err != nil {
				t.Fatal(err)
			}
		}
		if lastFirst {
			one, two = two, one
		}
		w.release(t, one.Fault)
		w.release(t, two.Fault)
		w.switchReads(t, SwitchDefault, CalleeReplicas)
	}
}

func checkSwitch(t *testing.T, w *world) {
	switcher, g := able[gameday.Switcher](t, w), grip(t)
	service, reads := callee, func(want string, instances int) { t.Helper(); w.switchReads(t, want, instances) }
	reads(SwitchDefault, CalleeReplicas)
	defer w.release(t, g.Fault)
	if err := switcher.Switch(t.Context(), service, SwitchName, "wild", g); err != nil {
		t.Fatal(err)
	}
	reads("wild", CalleeReplicas)
	if scaler, ok := gameday.Able[gameday.Scaler](w.platform); ok {
		if err := scaler.Scale(t.Context(), Callee, CalleeReplicas+1); err != nil {
			t.Fatal(err)
		}
		reads("wild", CalleeReplicas+1)
		if err := scaler.Scale(t.Context(), Callee, CalleeReplicas); err != nil {
			t.Fatal(err)
		}
		eventually(t, "scaled back", func() string {
			if n := len(w.instances(t)); n != CalleeReplicas {
				return fmt.Sprintf("%d", n)
			}
			return ""
		})
	}
	w.release(t, g.Fault)
	reads(SwitchDefault, CalleeReplicas)
	bad := g
	bad.Fault += "/unknown"
	defer w.release(t, bad.Fault)
	if err := switcher.Switch(t.Context(), service, "no-such-switch", "on", bad); err == nil {
		t.Error("turned a switch that nobody has")
	}
}
