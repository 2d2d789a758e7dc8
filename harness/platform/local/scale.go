package local

import (
	"cmp"
	"fmt"
	"slices"
)

// scale starts or drains instances until a service has so many, and returns when that is under way.
func (s *Supervisor) scale(name string, replicas int) error {
	service, known := s.config.Topology.service(name)
	if !known {
		return fmt.Errorf("scale %s: %w; known are %s", name, errUnknown, list(s.config.Topology.serviceNames()))
	}
	if replicas < 1 || replicas > service.Max {
		return fmt.Errorf("scale %s to %d: %w: want 1 to %d, the max of the topology", name, replicas, errInvalid, service.Max)
	}
	s.scaling.Lock()
	defer s.scaling.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return fmt.Errorf("scale %s: %w", name, errClosing)
	}
	members := s.members(name)
	if total := len(s.instances) + replicas - len(members); total > maxInstances {
		return fmt.Errorf("scale %s to %d: %w: %d instances in all exceed the limit of %d", name, replicas, errInvalid, total, maxInstances)
	}
	for range replicas - len(members) {
		in := s.place(service, s.sorted())
		if in == nil {
			return fmt.Errorf("scale %s to %d: every address of zones %s is taken; wait until leaving instances are gone", name, replicas, list(service.Zones))
		}
		s.add(in)
	}
	for range len(members) - replicas {
		victim := spare(s.members(name))
		victim.leaving = true
		victim.notify()
	}
	s.config.Log.Info("scale", "service", name, "from", len(members), "to", replicas)
	return nil
}

// members returns the instances of a service that stay; s.mu is held.
func (s *Supervisor) members(service string) []*instance {
	return slices.DeleteFunc(s.sorted(), func(in *instance) bool { return in.service.Name != service || in.leaving })
}

// place makes an instance in the zone of its service that has the fewest, the first of equals. A zone in which
// faults keep everything down is the last choice: an instance there would not start. It returns nil when every
// address is taken.
func (s *Supervisor) place(service *Service, others []*instance) *instance {
	counts := map[string]int{}
	taken := map[string]bool{}
	for _, in := range others {
		taken[in.name] = true
		if in.service == service && !in.leaving {
			counts[in.zone.Name]++
		}
	}
	zones := slices.Clone(service.Zones)
	slices.SortStableFunc(zones, func(a, b string) int {
		return cmp.Or(cmp.Compare(boolInt(s.zoneDown(a, others)), boolInt(s.zoneDown(b, others))), cmp.Compare(counts[a], counts[b]))
	})
	for _, name := range zones {
		zone, _ := s.config.Topology.zone(name)
		for index := 1; index <= 254; index++ {
			if !taken[instanceName(service.Name, name, index)] {
				return s.newInstance(service, zone, index)
			}
		}
	}
	return nil
}

// zoneDown says whether faults hold every instance of a zone down.
func (s *Supervisor) zoneDown(zone string, all []*instance) bool {
	held := 0
	for _, in := range all {
		if in.zone.Name != zone {
			continue
		}
		if !s.killHeld(in) {
			return false
		}
		held++
	}
	return held > 0
}

// spare chooses who leaves: of the zone with the most members, the one with the highest index.
func spare(members []*instance) *instance {
	counts := map[string]int{}
	for _, in := range members {
		counts[in.zone.Name]++
	}
	return slices.MaxFunc(members, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(counts[a.zone.Name], counts[b.zone.Name]), cmp.Compare(a.index, b.index), cmp.Compare(a.zone.Name, b.zone.Name))
	})
}

// order changes one instance by request: start what was stopped, drain and stop, or kill once.
func (s *Supervisor) order(name, what string) error {
	s.mu.Lock()
	in := s.instances[name]
	if in == nil {
		s.mu.Unlock()
		return fmt.Errorf("%s %s: %w", what, name, errUnknown)
	}
	p := in.process
	switch what {
	case "start":
		in.stopped = false
	case "stop":
		in.stopped = true
	}
	s.mu.Unlock()
	in.notify()
	if what == "kill" && p != nil {
		return p.kill()
	}
	return nil
}
