package platformtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
)

func promises() []promise {
	return []promise{
		{"find", "Find returns each target once, ordered by name, with kind, zone and labels; empty fields match everything, and nothing found is no error.", checkFind},
		{"kill", "Kill returns when the process is gone, and it stays gone until released; then it comes back as a new process. Other instances are not touched.", checkKill},
		{"pause", "A paused instance exists and does not run; released, the same process runs on.", checkPause},
		{"shape", "A rule slows what it names, in the direction it names, and nothing else, until released.", checkShape},
		{"shape an established connection", "A rule acts on connections that were there before it, and leaves them whole when it goes.", checkEstablished},
		{"break an established connection", "A reset answers the next bytes of a connection that was there before it; after a black hole a connection goes on whole or not at all.", checkBroken},
		{"cut", "A cut link refuses new connections and breaks established ones; joined, it carries again.", checkCut},
		{"one fault", "Several changes on behalf of one fault are one: released together, at once.", checkOneFault},
		{"deadline", "What is held past its deadline is let go by the platform itself, even when the lease is renewed.", checkDeadline},
		{"lease", "What nobody renews is let go by the platform itself; what is renewed is not.", checkLease},
		{"release twice", "Releasing what is released, or was never held, is no error: healing is idempotent.", checkReleaseTwice},
		{"two faults on one target", "What two faults hold is held until both are released.", checkTwoFaults},
		{"unknown targets", "A change of what does not exist is refused, and nothing is held for it.", checkUnknown},
		{"scale", "Scaling spreads over zones and is undone by scaling back; what leaves is drained, not killed with its callers.", checkScale},
		{"switch", "A switch of a service reads the value on every instance, those that start later too, and its old value after release.", checkSwitch},
		{"two faults on one switch", "A switch that two faults hold reads its old value when both are released, whichever goes first.", checkTwoFaultsOnOneSwitch},
	}
}

func checkFind(t *testing.T, w *world) {
	all := w.instances(t)
	if len(all) != CalleeReplicas {
		t.Fatalf("%d instances of %s, want %d", len(all), Callee, CalleeReplicas)
	}
	zones := map[string]int{}
	for i, target := range all {
		zones[target.Zone]++
		if target.Kind != gameday.KindInstance || target.Service != Callee || target.Zone == "" || target.Labels["gameday"] != "allowed" {
			t.Errorf("incomplete target %+v", target)
		}
		if i > 0 && all[i-1].Name >= target.Name {
			t.Errorf("%s comes after %s", target.Name, all[i-1].Name)
		}
	}
	if len(zones) < 2 {
		t.Errorf("all instances are in one zone: %v", zones)
	}
	first := all[0]
	for _, row := range []struct {
		about string
		s     gameday.Selector
		want  int
	}{
		{"by instance", gameday.Selector{Kind: gameday.KindInstance, Instance: first.Name}, 1},
		{"by zone", gameday.Selector{Kind: gameday.KindInstance, Service: Callee, Zone: first.Zone}, zones[first.Zone]},
		{"by label", gameday.Selector{Kind: gameday.KindInstance, Service: Callee, Labels: map[string]string{"gameday": "allowed"}}, CalleeReplicas},
		{"by a label that nobody has", gameday.Selector{Kind: gameday.KindInstance, Labels: map[string]string{"gameday": "forbidden"}}, 0},
		{"an unknown service", gameday.Selector{Kind: gameday.KindInstance, Service: "nobody"}, 0},
		{"a service", gameday.Selector{Kind: gameday.KindService, Service: Callee}, 1},
		{"a zone", gameday.Selector{Kind: gameday.KindZone, Zone: first.Zone}, 1},
		{"a link", gameday.Selector{Kind: gameday.KindLink, From: w.link.From, To: w.link.To}, 1},
		{"a link to nowhere", gameday.Selector{Kind: gameday.KindLink, To: gameday.Endpoint{Service: "nobody"}}, 0},
	} {
		found := w.find(t, row.s)
		if len(found) != row.want {
			t.Errorf("find %s: %d targets, want %d: %+v", row.about, len(found), row.want, found)
		}
		for _, target := range found {
			if target.Kind != row.s.Kind {
				t.Errorf("find %s: a target of kind %s", row.about, target.Kind)
			}
		}
	}
}

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

