package local

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// Limits of link rules.
const (
	maxRules    = 1000
	maxSlowness = gameday.Duration(10 * time.Minute)
	minRate     = 1000 // bytes per second
)

// checkRule says whether a rule means something in this topology.
func (s *Supervisor) checkRule(r gameday.LinkRule) error {
	link := r.From.String() + "->" + r.To.String()
	for _, e := range []gameday.Endpoint{r.From, r.To} {
		if err := s.checkEndpoint(e); err != nil {
			return fmt.Errorf("link %s: %w", link, err)
		}
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("link %s: %w: %s", link, errInvalid, fmt.Sprintf(format, args...))
	}
	if !slices.Contains([]gameday.Direction{"", gameday.Both, gameday.Request, gameday.Response}, r.Direction) {
		return bad("direction %q is none of request, response, both", r.Direction)
	}
	for _, d := range []gameday.Duration{r.Latency, r.Jitter, r.SlowClose} {
		if d < 0 || d > maxSlowness {
			return bad("%v is not within 0 to %v", d, maxSlowness)
		}
	}
	if r.Bandwidth != 0 && r.Bandwidth < minRate {
		return bad("bandwidth of %d bytes per second is below the least of %d; use a black hole for none", r.Bandwidth, minRate)
	}
	if describeRule(r) == "" {
		return bad("the rule changes nothing")
	}
	return nil
}

func (s *Supervisor) checkEndpoint(e gameday.Endpoint) error {
	t := s.config.Topology
	if _, known := t.service(e.Service); e.Service != "" && e.Service != ClientService && !known {
		return fmt.Errorf("service %q: %w; known are %s", e.Service, errUnknown, list(t.serviceNames()))
	}
	if _, known := t.zone(e.Zone); e.Zone != "" && !known {
		return fmt.Errorf("zone %q: %w; known are %s", e.Zone, errUnknown, list(t.zoneNames()))
	}
	return nil
}

// describeRule says in words what a rule does, or nothing when it does nothing.
func describeRule(r gameday.LinkRule) string {
	var words []string
	add := func(given bool, format string, args ...any) {
		if given {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(r.Cut, "cut")
	add(r.BlackHole, "black hole")
	add(r.Reset, "reset")
	add(r.Latency > 0, "latency %v", r.Latency)
	add(r.Jitter > 0, "jitter %v", r.Jitter)
	add(r.Bandwidth > 0, "bandwidth %d B/s", r.Bandwidth)
	add(r.SlowClose > 0, "slow close %v", r.SlowClose)
	if len(words) > 0 && r.Direction != "" && r.Direction != gameday.Both {
		words = append(words, "on each "+string(r.Direction))
	}
	return strings.Join(words, ", ")
}

var proxyDirections = map[gameday.Direction]linkproxy.Direction{
	gameday.Request: linkproxy.Request, gameday.Response: linkproxy.Response,
}

func proxyRule(r gameday.LinkRule) linkproxy.Rule {
	match := func(e gameday.Endpoint) linkproxy.Match { return linkproxy.Match{Service: e.Service, Zone: e.Zone} }
	return linkproxy.Rule{
		From: match(r.From), To: match(r.To), Direction: proxyDirections[r.Direction],
		Latency: r.Latency.Std(), Jitter: r.Jitter.Std(), Bandwidth: r.Bandwidth,
		BlackHole: r.BlackHole, Reset: r.Reset, SlowClose: r.SlowClose.Std(), Cut: r.Cut,
	}
}

// relink hands the rules of all faults to the proxy.
func (s *Supervisor) relink() {
	s.linking.Lock()
	defer s.linking.Unlock()
	s.mu.Lock()
	var rules []linkproxy.Rule
	for _, f := range s.sortedFaults() {
		for _, r := range f.rules {
			rules = append(rules, proxyRule(r))
		}
	}
	s.mu.Unlock()
	s.proxy.SetRules(rules)
}

// sortedFaults returns the open faults by id, so that what they do together never depends on a map's order;
// s.mu is held.
func (s *Supervisor) sortedFaults() []*fault {
	all := make([]*fault, 0, len(s.faults))
	for _, f := range s.faults {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *fault) int { return cmp.Compare(a.grip.Fault, b.grip.Fault) })
	return all
}

// cutOff says whether some rule breaks or swallows whatever is sent to an instance; s.mu is held.
func (s *Supervisor) cutOff(in *instance) bool {
	for _, f := range s.faults {
		for _, r := range f.rules {
			to := (r.To.Service == "" || r.To.Service == in.service.Name) && (r.To.Zone == "" || r.To.Zone == in.zone.Name)
			if to && r.From == (gameday.Endpoint{}) && (r.Cut || r.BlackHole) {
				return true
			}
		}
	}
	return false
}
