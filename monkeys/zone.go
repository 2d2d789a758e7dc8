package monkeys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
)

// zoneTrips bounds how many links into the zone are measured.
const zoneTrips = 3

// Zone takes a whole failure domain away: it is the Chaos Gorilla. Every link into, out of and within the zone
// is cut, and then every instance in it is killed and kept down, all as one fault under one grip, so that it
// ends as one too.
//
// In effect: no instance of the zone runs, and no round trip into it comes back. Gone: all that still belong to
// the system run, are healthy if they were, and the trips come back.
type Zone struct{}

var _ gameday.Monkey = (*Zone)(nil)

// zoneBefore is the zone as Prepare found it.
type zoneBefore struct {
	Instances []view           `json:"instances"`
	Links     []gameday.Target `json:"links,omitempty"` // links into the zone that answered
	Trips     []trips          `json:"trips,omitempty"` // one per link
}

// Prepare reads every instance of the zone, and measures some of the links into it.
func (m *Zone) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if err := wants(gameday.KindZone, t); err != nil {
		return gameday.Fault{}, err
	}
	_, killErr := able[gameday.Killer](p, "kill the instances of "+t.Name)
	_, shapeErr := able[gameday.Shaper](p, "cut the links of "+t.Name)
	if err := errors.Join(killErr, shapeErr); err != nil {
		return gameday.Fault{}, err
	}
	all, err := p.Find(ctx, gameday.Selector{Kind: gameday.KindInstance})
	if err != nil {
		return gameday.Fault{}, fmt.Errorf("find the instances of %s: %w", t.Name, err)
	}
	inside, outside := split(all, zoneOf(t))
	if len(inside) == 0 {
		return gameday.Fault{}, fmt.Errorf("zone %s has no instances: %w", t.Name, gameday.ErrNoTarget)
	}
	var before zoneBefore
	claims := []string{"zone " + zoneOf(t), fmt.Sprintf("link @%s cut", zoneOf(t))}
	for _, instance := range inside {
		seen, err := glance(ctx, p, instance)
		if err != nil {
			return gameday.Fault{}, err
		}
		before.Instances = append(before.Instances, seen)
		claims = append(claims, "instance "+instance.Name)
	}
	if before.Links, before.Trips, err = measureInto(ctx, p, inside, outside); err != nil {
		return gameday.Fault{}, err
	}
	summary := fmt.Sprintf("cut all links of zone %s and kill its %d instances (%s); the platform joins the links and starts them again at the end",
		zoneOf(t), len(inside), strings.Join(names(inside), ", "))
	return fault(m, t, before, summary, claims...)
}

// Inject cuts first and kills then, so that nothing leaves the zone as a farewell.
func (m *Zone) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	before, err := readBefore[zoneBefore](f)
	if err != nil {
		return err
	}
	shaper, shapeErr := able[gameday.Shaper](p, "cut the links of "+f.Target.Name)
	killer, killErr := able[gameday.Killer](p, "kill the instances of "+f.Target.Name)
	if err := errors.Join(shapeErr, killErr); err != nil {
		return err
	}
	zone := gameday.Endpoint{Zone: zoneOf(f.Target)}
	rules := []gameday.LinkRule{{From: zone, Direction: gameday.Both, Cut: true}, {To: zone, Direction: gameday.Both, Cut: true}}
	if err := shaper.Shape(ctx, rules, f.Grip()); err != nil {
		return fmt.Errorf("cut the links of %s: %w", f.Target.Name, err)
	}
	for _, v := range before.Instances {
		if err := killer.Kill(ctx, v.Target, f.Grip()); err != nil {
			return fmt.Errorf("kill %s: %w", v.Target.Name, err)
		}
	}
	return nil
}

