package monkeys

import (
	"context"
	"errors"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// Bandwidth narrows a link to so many bytes per second and connection. A small round trip does not feel it, so
// nothing here measures it: give the step a proof on metrics, such as the p99 of the caller's attempts.
type Bandwidth struct {
	BytesPerSecond int64             `json:"bytes_per_second"`    // more than 0
	Direction      gameday.Direction `json:"direction,omitempty"` // request, response or both (the default)
}

var (
	_ gameday.Monkey     = (*Bandwidth)(nil)
	_ gameday.Unmeasured = (*Bandwidth)(nil)
)

// Prepare looks at the link.
func (m *Bandwidth) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if m.BytesPerSecond <= 0 {
		return gameday.Fault{}, errors.New("bandwidth: bytes_per_second must be more than 0, such as 16384")
	}
	if err := checkDirection(m.Direction); err != nil {
		return gameday.Fault{}, fmt.Errorf("bandwidth: %w", err)
	}
	return prepareLink(ctx, p, t, travel, m, "bandwidth", fmt.Sprintf("at most %d bytes per second", m.BytesPerSecond))
}

// Inject puts the rule on the link.
func (m *Bandwidth) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return shape(ctx, p, f, gameday.LinkRule{Direction: m.Direction, Bandwidth: m.BytesPerSecond})
}

// Unmeasured says why Verify does not know: what the callee answers is not in the hands of who asks.
func (*Bandwidth) Unmeasured() string { return "small round trips do not feel a narrow link" }

// Verify does not know.
func (m *Bandwidth) Verify(context.Context, gameday.Platform, gameday.Fault) (gameday.Evidence, error) {
	return unknown("%s", m.Unmeasured()), nil
}

// Heal takes the rule off.
func (m *Bandwidth) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}
