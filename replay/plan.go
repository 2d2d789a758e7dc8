package replay

import (
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// plan is what of the traffic plan concerns time and number.
type plan struct {
	speed, amplify float64
	start, end     time.Duration // offset into the tape; length of the run, 0 for the whole tape
	loop           bool
	arrivals       *arrivals // nil as recorded
}

// The paces.
const (
	paceTape  = "tape"  // requests are due as recorded
	paceThink = "think" // so long after the answer before as recorded
)

// newPlan reads a traffic plan that is valid.
func newPlan(c Config) plan {
	t := c.Traffic
	p := plan{speed: t.Speed, amplify: t.Amplify, start: t.Start.Std(), end: c.Phases.Total().Std(), loop: t.Loop}
	if shape, err := gameday.ParseShape(t.Shape); err == nil && shape.Kind != "" {
		p.arrivals = &arrivals{shape: shape}
	}
	return p
}

// due returns when an exchange recorded at the offset is due.
func (p plan) due(base, at time.Duration) time.Duration {
	return base + time.Duration(float64(at-p.start)/p.speed)
}
