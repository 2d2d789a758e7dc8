// Package monkeytest is a small system in memory, with every ability that a platform may have, and the suite
// that each monkey passes on it: see [Run].
package monkeytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// trip is how long a round trip takes in an untouched world, and switchDefault what every switch reads.
const (
	trip          = gameday.Duration(time.Millisecond)
	switchDefault = "off"
)

// World is a system of two services in three zones under a load. What is done to it is remembered per fault,
// and undone per fault, when it is released, or by itself when a lease or the time of a grip has passed. It is
// safe for concurrent use. Reach it through [World.Platform].
type World struct {
	// Leases makes grips end by themselves. Set it before the first use; without it only Release ends one.
	Leases bool
	// OnChange is called, if set, before each change that is made for a fault, with the world locked. Set it
	// before the first use.
	OnChange func(fault, what string)

	mu        sync.Mutex
	instances []gameday.Target
	pids      map[string]int
	starts    map[string]int
	nextPID   int
	holds     []hold
}

// hold is one change made for one fault.
type hold struct {
	grip    gameday.Grip
	what    string
	since   time.Time
	renewed time.Time

	kill, pause string // instance
	rule        *gameday.LinkRule
	service     string // of a switch; instance when the target was one
	instance    string
	name, value string
	factor      float64
}

// New returns a world at rest: order and product, two instances of each in z1, one in z2 and z3.
func New() *World {
	w := &World{pids: map[string]int{}, starts: map[string]int{}, nextPID: 100}
	for _, service := range []string{"order", "product"} {
		for _, place := range []string{"z1-1", "z1-2", "z2-1", "z3-1"} {
			w.add(service, place[:2], service+"-"+place)
		}
	}
	return w
}

func (w *World) add(service, zone, name string) {
	w.instances = append(w.instances, gameday.Target{
		Kind: gameday.KindInstance, Name: name, Service: service, Zone: zone, Labels: map[string]string{"gameday": "allowed"},
	})
	w.nextPID++
	w.pids[name], w.starts[name] = w.nextPID, 1
}

// Add starts one more instance, as an autoscaler would.
func (w *World) Add(service, zone, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(service, zone, name)
}

// Remove takes an instance out of the system, as an autoscaler would.
func (w *World) Remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instances = slices.DeleteFunc(w.instances, func(t gameday.Target) bool { return t.Name == name })
}

// Snapshot describes everything that a monkey can change, for comparison. Process ids are left out: a killed
// instance that runs again is as before.
func (w *World) Snapshot() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expire()
	state := map[string]any{"factor": w.factor()}
	for _, t := range w.instances {
		state[t.Name] = []any{w.down(t.Name), w.paused(t.Name), w.switches(t)}
	}
	var rules []string
	for _, h := range w.holds {
		if h.rule != nil {
			text, _ := json.Marshal(h.rule) // a struct of plain fields
			rules = append(rules, string(text))
		}
	}
	slices.Sort(rules)
	state["links"] = rules
	text, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return "unprintable: " + err.Error()
	}
	return string(text)
}

// Expire ends every grip of the fault, as its lease would.
func (w *World) Expire(fault string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.release(func(h hold) bool { return h.grip.Fault == fault })
}

// take records a change. Taking the same hold twice for the same fault is one hold.
func (w *World) take(h hold) {
	if w.OnChange != nil {
		w.OnChange(h.grip.Fault, h.what)
	}
	h.since = time.Now()
	h.renewed = h.since
	w.holds = slices.DeleteFunc(w.holds, func(old hold) bool { return old.grip.Fault == h.grip.Fault && old.what == h.what })
	w.holds = append(w.holds, h)
}

func (w *World) release(which func(hold) bool) {
	var freed []string
	w.holds = slices.DeleteFunc(w.holds, func(h hold) bool {
		if !which(h) {
			return false
		}
		if h.kill != "" {
			freed = append(freed, h.kill)
		}
		return true
	})
	for _, name := range freed {
		if !w.down(name) {
			w.nextPID++
			w.pids[name] = w.nextPID
			w.starts[name]++
		}
	}
}