// Verify looks at every instance, and sends round trips into the zone.
func (m *Zone) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	before, err := readBefore[zoneBefore](f)
	if err != nil {
		return gameday.Evidence{}, err
	}
	down, up, known, err := before.count(ctx, p)
	if err != nil {
		return gameday.Evidence{}, err
	}
	if !known {
		return unknown("the platform cannot watch the instances of %s", f.Target.Name), nil
	}
	dead, alive, links, err := before.retrace(ctx, p)
	if err != nil {
		return gameday.Evidence{}, err
	}
	evidence := gameday.Evidence{
		What:     fmt.Sprintf("%d of %d instances down, %d of %d links into the zone dead", down, down+up, dead, links),
		Measured: map[string]float64{"down": float64(down), "instances": float64(len(before.Instances)), "links_dead": float64(dead)},
	}
	switch {
	case down > 0 && up == 0 && dead == links:
		evidence.Effect = gameday.InEffect
	case down == 0 && alive == links:
		evidence.Effect = gameday.Gone
	}
	return evidence, nil
}

// Heal joins the links and lets the instances start.
func (m *Zone) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}

// count says how many instances are down and how many are up as before. An instance that no longer exists is
// neither. One that has started and is not yet healthy counts as down, because the zone is not back.
func (b zoneBefore) count(ctx context.Context, p gameday.Platform) (down, up int, known bool, err error) {
	for _, v := range b.Instances {
		if !v.Known {
			return 0, 0, false, nil
		}
		s, exists, err := state(ctx, p, v.Target)
		switch {
		case err != nil:
			return 0, 0, false, err
		case !exists:
		case v.up(s):
			up++
		default:
			down++
		}
	}
	return down, up, true, nil
}

// retrace sends the trips of before again, over the links that still exist.
func (b zoneBefore) retrace(ctx context.Context, p gameday.Platform) (dead, alive, links int, err error) {
	for i, link := range b.Links {
		now, err := travel(ctx, p, link, tripPatience)
		if err != nil {
			return 0, 0, 0, err
		}
		if now.NoEnd {
			continue
		}
		links++
		switch unreachable(b.Trips[i], now).Effect {
		case gameday.InEffect:
			dead++
		case gameday.Gone:
			alive++
		}
	}
	return dead, alive, links, nil
}

// measureInto measures links from a service outside the zone to services inside it, and keeps those that answer.
func measureInto(ctx context.Context, p gameday.Platform, inside, outside []gameday.Target) (links []gameday.Target, measured []trips, err error) {
	if len(outside) == 0 {
		return nil, nil, nil
	}
	tried := map[string]bool{}
	for _, to := range inside {
		if tried[to.Service] || !to.Healthy || len(tried) == zoneTrips {
			continue
		}
		tried[to.Service] = true
		from := caller(outside, to.Service)
		link := gameday.Target{
			Kind: gameday.KindLink,
			From: gameday.Endpoint{Service: from.Service, Zone: from.Zone},
			To:   gameday.Endpoint{Service: to.Service, Zone: to.Zone},
		}
		link.Name = link.From.String() + "->" + link.To.String()
		now, err := travel(ctx, p, link, tripPatience)
		if err != nil {
			return nil, nil, err
		}
		if now.usable() && now.Lost == 0 {
			links, measured = append(links, link), append(measured, now)
		}
	}
	return links, measured, nil
}

// caller picks an instance outside that is healthy and of another service, as a plausible caller.
func caller(outside []gameday.Target, callee string) gameday.Target {
	for _, t := range outside {
		if t.Healthy && t.Service != callee {
			return t
		}
	}
	return outside[0]
}

// glance is look for an instance that may be down already: in a zone that is no obstacle.
func glance(ctx context.Context, p gameday.Platform, t gameday.Target) (view, error) {
	observer, ok := gameday.Able[gameday.Observer](p)
	if !ok {
		return view{Target: t}, nil
	}
	s, err := observer.State(ctx, t)
	if err != nil {
		return view{}, fmt.Errorf("read the state of %s: %w", t.Name, err)
	}
	return view{Target: t, PID: s.PID, Healthy: s.Healthy, Known: true}, nil
}

func zoneOf(t gameday.Target) string {
	if t.Zone != "" {
		return t.Zone
	}
	return t.Name
}

func split(all []gameday.Target, zone string) (inside, outside []gameday.Target) {
	for _, t := range all {
		if t.Zone == zone {
			inside = append(inside, t)
		} else {
			outside = append(outside, t)
		}
	}
	return inside, outside
}

func names(targets []gameday.Target) []string {
	var out []string
	for _, t := range targets {
		out = append(out, t.Name)
	}
	slices.Sort(out)
	return out
}
