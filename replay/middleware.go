package replay

import (
	"context"
	"errors"
	"strconv"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// A Middleware is shown every request of a tape shortly before it is due, and every answer. What it gives back is sent in
// place of what it was shown; what it does not give back is not sent.
type Middleware interface {
	// Show hands over an exchange, which is the middleware's until it comes back, before until at the latest. It does
	// not block: cause says why the exchange is not taken, and is empty when it is.
	Show(x *Exchange, until time.Time) (cause string)
	// Back yields what was shown, each once and in no particular order, and what was added. It is closed when
	// nothing comes back any more.
	Back() <-chan Shown
	// Answer shows how a request was answered. It does not block, and owns a.
	Answer(a *Answered)
	// Account adds what only the middleware knows.
	Account(d *gameday.Detour)
}

// Shown is what became of an exchange in a Middleware.
type Shown struct {
	X     *Exchange // the one that was shown, changed by the middleware
	Cause string    // why it did not come back; X is as it was then
	Added bool      // X is one more, which was never shown
}

// Causes for which an exchange does not come back from a Middleware.
const (
	KeptByMiddleware  = "kept by middleware"    // it did not give it back in time: what it leaves out, it keeps
	MiddlewareSlow    = "middleware too slow"   // it does not read as fast as requests are due
	MiddlewareGarbled = "garbled by middleware" // what it gave back is no message of HTTP/1
	MiddlewareEnded   = "middleware ended"
)

// Distances of a middleware, in time.
const (
	leadShown = 10 * time.Millisecond // how far ahead of its due time a request is shown: what it knows of answers is younger
	backLate  = time.Millisecond      // what comes back so long after its due time is late
)

// errMiddlewareEnded is the end of a replay whose middleware has left.
var errMiddlewareEnded = errors.New("the middleware has ended, and what it does not give back is not sent")

// A detour takes the exchanges of a feed through a middleware. Its nil value leads nowhere.
type detour struct {
	m       Middleware
	timeout time.Duration
	start   func() time.Time // wall time of offset zero
	out     map[*Exchange]*errand
	line    []*errand // in the order of their due times; those that are back are left out from the front
	ended   bool
	account gameday.Detour
}

// An errand is an exchange under way.
type errand struct {
	due   time.Duration
	trail *trail
	back  bool
}

func newDetour(m Middleware, timeout time.Duration, start func() time.Time) *detour {
	if m == nil {
		return nil
	}
	return &detour{m: m, timeout: timeout, start: start, out: make(map[*Exchange]*errand)}
}

// show sends an exchange on its way, or says why it cannot be.
func (d *detour) show(x *Exchange, t *trail, due time.Duration) (cause string) {
	d.account.Shown++
	if cause = d.m.Show(x, d.start().Add(due+d.timeout)); cause == "" {
		e := &errand{due: due, trail: t}
		d.out[x] = e
		d.line = append(d.line, e)
	}
	return cause
}

// arrive returns the errand of what has come back at that time; nil for what was added.
func (d *detour) arrive(s Shown, now time.Duration) *errand {
	e := d.out[s.X]
	if e == nil {
		d.account.Added++
		return nil
	}
	delete(d.out, s.X)
	e.back = true
	for len(d.line) > 0 && d.line[0].back {
		d.line = d.line[1:]
	}
	if s.Cause != "" {
		return e
	}
	d.account.Returned++
	if late := now - e.due; late > backLate {
		d.account.Late++
		d.account.LateMax = max(d.account.LateMax, gameday.Duration(late))
	}
	return e
}

// busy reports whether something may still come back that is waited for.
func (d *detour) busy() bool { return d != nil && len(d.out) > 0 && !d.ended }

// returns yields what comes back; nothing, ever, without a middleware.
func (d *detour) returns() <-chan Shown {
	if d == nil || d.ended {
		return nil
	}
	return d.m.Back()
}

// bound lowers a time to that before which nothing is under way.
func (d *detour) bound(until time.Duration) time.Duration {
	if d == nil || len(d.line) == 0 {
		return until
	}
	return min(until, d.line[0].due)
}

// err is the end of the replay when the middleware has ended before it.
func (d *detour) err() error {
	if d != nil && d.ended {
		return errMiddlewareEnded
	}
	return nil
}

// report returns the account; nil without a middleware.
func (d *detour) report() *gameday.Detour {
	if d == nil {
		return nil
	}
	account := d.account
	d.m.Account(&account)
	return &account
}

// take plans the request of x, by way of the middleware if there is one.
func (f *feed) take(ctx context.Context, x *Exchange, due time.Duration) {
	t := f.trail(x)
	f.hit(t, 1)
	if f.detour == nil {
		f.exchange(t, x, due, "")
		return
	}
	talk := begins(x)
	if cause := f.detour.show(x, t, due); cause != "" {
		f.exchange(t, x, due, cause)
	} else if talk {
		f.expect(ctx, x, due)
	}
}

// expect waits until an exchange that begins a conversation is back, whose messages come next on the tape; at most until it
// is due.
func (f *feed) expect(ctx context.Context, x *Exchange, due time.Duration) {
	patience := time.NewTimer(due - f.now())
	defer patience.Stop()
	for f.detour.out[x] != nil {
		select {
		case s, open := <-f.detour.returns():
			f.receive(s, open)
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// hit counts requests of every voice of a session for the shape of the schedule.
func (f *feed) hit(t *trail, n int) {
	if f.plan.arrivals == nil {
		return
	}
	for _, v := range t.voices {
		if v.by == nil {
			f.plan.arrivals.hits += n
		}
	}
}

// receive plans what the middleware has given back so far, s first; open is false when that was all.
func (f *feed) receive(s Shown, open bool) {
	for open {
		f.received(s)
		select {
		case s, open = <-f.detour.returns():
		default:
			return
		}
	}
	f.detour.ended = true
}

// received plans one request that the middleware gave back, kept, or added.
func (f *feed) received(s Shown) {
	e := f.detour.arrive(s, f.now())
	if e == nil {
		s.X.Session, s.X.At = "added-"+strconv.FormatInt(f.detour.account.Added, 10), f.lastAt
		e = &errand{due: max(f.now(), f.horizon), trail: f.trail(s.X)}
		f.hit(e.trail, 1)
	}
	if s.Cause == "" && f.rules.prepare(s.X) != "" {
		f.hit(e.trail, -1) // the next one takes its place in the schedule
		return
	}
	f.exchange(e.trail, s.X, e.due, s.Cause)
}
