package monkeys

import (
	"context"
	"errors"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// SlowClose holds the end of each connection back by Delay, so that callers keep connections that are over.
//
// In effect: the median of five round trips, each up to the end of its connection, is up by at least half of Delay.
// Gone: it is back within a quarter of that, or 5ms, of what it was before.
type SlowClose struct {
	Delay gameday.Duration `json:"delay"` // more than 0
}

var _ gameday.Monkey = (*SlowClose)(nil)

// Prepare measures how connections end without it.
func (m *SlowClose) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if m.Delay <= 0 {
		return gameday.Fault{}, errors.New("slow_close: delay must be more than 0, such as 2s")
	}
	return prepareLink(ctx, p, t, travelToEnd, m, "slow_close", fmt.Sprintf("hold the end of connections back by %s", m.Delay))
}

// Inject puts the rule on the link.
func (m *SlowClose) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return shape(ctx, p, f, gameday.LinkRule{Direction: gameday.Both, SlowClose: m.Delay})
}

// Verify compares the ends of connections with those before.
func (m *SlowClose) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	before, err := readBefore[trips](f)
	if err != nil {
		return gameday.Evidence{}, err
	}
	if !before.usable() {
		return unknown("the end of connections could not be measured before the fault (%s)", before), nil
	}
	now, err := travelToEnd(ctx, p, f.Target, before.Median.Std()+2*m.Delay.Std()+tripPatience)
	if err != nil {
		return gameday.Evidence{}, err
	}
	return slower(before, now, m.Delay.Std()), nil
}

// Heal takes the rule off.
func (m *SlowClose) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}
