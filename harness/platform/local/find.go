package local

import (
	"maps"
	"slices"

	"github.com/gameday-dev/gameday"
)

// find returns the targets that match a selector, by name.
func (s *Supervisor) find(sel gameday.Selector) []gameday.Target {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []gameday.Target
	switch sel.Kind {
	case gameday.KindInstance:
		found = s.findInstances(sel)
	case gameday.KindService:
		for _, service := range s.config.Topology.Services {
			found = append(found, gameday.Target{Name: service.Name, Service: service.Name, Healthy: s.allHealthy(func(in *instance) bool { return in.service.Name == service.Name })})
		}
		found = slices.DeleteFunc(found, func(t gameday.Target) bool { return sel.Zone != "" && !s.servedIn(t.Service, sel.Zone) })
	case gameday.KindZone:
		for _, zone := range s.config.Topology.Zones {
			found = append(found, gameday.Target{Name: zone.Name, Zone: zone.Name, Healthy: s.allHealthy(func(in *instance) bool { return in.zone.Name == zone.Name })})
		}
	case gameday.KindLink:
		if s.checkEndpoint(sel.From) == nil && s.checkEndpoint(sel.To) == nil {
			found = append(found, gameday.Target{Name: sel.From.String() + "->" + sel.To.String(), From: sel.From, To: sel.To, Healthy: true})
		}
	}
	found = slices.DeleteFunc(found, func(t gameday.Target) bool {
		return sel.Service != "" && t.Service != sel.Service || sel.Zone != "" && t.Zone != "" && t.Zone != sel.Zone
	})
	for i := range found {
		found[i].Kind = sel.Kind
		if found[i].Labels == nil {
			found[i].Labels = s.labelsOfTarget(found[i])
		}
	}
	return slices.DeleteFunc(found, func(t gameday.Target) bool { return !hasLabels(t, sel.Labels) })
}

func (s *Supervisor) findInstances(sel gameday.Selector) []gameday.Target {
	var found []gameday.Target
	for _, in := range s.sorted() {
		if in.leaving || sel.Instance != "" && in.name != sel.Instance {
			continue
		}
		found = append(found, gameday.Target{
			Name: in.name, Service: in.service.Name, Zone: in.zone.Name, Labels: maps.Clone(in.service.Labels), Healthy: in.healthy,
		})
	}
	return found
}

// allHealthy says whether instances that match exist and are all healthy; s.mu is held.
func (s *Supervisor) allHealthy(match func(*instance) bool) bool {
	some := false
	for _, in := range s.instances {
		if !match(in) || in.leaving {
			continue
		}
		if !in.healthy {
			return false
		}
		some = true
	}
	return some
}

func (s *Supervisor) servedIn(service, zone string) bool {
	known, ok := s.config.Topology.service(service)
	return ok && slices.Contains(known.Zones, zone)
}

// labelsOfTarget returns what all services that a target touches share: a zone or a link has opted in when
// everything in it has. Callers from outside have no say.
func (s *Supervisor) labelsOfTarget(t gameday.Target) map[string]string {
	var concerned []string
	touch := func(e gameday.Endpoint) {
		for _, name := range s.config.Topology.serviceNames() {
			if (e.Service == "" || e.Service == name) && (e.Zone == "" || s.servedIn(name, e.Zone)) {
				concerned = append(concerned, name)
			}
		}
	}
	if t.Kind == gameday.KindLink {
		for _, e := range []gameday.Endpoint{t.From, t.To} {
			if e != (gameday.Endpoint{}) || t.From == t.To { // "*" on one side adds nothing to what the other names
				touch(e)
			}
		}
	} else {
		touch(gameday.Endpoint{Service: t.Service, Zone: t.Zone})
	}
	if len(concerned) == 0 {
		return nil
	}
	return s.config.Topology.labelsOf(concerned...)
}

func hasLabels(t gameday.Target, want map[string]string) bool {
	for k, v := range want {
		if t.Labels[k] != v {
			return false
		}
	}
	return true
}
