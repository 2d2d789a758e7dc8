package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// Lead is how far ahead of its due time a request is made ready. A run that starts so much in the future has its first
// requests ready too.
const Lead = 200 * time.Millisecond

// The distances of the feed, in time.
const (
	leadFar = 5 * time.Second       // the same where answers that come sooner than recorded bring requests forward
	soon    = 20 * time.Millisecond // the least of that, for what a surge adds
	poll    = 20 * time.Millisecond
)

// A feed reads the tape a little ahead of time, makes the copies of its sessions, and hands over shots. Due times
// are a function of the tape, the plan and the seed alone.
type feed struct {
	plan    plan
	editor  *editor
	seed    uint64
	keys    uint64 // seed of idempotency keys: another one in every run
	open    func() (Source, error)
	rules   Rules
	now     func() time.Duration
	surges  *surges
	detour  *detour // through a middleware; nil without one
	pauses  *pauses
	cap     *governor
	lead    time.Duration       // how far ahead of its due time a request is made ready
	backlog *backlog            // of what was handed over; may be nil
	steady  bool                // no surge will come
	out     func([]*shot)       // which keeps the shots, and not the slice
	fed     func(time.Duration) // everything due before that has been handed over

	books    *books                  // of messages
	scripts  map[uint64]*script      // of the conversations of this pass, by the number of their exchange
	complete atomic.Pointer[float64] // share of what was to be captured that is on the tape; nil when not known
	source   Source
	sight    Farsighted    // the source; nil when it does not know when sessions end
	used     Recycler      // the source; nil when it takes nothing back
	pass     int           // how often the tape has started, from 0
	base     time.Duration // due time of the tape's zero in this pass
	lastAt   time.Duration // of the newest exchange
	count    int           // of exchanges in this pass
	shapes   int64         // exchanges of all passes of which the tape has the shape only
	trails   map[string]*trail
	pending  queue[pending]
	batch    []*shot // to be handed over next
	seq      uint64
	surging  []*surge
	ended    bool          // the tape ended before the planned length
	horizon  time.Duration // what is due before it is near enough
}

// leadOf returns how far ahead of its due time a request must be ready, or shown to a middleware.
func leadOf(t gameday.TrafficPlan, m Middleware) time.Duration {
	switch {
	case m != nil:
		return leadShown
	case t.Pace == paceThink:
		return leadFar
	}
	return Lead
}

// play hands over shots until the length has passed or the tape ends. It returns nil when ctx ends.
func (f *feed) play(ctx context.Context) error {
	defer f.close()
	for ctx.Err() == nil {
		x, err := f.next(ctx)
		if err != nil {
			return err
		}
		if x == nil {
			break
		}
		due := f.pauses.due(f.plan.due(f.base, x.At))
		if f.plan.arrivals != nil {
			due = f.plan.arrivals.due()
		}
		if f.ends(due) {
			break
		}
		f.advance(ctx, due)
		if f.detour.err() != nil {
			break
		}
		f.take(ctx, x, due)
	}
	return errors.Join(f.finish(ctx), f.detour.err())
}

// ends reports whether what was due then comes after the end of the run.
func (f *feed) ends(due time.Duration) bool {
	return due >= never || f.plan.end > 0 && due+f.cap.stretched() >= f.plan.end
}

// finish hands over what is left, up to the planned length.
func (f *feed) finish(ctx context.Context) error {
	for ctx.Err() == nil {
		switch {
		case f.pending.len() > 0 && !f.ends(f.pending.first().due):
			f.advance(ctx, f.pending.first().due)
		case f.detour.busy():
			select {
			case s, open := <-f.detour.returns():
				f.receive(s, open)
			case <-ctx.Done():
			}
		default:
			f.fed(math.MaxInt64)
			return nil
		}
		f.handOver(ctx, f.horizon)
	}
	f.handOver(ctx, max(f.horizon, f.now())) // what is due by now is on the record, though it is not sent any more
	return nil
}

