package local

import (
	"maps"
	"net/http"
	"slices"

	"github.com/gameday-dev/gameday/internal/exposition"
)

// metrics serves the truth and the links.
func (s *Supervisor) metrics() http.Handler {
	return exposition.Handler(func(page *exposition.Page) {
		s.expose(page)
		s.proxy.Expose(page)
	})
}

// expose adds what the supervisor knows of the topology from outside of it. An instance is alive when its process runs, has
// been healthy, is neither paused nor draining, and no fault cuts everybody off from it.
func (s *Supervisor) expose(page *exposition.Page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	instances := s.sorted()
	s.exposeAlive(page, instances)
	page.Family("gameday_instance_starts_total", exposition.Counter, "How often an instance was started.")
	for _, in := range instances {
		page.Add("", exposition.LabelsOf("subject", in.service.Name, "subject_zone", in.zone.Name, "target", in.name), float64(in.starts))
	}
	page.Family("gameday_fault_active", exposition.Gauge, "A fault that the platform holds, by what it changed.")
	for _, f := range s.sortedFaults() {
		what := f.describe()
		slices.Sort(what)
		for _, one := range slices.Compact(what) {
			page.Add("", exposition.LabelsOf("fault", f.grip.Fault, "target", one), 1)
		}
	}
	page.Family("gameday_fault_ended_total", exposition.Counter, "Faults that are held no more, by what ended them.")
	why := map[string]int{"released": 0, "deadline": 0, "lease": 0}
	maps.Copy(why, s.endings)
	for _, cause := range slices.Sorted(maps.Keys(why)) {
		page.Add("", exposition.LabelsOf("why", cause), float64(why[cause]))
	}
}

// exposeAlive adds which instances are alive, and how many of each service; s.mu is held.
func (s *Supervisor) exposeAlive(page *exposition.Page, instances []*instance) {
	alive, dead := map[string]int{}, map[string]int{}
	page.Family("gameday_truth_instance_up", exposition.Gauge, "Whether an instance is alive.")
	for _, in := range instances {
		up := 0.0
		if s.alive(in) {
			up = 1
			alive[in.service.Name]++
		} else {
			dead[in.service.Name]++
		}
		page.Add("", exposition.LabelsOf("subject", in.service.Name, "subject_version", in.service.Version, "subject_zone", in.zone.Name, "target", in.name), up)
	}
	page.Family("gameday_truth_instances", exposition.Gauge, "Instances of a service, alive or not.")
	for _, service := range s.config.Topology.Services {
		page.Add("", exposition.LabelsOf("alive", "false", "subject", service.Name), float64(dead[service.Name]))
		page.Add("", exposition.LabelsOf("alive", "true", "subject", service.Name), float64(alive[service.Name]))
	}
}

// alive says whether an instance can do its work as far as anybody outside can tell; s.mu is held.
func (s *Supervisor) alive(in *instance) bool {
	return in.process != nil && in.served && !in.leaving && !in.stopped && !s.paused(in.process) && !s.cutOff(in)
}

func (s *Supervisor) paused(p *process) bool {
	for _, f := range s.faults {
		for _, h := range f.pauses {
			if h.p == p {
				return true
			}
		}
	}
	return false
}
