package monkeys

import (
	"context"
	"errors"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// Bug turns a switch of the system under test itself, such as a planted bug ("promo_loop") or a manual
// degradation. On a service, instances that start later get the same value.
//
// In effect: every instance reads the value back. Gone: every instance that was there before reads what it read
// then, and no later one reads the value.
type Bug struct {
	Name  string `json:"name"`  // of the switch, as the system knows it
	Value string `json:"value"` // "on" unless something else is given
}

var _ gameday.Monkey = (*Bug)(nil)

// Prepare reads the switch of each instance.
func (m *Bug) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if m.Name == "" {
		return gameday.Fault{}, errors.New("bug: name must be that of a switch, such as promo_loop")
	}
	if t.Kind != gameday.KindService && t.Kind != gameday.KindInstance {
		return gameday.Fault{}, wants(gameday.KindService, t)
	}
	before, err := m.read(ctx, p, t)
	if err != nil {
		return gameday.Fault{}, err
	}
	if len(before) == 0 {
		return gameday.Fault{}, fmt.Errorf("%s %s has no instance with a switch %q: %w", t.Kind, t.Name, m.Name, gameday.ErrNoTarget)
	}
	for instance, value := range before {
		if value == m.Value {
			return gameday.Fault{}, fmt.Errorf("switch %s of %s is %q already: turning it would prove nothing", m.Name, instance, value)
		}
	}
	summary := fmt.Sprintf("turn switch %s of %s to %q; it is turned back at the end", m.Name, t.Name, m.Value)
	return fault(m, t, before, summary, fmt.Sprintf("%s %s switch %s", t.Kind, t.Name, m.Name))
}

// Inject turns the switch.
func (m *Bug) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	switcher, err := able[gameday.Switcher](p, "turn switches")
	if err != nil {
		return err
	}
	return switcher.Switch(ctx, f.Target, m.Name, m.Value, f.Grip())
}

// Verify reads the switch of each instance.
func (m *Bug) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	before, err := readBefore[map[string]string](f)
	if err != nil {
		return gameday.Evidence{}, err
	}
	now, err := m.read(ctx, p, f.Target)
	if err != nil {
		return gameday.Evidence{}, err
	}
	turned, back := 0, 0
	for instance, value := range now {
		was, known := before[instance]
		switch {
		case value == m.Value:
			turned++
		case value == was || !known:
			back++
		}
	}
	evidence := gameday.Evidence{
		What:     fmt.Sprintf("switch %s reads %q on %d of %d instances", m.Name, m.Value, turned, len(now)),
		Measured: map[string]float64{"turned": float64(turned), "instances": float64(len(now))},
	}
	switch len(now) {
	case 0: // nobody to ask
	case turned:
		evidence.Effect = gameday.InEffect
	case back:
		evidence.Effect = gameday.Gone
	}
	return evidence, nil
}

// Heal turns the switch back.
func (m *Bug) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}

func (m *Bug) read(ctx context.Context, p gameday.Platform, t gameday.Target) (map[string]string, error) {
	switcher, err := able[gameday.Switcher](p, "turn switches")
	if err != nil {
		return nil, err
	}
	values, err := switcher.SwitchValue(ctx, t, m.Name)
	if err != nil {
		return nil, fmt.Errorf("read switch %s of %s: %w", m.Name, t.Name, err)
	}
	return values, nil
}
