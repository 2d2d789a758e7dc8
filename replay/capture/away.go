package capture

import (
	"fmt"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// awayMax is how long a capture waits for an exchange that its middleware was shown: nobody waits for the capture.
const awayMax = 30 * time.Second

// An absence is an exchange that is with the middleware, and what was said in its conversation meanwhile.
type absence struct {
	parcel
	said []parcel
}

// show gives a parcel to the middleware. It belongs to the recording goroutine again when it comes back.
func (q *queue) show(e parcel) (cause string) {
	if cause = q.o.Middleware.Show(e.x, time.Now().Add(awayMax)); cause != "" {
		return cause
	}
	a := &absence{parcel: e}
	q.away[e.x] = a
	if e.talk != nil {
		e.talk.away = a
	}
	return ""
}

// returns yields what comes back from the middleware; nothing, ever, without one.
func (q *queue) returns() <-chan replay.Shown {
	if q.o.Middleware == nil {
		return nil
	}
	return q.o.Middleware.Back()
}

// returned records what came back, or counts why it did not. What the middleware made itself is redacted like the rest.
func (q *queue) returned(s replay.Shown) {
	a := q.away[s.X]
	delete(q.away, s.X)
	if a == nil {
		q.added++
		s.X.Seq = addedSeq + q.added
		s.X.Session = q.sessions.name(s.X)
		a = &absence{parcel: parcel{x: s.X, truncated: s.X.Truncated()}}
	}
	f := fate{lost: s.Cause}
	if s.Cause == replay.KeptByMiddleware {
		f = fate{rule: s.Cause} // which is how it leaves something out
	}
	if cause := q.gate.cause(); f.stored() && cause != "" {
		f.lost = cause
	}
	if session := s.X.Session; f.stored() {
		f = q.redact(s.X)
		s.X.Session = session // it is no secret any more
	}
	if f.stored() {
		f = q.store(s.X)
	}
	q.settle(a.parcel, f)
	q.release(a.held)
	if a.talk != nil {
		a.talk.away = nil
	}
	for _, e := range a.said {
		q.do(e)
	}
}

// addedSeq is beyond the numbers of what a capture sees.
const addedSeq = 1 << 62

// desert ends recording when the middleware has ended before the traffic, and tells of it now: the traffic goes on, maybe for
// hours.
func (q *queue) desert() {
	q.gate.shut(replay.MiddlewareEnded)
	err := errDeserted
	if how := q.dismiss(); how != nil {
		err = fmt.Errorf("%w: %w", err, how)
	}
	q.problem(err)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed(err)
}

// call waits for all that is with the middleware.
func (q *queue) call(back <-chan replay.Shown) {
	if back == nil {
		return
	}
	q.o.Middleware.Finish()
	for s := range back {
		q.returned(s)
	}
}

// dismiss ends the middleware, and returns once how it ended if not well.
func (q *queue) dismiss() (err error) {
	if m := q.o.Middleware; m != nil {
		q.dismissal.Do(func() { err = m.Close() })
	}
	return err
}

// problem tells of what is wrong with the middleware.
func (q *queue) problem(err error) {
	if tell := q.o.Middleware.o.Problem; tell != nil {
		tell(err)
	}
}

// late makes good what the middleware gave back after it was taken to have kept it: that was lost.
func (q *queue) late(c *replay.Counts) {
	if q.o.Middleware == nil {
		return
	}
	var d gameday.Detour
	q.o.Middleware.Account(&d)
	if n := min(uint64(d.Expired), c.Filtered[replay.KeptByMiddleware]); n > 0 {
		if c.Filtered[replay.KeptByMiddleware] -= n; c.Filtered[replay.KeptByMiddleware] == 0 {
			delete(c.Filtered, replay.KeptByMiddleware)
		}
		c.Lost.Count(replay.MiddlewareSlow, n)
	}
}