// slow is an added latency that is measured, and endless one that is not waited for: what comes in spite of a rule with
// it was not held back by that rule, however busy this machine is.
const (
	slow    = 100 * time.Millisecond
	endless = 10 * time.Minute
)

func checkShape(t *testing.T, w *world) {
	shaper := able[gameday.Shaper](t, w)
	shape := func(from, to gameday.Endpoint, direction gameday.Direction, latency time.Duration) gameday.Grip {
		g := grip(t)
		g.Fault += "/" + string(direction) + latency.String()
		rule := gameday.LinkRule{From: from, To: to, Direction: direction, Latency: gameday.Duration(latency)}
		if err := shaper.Shape(t.Context(), []gameday.LinkRule{rule}, g); err != nil {
			t.Fatal(err)
		}
		return g
	}
	for _, row := range []struct {
		direction gameday.Direction
		least     time.Duration
	}{{gameday.Request, slow}, {gameday.Response, slow}, {gameday.Both, 2 * slow}} {
		g := shape(w.link.From, w.link.To, row.direction, slow)
		if took, err := w.trip(t); err != nil || took < row.least {
			t.Errorf("%s: a round trip took %v (%v), want at least %v", row.direction, took, err, row.least)
		}
		w.release(t, g.Fault)
		w.release(t, shape(w.link.From, w.link.To, row.direction, endless).Fault)
		if _, err := w.trip(t); err != nil {
			t.Errorf("%s: after release: %v", row.direction, err)
		}
	}
	g := shape(w.link.To, w.link.From, gameday.Both, endless)
	defer w.release(t, g.Fault)
	if _, err := w.trip(t); err != nil {
		t.Errorf("a rule on the way back slowed the way there: %v", err)
	}
}

