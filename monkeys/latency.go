package monkeys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gameday-dev/gameday"
)

// latencyBand is how far a round trip may stay above what it took before and still count as healed, beside a
// quarter of the added delay: the noise of a busy host, not of the network.
const latencyBand = 5 * time.Millisecond

// Latency slows a link down: it is the Latency Monkey. Each piece of data waits for Delay, give or take
// Jitter, in connections that are already open too. By default answers are held back, so that a round trip
// takes Delay longer; with direction "both" it takes twice as much longer.
//
// In effect: the median of five round trips is up by at least half of what was added. Gone: it is back within
// a quarter of that, or 5ms, of what it was before.
type Latency struct {
	Delay     gameday.Duration  `json:"delay"`               // more than 0
	Jitter    gameday.Duration  `json:"jitter,omitempty"`    // 0 to Delay: uniform on both sides of Delay, by seed
	Direction gameday.Direction `json:"direction,omitempty"` // request, response (the default) or both
}

var _ gameday.Monkey = (*Latency)(nil)

// Prepare measures the link as it is.
func (m *Latency) Prepare(ctx context.Context, p gameday.Platform, t gameday.Target) (gameday.Fault, error) {
	if err := m.check(); err != nil {
		return gameday.Fault{}, err
	}
	return prepareLink(ctx, p, t, travel, m, "latency", fmt.Sprintf("add %s ±%s (%s)", m.Delay, m.Jitter, m.direction()))
}

// Inject adds the delay.
func (m *Latency) Inject(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return shape(ctx, p, f, gameday.LinkRule{Direction: m.direction(), Latency: m.Delay, Jitter: m.Jitter})
}

// Verify compares round trips with those before.
func (m *Latency) Verify(ctx context.Context, p gameday.Platform, f gameday.Fault) (gameday.Evidence, error) {
	before, err := readBefore[trips](f)
	if err != nil {
		return gameday.Evidence{}, err
	}
	if !before.usable() {
		return unknown("the link could not be measured before the fault (%s)", before), nil
	}
	added := m.added()
	now, err := travel(ctx, p, f.Target, before.Median.Std()+2*added+tripPatience)
	if err != nil {
		return gameday.Evidence{}, err
	}
	return slower(before, now, added), nil
}

// Heal takes the delay off.
func (m *Latency) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return letGo(ctx, p, f)
}

func (m *Latency) check() error {
	if m.Delay <= 0 {
		return errors.New("latency: delay must be more than 0, such as 200ms")
	}
	if m.Jitter < 0 || m.Jitter > m.Delay {
		return fmt.Errorf("latency: jitter %s must lie between 0 and the delay of %s", m.Jitter, m.Delay)
	}
	if err := checkDirection(m.Direction); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	return nil
}

func (m *Latency) direction() gameday.Direction {
	if m.Direction == "" {
		return gameday.Response
	}
	return m.Direction
}

// added is what a round trip should take longer.
func (m *Latency) added() time.Duration {
	if m.direction() == gameday.Both {
		return 2 * m.Delay.Std()
	}
	return m.Delay.Std()
}
