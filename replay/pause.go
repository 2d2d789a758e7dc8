package replay

import (
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// pauses shortens the long ones between the requests of a schedule. Nil leaves them all.
type pauses struct {
	gameday.Closed               // what it did
	last           time.Duration // due time of the latest request
}

func newPauses(longest gameday.Duration) *pauses {
	if longest == 0 {
		return nil
	}
	return &pauses{Closed: gameday.Closed{Longest: longest}}
}

// due returns when a request is due that would be due then if no pause had been shortened. Requests come in the order of time;
// those that come a little early do not move the schedule.
func (p *pauses) due(at time.Duration) time.Duration {
	if p == nil {
		return at
	}
	at -= p.By.Std()
	if over := at - p.last - p.Longest.Std(); over > 0 {
		p.Pauses++
		p.By += gameday.Duration(over)
		at -= over
	}
	p.last = max(p.last, at)
	return at
}

// report returns what was shortened; nil when nothing may be. The feed must have ended.
func (p *pauses) report() *gameday.Closed {
	if p == nil {
		return nil
	}
	c := p.Closed
	return &c
}
