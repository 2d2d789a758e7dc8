package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/metrics"
)

// reachRemote asks the plan's remote Prometheus, if it has one, whether it answers at all: without it a run could
// only end INCONCLUSIVE.
func reachRemote(ctx context.Context, plan gameday.Plan) error {
	if plan.Metrics.Remote == "" {
		return nil
	}
	remote, err := metrics.NewRemote(plan.Metrics.Remote, time.Now(), nil)
	if err != nil {
		return err
	}
	if _, err := remote.Range(ctx, "vector(1)", 0, 0, 0); err != nil {
		return fmt.Errorf("nothing was run: %w", err)
	}
	return nil
}
