package monkeys

import (
	"context"
	"errors"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// SlowClose holds the end of each connection back by Delay, so that callers keep connections that are over. A
// round trip ends before that, so nothing here measures it: give the step a proof on metrics.
type SlowClose struct {
	Delay gameday.Duration `json:"delay"` // more than 0
}

var _ gameday.Monkey = (*SlowClose)(nil)

// Prepare looks at the link.
func (m *SlowClose) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if m.Delay <= 0 {
		return gameday.Fault{}, errors.New("slow_close: delay must be more than 0, such as 2s")
	}
	return prepareLink(ctx, p, t, m, "slow_close", fmt.Sprintf("hold the end of connections back by %s", m.Delay))
}

// Inject puts the rule on the link.
func (m *SlowClose) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return shape(ctx, p, f, gameday.LinkRule{Direction: gameday.Both, SlowClose: m.Delay})
}

// Verify does not know.
func (m *SlowClose) Verify(context.Context, gameday.Platform, gameday.Fault) (gameday.Evidence, error) {
	return unknown("round trips are over before the end of their connection is held back"), nil
}

// Heal takes the rule off.
func (m *SlowClose) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}
