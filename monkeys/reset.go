package monkeys

import (
	"context"

	"github.com/gameday-dev/gameday"
)

// Reset lets connections be made and then breaks each with a TCP reset after the first bytes: what a crashing
// callee or an impatient middlebox looks like to its callers.
//
// In effect: none of five round trips comes back. Gone: all do.
type Reset struct{}

var _ gameday.Monkey = (*Reset)(nil)

// Prepare measures the link as it is.
func (m *Reset) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	return prepareLink(ctx, p, t, travel, m, "cut", "reset connections after the first bytes")
}

// Inject puts the rule on the link.
func (m *Reset) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return shape(ctx, p, f, gameday.LinkRule{Direction: gameday.Both, Reset: true})
}

// Verify sends round trips.
func (m *Reset) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	return verifyUnreachable(ctx, p, f)
}

// Heal takes the rule off.
func (m *Reset) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}
