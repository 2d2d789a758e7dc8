package capture

import (
	"fmt"
	"reflect"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// count keeps the books of a parcel that is lost. The caller holds the lock.
func (q *queue) count(e parcel, cause string) {
	if e.m != nil {
		q.counts.MessagesLost.Count(cause, 1)
		return
	}
	if e.talk != nil {
		e.talk.out.Store(true)
	}
	q.counts.Lost.Count(cause, 1)
	if cause != LostClosed && cause != LostWrite && cause != LostRedaction {
		q.gap(cause, e.x.At)
	}
}

// gap widens the gap record of a cause. The caller holds the lock.
func (q *queue) gap(cause string, at time.Duration) {
	g := q.gaps[cause]
	if g == nil {
		g = &replay.Gap{From: at, To: at, Cause: cause}
		q.gaps[cause] = g
	}
	g.From, g.To = min(g.From, at), max(g.To, at)
	g.Lost++
}

// lose counts an exchange of which nothing was kept.
func (q *queue) lose(cause string, at time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Lost.Count(cause, 1)
	q.gap(cause, at)
}

// loseMessage counts a message of which nothing was kept.
func (q *queue) loseMessage(cause string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.MessagesLost.Count(cause, 1)
}

func (q *queue) filtered(rule string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Filtered.Count(rule, 1)
}

// sampledOut counts an exchange whose session is left out.
func (q *queue) sampledOut(at time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leaveOut(at)
}

// leaveOut is sampledOut for a caller that holds the lock.
func (q *queue) leaveOut(at time.Duration) {
	q.counts.Sampled++
	q.span.Out++
	q.span.To = max(q.span.To, at)
}

// sample notes that from now on another share of the sessions is taken; why is empty when that was asked for.
func (q *queue) sample(share float64, why string, now time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.endSpan()
	q.span = replay.SampledSpan{From: now, To: now, Share: share, Why: why}
}

// endSpan takes the span under way to the books, if anything was left out in it; where a budget asked for it, as a gap of
// the tape, too. The caller holds the lock.
func (q *queue) endSpan() {
	s := q.span
	q.span.Out = 0
	if s.Out == 0 {
		return
	}
	q.counts.Sample(s)
	if s.Why != "" {
		q.notes = append(q.notes, replay.Gap{
			From: s.From, To: s.To, Lost: s.Out, Cause: fmt.Sprintf("sampled down to %.1f %% of the sessions: %s", 100*s.Share, s.Why),
		})
	}
}

// miss counts what a gap says is lost, and keeps the gap for the books.
func (q *queue) miss(g replay.Gap) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Lost.Count(g.Cause, g.Lost)
	for i := len(q.notes) - 1; i >= 0; i-- {
		last := &q.notes[i]
		if last.Cause == g.Cause && (g.From-last.To < gapJoin || len(q.notes) >= notesMax) {
			last.From, last.To, last.Lost = min(last.From, g.From), max(last.To, g.To), last.Lost+g.Lost
			return
		}
	}
	q.notes = append(q.notes, g)
}

// Gaps of one cause that lie closer together than gapJoin are one, and so are all of one cause when notesMax wait for the
// books: under heavy loss the tape must not fill with notes about it.
const (
	gapJoin  = time.Second
	notesMax = 1024
)

// ledger returns a copy of the counts.
func (q *queue) ledger() replay.Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.counts.Clone()
	if q.span.Out > 0 {
		c.Sample(q.span)
	}
	q.late(&c)
	return c
}

// failed keeps the first error. The caller holds the lock.
func (q *queue) failed(err error) {
	if q.err == nil {
		q.err = err
	}
}

// keepBooks hands the ledger to a recorder that keeps one, when it changed.
func (q *queue) keepBooks(last *replay.Counts) {
	books, ok := q.recorder.(replay.Bookkeeper)
	if !ok {
		return
	}
	var err error
	for _, g := range q.takeGaps() {
		if err == nil {
			err = books.Gap(g)
		}
	}
	if now := q.ledger(); err == nil && !reflect.DeepEqual(now, *last) {
		*last = now
		err = books.Account(q.o.Source, now)
	}
	if err != nil {
		q.mu.Lock()
		q.failed(err)
		q.mu.Unlock()
	}
}

func (q *queue) takeGaps() []replay.Gap {
	q.mu.Lock()
	defer q.mu.Unlock()
	gaps := q.notes
	q.notes = nil
	for cause, g := range q.gaps {
		gaps = append(gaps, *g)
		delete(q.gaps, cause)
	}
	return gaps
}
