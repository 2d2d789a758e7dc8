package local

import (
	"context"
	"errors"

	"github.com/gameday-dev/gameday"
)

// Draft is a topology as it would be once it is up and healthy. It finds targets and describes them, so that a
// plan can be looked at while nothing runs; whatever would change something is an error.
type Draft struct {
	s *Supervisor
}

var errDraft = errors.New("this is a draft of the topology: nothing can be changed")

// NewDraft returns the draft of a topology. It starts nothing.
func NewDraft(t *Topology) *Draft {
	s := &Supervisor{config: Config{Topology: t}, instances: map[string]*instance{}, faults: map[string]*fault{}}
	for _, in := range s.firstInstances() {
		in.healthy = true
		s.instances[in.name] = in
	}
	return &Draft{s: s}
}

// Name implements gameday.Platform.
func (d *Draft) Name() string { return "local" }

// Find implements gameday.Platform.
func (d *Draft) Find(_ context.Context, s gameday.Selector) ([]gameday.Target, error) {
	return d.s.find(s), nil
}

// State implements gameday.Observer: everything runs and is healthy.
func (d *Draft) State(context.Context, gameday.Target) (gameday.State, error) {
	return gameday.State{Running: true, Healthy: true, Starts: 1}, nil
}

// Probe implements gameday.Prober with the standing distance of the zones.
func (d *Draft) Probe(_ context.Context, from, to gameday.Endpoint) (gameday.Duration, error) {
	return gameday.Duration(2 * d.s.config.Topology.oneWay(from.Zone, to.Zone)), nil
}

// Kill implements gameday.Killer.
func (d *Draft) Kill(context.Context, gameday.Target, gameday.Grip) error { return errDraft }

// Pause implements gameday.Pauser.
func (d *Draft) Pause(context.Context, gameday.Target, gameday.Grip) error { return errDraft }

// Shape implements gameday.Shaper.
func (d *Draft) Shape(context.Context, []gameday.LinkRule, gameday.Grip) error { return errDraft }

// Switch implements gameday.Switcher.
func (d *Draft) Switch(context.Context, gameday.Target, string, string, gameday.Grip) error {
	return errDraft
}

// SwitchValue implements gameday.Switcher. What a switch says is not known before it runs.
func (d *Draft) SwitchValue(_ context.Context, t gameday.Target, _ string) (map[string]string, error) {
	values := map[string]string{}
	for _, found := range d.s.find(gameday.Selector{Kind: gameday.KindInstance, Service: t.Service}) {
		values[found.Name] = ""
	}
	return values, nil
}
