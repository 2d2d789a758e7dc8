package monkeys

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// Partition cuts a link: new connections are refused and open ones break. With black_hole the link swallows
// everything instead, and callers learn of it only by their own timeouts. One direction alone ("request" or
// "response") is always a black hole, since a refusal needs both.
//
// In effect: none of five round trips comes back. Gone: all do.
type Partition struct {
	Direction gameday.Direction `json:"direction,omitempty"`  // request, response or both (the default)
	BlackHole bool              `json:"black_hole,omitempty"` // swallow what is sent instead of refusing it
}

var _ gameday.Monkey = (*Partition)(nil)

// Prepare measures the link as it is.
func (m *Partition) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if err := checkDirection(m.Direction); err != nil {
		return gameday.Fault{}, fmt.Errorf("partition: %w", err)
	}
	rule := m.rule()
	summary := "refuse and break connections"
	if rule.BlackHole {
		summary = fmt.Sprintf("swallow everything (%s)", rule.Direction)
	}
	return prepareLink(ctx, p, t, travel, m, "cut", summary)
}

// Inject cuts the link.
func (m *Partition) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return shape(ctx, p, f, m.rule())
}

// Verify sends round trips.
func (m *Partition) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	return verifyUnreachable(ctx, p, f)
}

// Heal joins the link again.
func (m *Partition) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}

func (m *Partition) rule() gameday.LinkRule {
	if m.Direction == "" || m.Direction == gameday.Both {
		return gameday.LinkRule{Direction: gameday.Both, Cut: !m.BlackHole, BlackHole: m.BlackHole}
	}
	return gameday.LinkRule{Direction: m.Direction, BlackHole: true}
}

func verifyUnreachable(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	before, err := readBefore[trips](f)
	if err != nil {
		return gameday.Evidence{}, err
	}
	now, err := travel(ctx, p, f.Target, tripPatience)
	if err != nil {
		return gameday.Evidence{}, err
	}
	return unreachable(before, now), nil
}
