package replay

import (
	"context"
	"slices"
	"time"
)

// maxSleep bounds how long the dispatcher does not look for new shots.
const maxSleep = 5 * time.Millisecond

// post hands shots to the dispatcher.
func (p *Player) post(shots []*shot) {
	p.mu.Lock()
	p.inbox = append(p.inbox, shots...)
	p.mu.Unlock()
}

// pressAgain has a failed shot sent once more, as a user presses again.
func (p *Player) pressAgain(s *shot, now time.Duration) {
	s.due = now + p.config.Traffic.RetryGap.Std()
	p.post([]*shot{s})
}

// dispatch gives each shot to the engine when it is due, on a thread of its own, until every one has ended or ctx
// does. It never waits for an answer.
func (p *Player) dispatch(ctx context.Context) {
	clock := newClock(p.start)
	var due queue[*shot]
	var spare []*shot
	for ctx.Err() == nil {
		p.mu.Lock()
		p.inbox, spare = spare[:0], p.inbox
		p.mu.Unlock()
		for _, s := range spare {
			due.push(s)
		}
		fed, now := time.Duration(p.fed.Load()), clock.now()
		for len(due) > 0 && due[0].due <= now {
			s := due.pop()
			p.fire(s, now)
			now = clock.now()
		}
		p.done.Store(int64(min(now, fed)))
		if len(due) == 0 && p.over(fed, now) {
			return
		}
		wait := maxSleep
		if len(due) > 0 {
			wait = min(wait, due[0].due-now)
		}
		clock.sleep(wait)
	}
	p.engine.stop()
	p.mu.Lock()
	left := append(slices.Clone(due), p.inbox...)
	p.mu.Unlock()
	for _, s := range left {
		if s.attempt > 0 {
			p.engine.abandon(s)
		}
	}
}

func (p *Player) fire(s *shot, now time.Duration) {
	p.lag.observe(now - s.due)
	if s.req.skip == "" && s.attempt == 0 {
		p.rates.due(s.req.flow)
	}
	p.engine.take(s)
}

// over reports whether nothing is left to be sent or to be waited for.
func (p *Player) over(fed, now time.Duration) bool {
	if fed < 1<<62 || now < p.config.Phases.Total().Std() || p.ledger.pending() > 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.inbox) == 0
}