// expire ends the grips whose time or lease has passed. It runs at the start of every call.
func (w *World) expire() {
	if !w.Leases {
		return
	}
	now := time.Now()
	w.release(func(h hold) bool { return h.left(now) <= 0 })
}

func (h hold) left(now time.Time) time.Duration {
	return min(h.grip.For.Std()-now.Sub(h.since), h.grip.Lease.Std()-now.Sub(h.renewed))
}

func (w *World) down(name string) bool {
	return slices.ContainsFunc(w.holds, func(h hold) bool { return h.kill == name })
}

func (w *World) paused(name string) bool {
	return slices.ContainsFunc(w.holds, func(h hold) bool { return h.pause == name })
}

func (w *World) factor() float64 {
	factor := 1.0
	for _, h := range w.holds {
		if h.factor != 0 {
			factor *= h.factor
		}
	}
	return factor
}

func (w *World) switches(t gameday.Target) map[string]string {
	values := map[string]string{}
	for _, h := range w.holds {
		if h.name != "" && (h.instance == t.Name || h.instance == "" && h.service == t.Service) {
			values[h.name] = h.value
		}
	}
	return values
}

// held lists the holds as a platform does: one line per fault.
func (w *World) held() []gameday.Hold {
	byFault := map[string]gameday.Hold{}
	now := time.Now()
	for _, h := range w.holds {
		entry, ok := byFault[h.grip.Fault]
		if left := gameday.Duration(h.left(now)); !ok || left < entry.Left {
			entry.Left = left
		}
		entry.Grip = h.grip
		entry.What = append(entry.What, h.what)
		byFault[h.grip.Fault] = entry
	}
	var list []gameday.Hold
	for _, fault := range slices.Sorted(maps.Keys(byFault)) {
		list = append(list, byFault[fault])
	}
	return list
}

// slowClose is for how long rules hold the end of a connection back.
func (w *World) slowClose(from, to gameday.Endpoint) (held gameday.Duration) {
	for _, h := range w.holds {
		if h.rule != nil && matches(h.rule.From, from) && matches(h.rule.To, to) {
			held = max(held, h.rule.SlowClose)
		}
	}
	return held
}

// probe makes the round trip from one endpoint to another under the rules that apply to all of it.
func (w *World) probe(from, to gameday.Endpoint) (gameday.Duration, error) {
	alive := func(e gameday.Endpoint) bool {
		return slices.ContainsFunc(w.instances, func(t gameday.Target) bool {
			return matches(e, gameday.Endpoint{Service: t.Service, Zone: t.Zone}) && !w.down(t.Name) && !w.paused(t.Name)
		})
	}
	link := fmt.Sprintf("%s->%s", from, to)
	for _, e := range []gameday.Endpoint{from, to} {
		if !slices.ContainsFunc(w.instances, func(t gameday.Target) bool { return matches(e, gameday.Endpoint{Service: t.Service, Zone: t.Zone}) }) {
			return 0, fmt.Errorf("probe %s: no instance at %s", link, e)
		}
	}
	if !alive(to) {
		return 0, &gameday.ProbeError{Link: link, Err: fmt.Errorf("connection refused")}
	}
	took := trip
	for _, h := range w.holds {
		if h.rule == nil || !matches(h.rule.From, from) || !matches(h.rule.To, to) {
			continue
		}
		if h.rule.Cut || h.rule.BlackHole || h.rule.Reset {
			return 0, &gameday.ProbeError{Link: link, Err: fmt.Errorf("no answer")}
		}
		took += h.rule.Latency
		if h.rule.Direction == gameday.Both || h.rule.Direction == "" {
			took += h.rule.Latency
		}
	}
	return took, nil
}

// matches reports whether an endpoint, in which empty means any, stands for the place.
func matches(e, place gameday.Endpoint) bool {
	return (e.Service == "" || e.Service == place.Service) && (e.Zone == "" || e.Zone == place.Zone)
}