// dial returns a connection over the link to a port that echoes.
func (w *world) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := able[Dialer](t, w).Dial(t.Context(), w.link.From, w.link.To)
	if err != nil {
		t.Fatalf("dial %s: %v", w.link.Name, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func echoOnce(c net.Conn) (time.Duration, error) {
	start := time.Now()
	if _, err := io.WriteString(c, "x"); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return time.Since(start), err
}

func checkEstablished(t *testing.T, w *world) {
	shaper := able[gameday.Shaper](t, w)
	c := w.dial(t)
	if _, err := echoOnce(c); err != nil {
		t.Fatal(err)
	}
	shape := func(latency time.Duration) gameday.Grip {
		g := grip(t)
		g.Fault += "/" + latency.String()
		rule := gameday.LinkRule{From: w.link.From, To: w.link.To, Latency: gameday.Duration(latency)}
		if err := shaper.Shape(t.Context(), []gameday.LinkRule{rule}, g); err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := shape(slow)
	if took, err := echoOnce(c); err != nil || took < 2*slow {
		t.Errorf("an echo took %v (%v), want at least %v", took, err, 2*slow)
	}
	w.release(t, g.Fault)
	g = shape(endless)
	if _, err := io.WriteString(c, "held"); err != nil {
		t.Fatal(err)
	}
	w.release(t, g.Fault)
	if _, err := io.ReadFull(c, make([]byte, len("held"))); err != nil {
		t.Errorf("what was held back does not come after release: %v", err)
	}
	if _, err := echoOnce(c); err != nil {
		t.Errorf("after release: %v", err)
	}
}

func checkBroken(t *testing.T, w *world) {
	shaper := able[gameday.Shaper](t, w)
	for _, row := range []struct {
		about string
		rule  gameday.LinkRule
		check func(c net.Conn, release func())
	}{
		{"reset", gameday.LinkRule{Reset: true}, func(c net.Conn, release func()) {
			if _, err := echoOnce(c); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("reset: an established connection ended with %v, want a break", err)
			}
			release()
		}},
		{"black hole", gameday.LinkRule{BlackHole: true}, func(c net.Conn, release func()) {
			_, err := io.WriteString(c, "lost")
			release()
			if err == nil {
				_, _ = io.WriteString(c, "more") // shows a hole, where the connection goes on
				err = wholeOrBroken(c, "lostmore")
			}
			if err != nil {
				t.Errorf("black hole: %v", err)
			}
		}},
	} {
		c, g := w.dial(t), grip(t)
		g.Fault += "/" + row.about
		if _, err := echoOnce(c); err != nil {
			t.Fatal(err)
		}
		row.rule.From, row.rule.To = w.link.From, w.link.To
		if err := shaper.Shape(t.Context(), []gameday.LinkRule{row.rule}, g); err != nil {
			t.Fatal(err)
		}
		row.check(c, func() { w.release(t, g.Fault) })
		if _, err := echoOnce(w.dial(t)); err != nil {
			t.Errorf("%s: a connection after release: %v", row.about, err)
		}
	}
}

// wholeOrBroken reads what a connection still carries: all of want, or a part of it and a break.
func wholeOrBroken(c net.Conn, want string) error {
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	switch {
	case string(got[:n]) != want[:n]:
		return fmt.Errorf("it carried %q of %q: a hole", got[:n], want)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it hangs: %w", err)
	}
	return nil
}

func checkCut(t *testing.T, w *world) {
	g := grip(t)
	var established net.Conn
	if _, ok := gameday.Able[Dialer](w.platform); ok {
		established = w.dial(t)
		if _, err := echoOnce(established); err != nil {
			t.Fatal(err)
		}
	}
	defer w.release(t, g.Fault)
	w.cut(t, g)
	var lost *gameday.ProbeError
	if took, err := w.trip(t); !errors.As(err, &lost) {
		t.Errorf("a round trip took %v (%v), want a *ProbeError", took, err)
	}
	if established != nil {
		if _, err := echoOnce(established); err == nil {
			t.Error("an established connection still carries")
		}
	}
	w.release(t, g.Fault)
	if _, err := w.trip(t); err != nil {
		t.Errorf("after release: %v", err)
	}
}

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

// cut cuts the link on given terms.
func (w *world) cut(t *testing.T, g gameday.Grip) {
	t.Helper()
	if err := able[gameday.Shaper](t, w).Shape(t.Context(), []gameday.LinkRule{{From: w.link.From, To: w.link.To, Cut: true}}, g); err != nil {
		t.Fatal(err)
	}
}

func (w *world) joined(t *testing.T) {
	t.Helper()
	eventually(t, "the link carries again", func() string {
		if _, err := w.trip(t); err != nil {
			return err.Error()
		}
		return ""
	})
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

func checkScale(t *testing.T, w *world) {
	scaler := able[gameday.Scaler](t, w)
	before := map[string]bool{}
	for _, target := range w.instances(t) {
		before[target.Name] = true
	}
	scale := func(replicas int) {
		if err := scaler.Scale(t.Context(), Callee, replicas); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("%d are healthy", replicas), func() string {
			healthy, all := 0, w.instances(t)
			for _, target := range all {
				if target.Healthy {
					healthy++
				}
			}
			if healthy != replicas || len(all) != replicas {
				return fmt.Sprintf("%d of %d", healthy, len(all))
			}
			return ""
		})
	}
	const more = CalleeReplicas + 4
	scale(more)
	counts := map[string]int{}
	for _, target := range w.instances(t) {
		counts[target.Zone]++
	}
	least, most := more, 0
	for _, n := range counts {
		least, most = min(least, n), max(most, n)
	}
	if most-least > 1 {
		t.Errorf("not spread evenly: %v", counts)
	}
	scale(CalleeReplicas)
	for _, target := range w.instances(t) {
		if !before[target.Name] {
			t.Errorf("%s stayed in place of an older one", target.Name)
		}
	}
}

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
