package monkeys

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gameday-dev/gameday"
)

// Surge multiplies the replayed load. Without a flow whole sessions are copied, each with an identity of its
// own; with one, only the requests of that flow are. A factor below 1 thins the load.
//
// In effect: the load says that the factor is in force, and the rate really sent moved at least half of the way
// that the factor promises (with a flow: moved at all). Gone: the factor of before is in force again.
type Surge struct {
	Factor float64 `json:"factor"`         // more than 0, and not 1
	Flow   string  `json:"flow,omitempty"` // all when empty
}

var _ gameday.Monkey = (*Surge)(nil)

// offered is the load as it was or is.
type offered struct {
	Factor float64 `json:"factor"`
	Rate   float64 `json:"rate"` // requests per second
}

// Prepare reads the load as it is.
func (m *Surge) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if m.Factor <= 0 || m.Factor == 1 || math.IsInf(m.Factor, 0) || math.IsNaN(m.Factor) {
		return gameday.Fault{}, errors.New("surge: factor must be more than 0 and not 1, such as 10")
	}
	if err := wants(gameday.KindTraffic, t); err != nil {
		return gameday.Fault{}, err
	}
	before, err := readOffered(ctx, p)
	if err != nil {
		return gameday.Fault{}, err
	}
	what := "all flows"
	if m.Flow != "" {
		what = "flow " + m.Flow
	}
	summary := fmt.Sprintf("offer %g times the load of %s; it goes back to %g times at the end", m.Factor, what, before.Factor)
	return fault(m, t, before, summary, "traffic surge")
}

// Inject sets the factor.
func (m *Surge) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	surger, err := able[gameday.Surger](p, "surge")
	if err != nil {
		return err
	}
	return surger.Surge(ctx, m.Factor, m.Flow, f.Grip())
}

// Verify reads the factor in force and the rate that is sent.
func (m *Surge) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	before, err := readBefore[offered](f)
	if err != nil {
		return gameday.Evidence{}, err
	}
	now, err := readOffered(ctx, p)
	if err != nil {
		return gameday.Evidence{}, err
	}
	evidence := gameday.Evidence{
		What:     fmt.Sprintf("%.0f requests per second after %.0f, factor %g", now.Rate, before.Rate, now.Factor),
		Measured: map[string]float64{"factor": now.Factor, "rate": now.Rate, "rate_before": before.Rate},
	}
	switch {
	case math.Abs(now.Factor-before.Factor) < 1e-6:
		evidence.Effect = gameday.Gone
	case m.moved(before.Rate, now.Rate):
		evidence.Effect = gameday.InEffect
	}
	return evidence, nil
}

// Heal takes the factor back.
func (m *Surge) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}

func (m *Surge) moved(before, now float64) bool {
	share := 0.5
	if m.Flow != "" {
		share = 0 // how much of the load is this flow is not known here
	}
	bound := before * (1 + share*(m.Factor-1))
	if m.Factor > 1 {
		return now > bound
	}
	return now < bound
}

func readOffered(ctx context.Context, p gameday.Platform) (offered, error) {
	surger, err := able[gameday.Surger](p, "surge")
	if err != nil {
		return offered{}, err
	}
	factor, rate, err := surger.Offered(ctx)
	if err != nil {
		return offered{}, fmt.Errorf("read the offered load: %w", err)
	}
	return offered{Factor: factor, Rate: rate}, nil
}
