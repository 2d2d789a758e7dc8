package gamedaytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// links are the links of a case, as the platform that monkeys act on.
type links []*Link

var (
	_ gameday.Platform = links{}
	_ gameday.Holder   = links{}
	_ gameday.Shaper   = links{}
	_ gameday.Prober   = links{}

	_ gameday.EndProber = links{}
)

// Name is "in-process".
func (links) Name() string { return "in-process" }

// Find returns links by the service at their end; there is nothing else.
func (all links) Find(_ context.Context, s gameday.Selector) ([]gameday.Target, error) {
	if s.Kind != gameday.KindLink || len(s.Labels) > 0 {
		return nil, nil
	}
	var found []gameday.Target
	for _, l := range all.between(s.From, s.To) {
		found = append(found, l.target())
	}
	slices.SortFunc(found, func(a, b gameday.Target) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// between returns the links that the endpoints match.
func (all links) between(from, to gameday.Endpoint) links {
	if from.Service != "" && from.Service != callerService || from.Zone != "" || to.Zone != "" {
		return nil
	}
	var found links
	for _, l := range all {
		if to.Service == "" || to.Service == l.name {
			found = append(found, l)
		}
	}
	return found
}

// Shape adds rules to links.
func (all links) Shape(_ context.Context, rules []gameday.LinkRule, g gameday.Grip) error {
	for _, r := range rules {
		on := all.between(r.From, r.To)
		if len(on) == 0 {
			return fmt.Errorf("shape %s->%s: there is no such link", r.From, r.To)
		}
		if err := checkRule(r); err != nil {
			return fmt.Errorf("shape %s->%s: %w", r.From, r.To, err)
		}
		for _, l := range on {
			if err := l.shape(r, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// Probe makes a round trip over the first link between the endpoints.
func (all links) Probe(ctx context.Context, from, to gameday.Endpoint) (gameday.Duration, error) {
	on := all.between(from, to)
	if len(on) == 0 {
		return 0, fmt.Errorf("probe %s->%s: there is no such link", from, to)
	}
	return on[0].trip(ctx, linkproxy.Probe)
}

// ProbeEnd is Probe until the end of the connection.
func (all links) ProbeEnd(ctx context.Context, from, to gameday.Endpoint) (gameday.Duration, error) {
	on := all.between(from, to)
	if len(on) == 0 {
		return 0, fmt.Errorf("probe %s->%s: there is no such link", from, to)
	}
	return on[0].trip(ctx, linkproxy.ProbeEnd)
}

// Held lists what all links hold, one entry for each fault.
func (all links) Held(context.Context) ([]gameday.Hold, error) {
	byFault := map[string]*gameday.Hold{}
	for _, l := range all {
		for _, h := range l.holding() {
			if known := byFault[h.Fault]; known != nil {
				known.What = append(known.What, h.What...)
				known.Left = min(known.Left, h.Left)
				continue
			}
			byFault[h.Fault] = &h
		}
	}
	held := make([]gameday.Hold, 0, len(byFault))
	for _, h := range byFault {
		held = append(held, *h)
	}
	slices.SortFunc(held, func(a, b gameday.Hold) int { return cmp.Compare(a.Fault, b.Fault) })
	return held, nil
}

// Renew starts the leases of the faults anew.
func (all links) Renew(_ context.Context, faults []string) error {
	for _, l := range all {
		l.mu.Lock()
		for _, fault := range faults {
			if h := l.holds[fault]; h != nil {
				h.renew()
			}
		}
		l.mu.Unlock()
	}
	return nil
}

// Release lets go of the fault on every link.
func (all links) Release(_ context.Context, fault string) error {
	for _, l := range all {
		l.release(fault)
	}
	return nil
}
