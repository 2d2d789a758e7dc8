package local

import (
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// truth exports what the supervisor knows of the topology from outside of it. An instance is alive when its
// process runs, has been healthy, is neither paused nor draining, and no fault cuts everybody off from it.
type truth struct {
	s         *Supervisor
	instances *prometheus.Desc
	up        *prometheus.Desc
	starts    *prometheus.Desc
	active    *prometheus.Desc
	ended     *prometheus.Desc
}

var _ prometheus.Collector = (*truth)(nil)

func newTruth(s *Supervisor) *truth {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &truth{
		s:         s,
		instances: describe("gameday_truth_instances", "Instances of a service, alive or not.", "subject", "alive"),
		up:        describe("gameday_truth_instance_up", "Whether an instance is alive.", "subject", "subject_zone", "subject_version", "target"),
		starts:    describe("gameday_instance_starts_total", "How often an instance was started.", "subject", "subject_zone", "target"),
		active:    describe("gameday_fault_active", "A fault that the platform holds, by what it changed.", "fault", "target"),
		ended:     describe("gameday_fault_ended_total", "Faults that are held no more, by what ended them.", "why"),
	}
}

// Describe sends the descriptions of all series.
func (t *truth) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{t.instances, t.up, t.starts, t.active, t.ended} {
		ch <- d
	}
}

// Collect sends the truth of this moment.
func (t *truth) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	alive, dead := map[string]int{}, map[string]int{}
	for _, service := range t.s.config.Topology.Services {
		alive[service.Name], dead[service.Name] = 0, 0
	}
	for _, in := range t.s.sorted() {
		up := 0.0
		if t.s.alive(in) {
			up = 1
			alive[in.service.Name]++
		} else {
			dead[in.service.Name]++
		}
		gauge(t.up, up, in.service.Name, in.zone.Name, in.service.Version, in.name)
		counter(t.starts, float64(in.starts), in.service.Name, in.zone.Name, in.name)
	}
	for service := range alive {
		gauge(t.instances, float64(alive[service]), service, "true")
		gauge(t.instances, float64(dead[service]), service, "false")
	}
	for _, f := range t.s.faults {
		seen := map[string]bool{}
		for _, what := range f.describe() {
			if !seen[what] {
				seen[what] = true
				gauge(t.active, 1, f.grip.Fault, what)
			}
		}
	}
	why := map[string]int{"released": 0, "deadline": 0, "lease": 0}
	maps.Copy(why, t.s.endings)
	for cause, n := range why {
		counter(t.ended, float64(n), cause)
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

// metrics serves the truth and the links.
func (s *Supervisor) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newTruth(s), s.proxy.Collector())
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