// next returns the next exchange of the tape, which starts again at its end when the plan loops; nil after
// the last one.
func (f *feed) next(ctx context.Context) (*Exchange, error) {
	for ctx.Err() == nil {
		if f.source == nil {
			source, err := f.open()
			if err != nil {
				return nil, fmt.Errorf("open tape: %w", err)
			}
			f.audit(source)
			f.sight, _ = source.(Farsighted)
			f.used, _ = source.(Recycler)
			f.source, f.count = source, 0
			f.trails, f.scripts = make(map[string]*trail), make(map[uint64]*script)
			_, f.editor.speaks = source.(Chronicle)
			if s, ok := source.(interface{ Seek(time.Duration) error }); ok && f.plan.start > 0 {
				if err := s.Seek(f.plan.start); err != nil {
					return nil, fmt.Errorf("seek tape to %s: %w", f.plan.start, err)
				}
			}
		}
		x, m, err := f.event()
		switch {
		case err == nil && m != nil:
			if f.hear(ctx, m) {
				continue
			}
			return nil, nil
		case err == nil && (x.At < f.plan.start || f.detour == nil && f.rules.prepare(x) != ""): // else behind the detour
			f.recycle(x)
			continue
		case err == nil:
			f.count++
			if x.ShapeOnly {
				f.shapes++
			}
			f.lastAt = max(f.lastAt, x.At)
			return x, nil
		case !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read tape: %w", err)
		}
		f.close()
		if !f.plan.loop || f.count == 0 {
			f.ended = f.plan.end > 0
			return nil, nil
		}
		f.rewind()
	}
	return nil, nil
}

// audit takes note of how complete the capture is, where somebody kept accounts.
func (f *feed) audit(source Source) {
	if a, ok := source.(Audited); ok {
		if share, known := a.Ledger().Total().Completeness(); known {
			f.complete.Store(&share)
		}
	}
}

// rewind sets the next pass one mean gap behind the last exchange of this one.
func (f *feed) rewind() {
	gap := time.Millisecond
	if f.count > 1 {
		gap = max(gap, (f.lastAt-f.plan.start)/time.Duration(f.count))
	}
	f.base = f.plan.due(f.base, f.lastAt+gap)
	f.pass++
	f.lastAt = 0
}

func (f *feed) close() {
	f.hangUp()
	if c, ok := f.source.(io.Closer); ok {
		c.Close() // it was only read
	}
	f.source = nil
}

// advance waits until due is near, and meanwhile hands over what was planned before it. It works in batches: a
// request at a time would cost a wake-up each.
func (f *feed) advance(ctx context.Context, due time.Duration) {
	if f.pending.len() > maxBatch {
		f.handOver(ctx, min(due+f.cap.stretched(), f.horizon))
	}
	for due+f.cap.stretched() >= f.horizon && ctx.Err() == nil {
		f.handOver(ctx, f.horizon)
		f.watchSurges()
		now := f.now()
		late := due + f.cap.stretched()
		if f.horizon = now + f.lead; late < f.horizon {
			return
		}
		wait := time.NewTimer(min(max(late-f.horizon, poll/4), poll))
		select {
		case <-wait.C:
		case s, open := <-f.detour.returns():
			f.receive(s, open)
		case <-ctx.Done():
		}
		wait.Stop()
	}
}

// exchange plans the request of x for every voice of its session t; skip says why it is not to be sent, if it is not.
func (f *feed) exchange(t *trail, x *Exchange, due time.Duration, skip string) {
	var req *request
	if skip != "" {
		req = f.editor.outline(x, skip)
	} else {
		req = f.editor.request(x, due, &t.lesson)
	}
	f.begins(x, req, t, due)
	s := step{x.At, due, t.think(x, f.plan.speed), req}
	if !f.steady && len(t.history) < maxHistory {
		t.history = append(t.history, s)
	}
	for _, v := range t.voices {
		f.add(s, v.shift, v)
		f.copyRequest(t, v, s)
	}
	if req.watched == nil && req.script == nil {
		f.recycle(x)
	}
}

// recycle gives back an exchange that nothing holds that was made of it. A middleware may hold any.
func (f *feed) recycle(x *Exchange) {
	if f.used != nil && f.detour == nil {
		f.used.Recycle(x)
	}
}
