package metrics

import (
	"slices"
	"strings"
	"sync"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Collector = (*Faults)(nil)

// Faults gives gameday_fault_active{fault,step,target}: 1 from the moment a fault was seen to be in
// effect until it was seen to be gone, else 0. The label fault is the scenario's name for the fault, step
// the name of the single injection. The zero value is ready to use.
type Faults struct {
	Steps []gameday.Step // of the plan, for the names of groups; a step that is missing is its own group

	mu    sync.Mutex
	known map[string]*observed
}

// observed is a fault between its injection and the end of the run.
type observed struct {
	fault  gameday.Fault
	active bool
}

// Observe takes notice of one event of the journal. Events of other kinds are ignored.
func (f *Faults) Observe(e gameday.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Kind {
	case gameday.EventInjecting:
		if e.Fault != nil {
			if f.known == nil {
				f.known = map[string]*observed{}
			}
			f.known[e.Fault.ID] = &observed{fault: *e.Fault}
		}
	case gameday.EventActive, gameday.EventHealed:
		if o := f.known[e.FaultID]; o != nil {
			o.active = e.Kind == gameday.EventActive
		}
	}
}

// Collect implements gameday.Collector.
func (f *Faults) Collect() []gameday.Sample {
	f.mu.Lock()
	defer f.mu.Unlock()
	active := map[[3]string]float64{} // two faults of one step never share a target, but a later repetition may
	for _, o := range f.known {
		key := [3]string{f.group(o.fault.Step), o.fault.Step, o.fault.Target.Name}
		v := active[key]
		if o.active {
			v = 1
		}
		active[key] = v
	}
	samples := make([]gameday.Sample, 0, len(active))
	for key, v := range active {
		samples = append(samples, gameday.Sample{
			Name:   "gameday_fault_active",
			Labels: map[string]string{"fault": key[0], "step": key[1], "target": key[2]},
			Value:  v,
		})
	}
	slices.SortFunc(samples, func(a, b gameday.Sample) int {
		return strings.Compare(a.Labels["step"]+"\x00"+a.Labels["target"], b.Labels["step"]+"\x00"+b.Labels["target"])
	})
	return samples
}

func (f *Faults) group(step string) string {
	for _, s := range f.Steps {
		if s.Name == step && s.Group != "" {
			return s.Group
		}
	}
	return step
}
