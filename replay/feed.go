package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// Lead is how far ahead of its due time a request is made ready. A run that starts so much in the future has its first
// requests ready too.
const Lead = 200 * time.Millisecond

// The distances of the feed, in time.
const (
	leadFar  = 5 * time.Second       // the same where answers that come sooner than recorded bring requests forward
	soon     = 20 * time.Millisecond // the least of that, for what a surge adds
	jitter   = time.Second           // copies of a session start up to so much later
	forgetIn = 2 * time.Minute       // a session without a request for so long, on the tape, has ended
	fadeIn   = 20 * time.Second      // and is not worth copying from its start after so long
	poll     = 20 * time.Millisecond
)

// The limits of what is kept of a recorded session.
const (
	maxHistory  = 32 // requests
	maxSessions = 50_000
	maxBatch    = 512 // requests that are handed over together
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
	cap     *governor
	lead    time.Duration // how far ahead of its due time a request is made ready
	backlog *backlog      // of what was handed over; may be nil
	steady  bool          // no surge will come
	out     func([]*shot)
	fed     func(time.Duration) // everything due before that has been handed over

	books    *books                  // of messages
	scripts  map[uint64]*script      // of the conversations of this pass, by the number of their exchange
	complete atomic.Pointer[float64] // share of what was to be captured that is on the tape; nil when not known
	source   Source
	pass     int           // how often the tape has started, from 0
	base     time.Duration // due time of the tape's zero in this pass
	lastAt   time.Duration // of the newest exchange
	count    int           // of exchanges in this pass
	shapes   int64         // exchanges of all passes of which the tape has the shape only
	trails   map[string]*trail
	pending  queue[pending]
	seq      uint64
	surging  []*surge
	ended    bool          // the tape ended before the planned length
	horizon  time.Duration // what is due before it is near enough
}

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

// due returns when an exchange recorded at the offset is due.
func (p plan) due(base, at time.Duration) time.Duration {
	return base + time.Duration(float64(at-p.start)/p.speed)
}

// A trail is what the feed knows of one recorded session in this pass.
type trail struct {
	name    string
	single  bool // an exchange of which nobody knows who sent it
	lesson  lesson
	voices  []*voice
	history []step
	last    time.Duration // on the tape
	ended   time.Duration // the request before, on the tape
	made    int           // copies, for their names
}

// inProgress guesses whether the session has not ended: it has not been silent for twice its usual gap.
func (t *trail) inProgress(at time.Duration) bool {
	gap := time.Second
	if n := len(t.history); n > 1 {
		gap = (t.history[n-1].at - t.history[0].at) / time.Duration(n-1)
	}
	return len(t.history) > 0 && at-t.last < 2*gap
}

// think returns how long after the end of the request before it x was sent, at the speed of the plan. It takes note of the
// end of x.
func (t *trail) think(x *Exchange, speed float64) time.Duration {
	pause := max(0, x.At-t.ended)
	t.ended = x.At + x.Upload
	if x.Response != nil {
		t.ended = max(t.ended, x.At+x.Response.Duration)
	}
	return time.Duration(float64(pause) / speed)
}

// A step is one request of a recorded session.
type step struct {
	at, due time.Duration
	think   time.Duration // since the answer before
	req     *request
}

// A voice is the recorded session itself, or a copy of it.
type voice struct {
	sess    *session
	shift   time.Duration // of all its due times
	by      *surge        // that made it; nil for those of the plan
	muted   bool
	thinned bool // left out by the cap
	sent    int
}

// pending is a request of a voice that has no shot yet.
type pending struct {
	due   time.Duration
	think time.Duration
	seq   uint64
	req   *request
	voice *voice
	lines *follower // of the conversation that it begins
}

func (p pending) before(q pending) bool { return p.due < q.due || p.due == q.due && p.seq < q.seq }

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
		due := f.plan.due(f.base, x.At)
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

// await waits until there is room for more shots, or ctx ends, and meanwhile plans what the middleware gives back: or what it
// says would wait, and its requests be late.
func (f *feed) await(ctx context.Context) {
	for f.backlog.full() && ctx.Err() == nil {
		select {
		case <-f.backlog.room:
		case s, open := <-f.detour.returns():
			f.receive(s, open)
		case <-ctx.Done():
		}
	}
}

// handOver makes shots of everything due before the horizon, as there is room for them. Once ctx has ended, it waits for none.
func (f *feed) handOver(ctx context.Context, horizon time.Duration) {
	for f.near(horizon) {
		f.await(ctx)
		var shots []*shot
		for len(shots) < maxBatch && f.near(horizon) {
			if s := f.shot(f.pending.pop()); s != nil {
				shots = append(shots, s)
			}
		}
		if len(shots) > 0 {
			f.out(shots)
		}
	}
	f.fed(f.detour.bound(horizon))
}

// near reports whether a request is due before the horizon, or there.
func (f *feed) near(horizon time.Duration) bool {
	return f.pending.len() > 0 && f.pending.first().due+f.cap.stretched() <= horizon
}

func (f *feed) shot(p pending) *shot {
	v := p.voice
	if v.muted || v.by != nil && !slices.Contains(f.surging, v.by) || f.ends(p.due) {
		p.lines.leave("")
		return nil
	}
	if !v.thinned {
		p.due = f.cap.slow(p.due)
	}
	f.seq++
	v.sent++
	number := hash(f.seed, v.sess.name, strconv.Itoa(v.sent))
	s := newShot()
	s.think = p.think
	s.lines = p.lines
	s.due, s.seq, s.req, s.sess, s.trace = p.due, f.seq, p.req, v.sess, trace{number, mix(number)}
	return s
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
}

// add plans a request of a voice, so much later than the step says. What a session sends that is left out by the cap is
// accounted for, and not sent.
func (f *feed) add(s step, shift time.Duration, v *voice) {
	f.seq++
	due := s.due + shift
	f.cap.plan(due, v.thinned)
	if v.thinned {
		left := *s.req
		left.skip = skipCapped
		s.req = &left
	}
	p := pending{due: due, think: s.think, seq: f.seq, req: s.req, voice: v}
	if s.req.script != nil {
		p.lines = s.req.script.follow()
	}
	f.pending.push(p)
}

// copyRequest adds what surges of a single flow make of one request of a voice: requests in sessions of their
// own, which know what the voice's session was told.
func (f *feed) copyRequest(t *trail, v *voice, s step) {
	for _, h := range f.surging {
		if h.flow == "" || h.factor <= 1 || f.editor.routes.flows[s.req.flow].Name != h.flow || v.by != nil && v.by.flow != "" {
			continue
		}
		number := strconv.Itoa(v.sent)
		for range copies(h.factor-1, hash(f.seed, "surge", h.grip.Fault, v.sess.name, number, strconv.FormatUint(f.seq, 10))) {
			c := f.voice(t, h)
			c.sess.bound = v.sess.bound
			f.add(s, v.shift+f.jitter(c)/4, c)
		}
	}
}

// trail returns the trail of x's session, with its voices. An exchange without a session is one of its own.
func (f *feed) trail(x *Exchange) *trail {
	if f.count%4096 == 0 || len(f.trails) >= maxSessions {
		f.forget(x.At)
	}
	name := x.Session
	if name == "" {
		name = "request-" + strconv.Itoa(f.count)
	}
	t, ok := f.trails[name]
	if !ok {
		name = strings.Clone(name) // or it would hold the record that it stands in
		t = &trail{name: name, single: x.Session == ""}
		f.begin(t)
		if x.Session != "" {
			f.trails[name] = t
		}
	}
	t.last = x.At
	return t
}

// begin gives a session that starts now its voices.
func (f *feed) begin(t *trail) {
	for i := range copies(f.plan.amplify, hash(f.seed, "copies", t.name, strconv.Itoa(f.pass))) {
		v := f.voice(t, nil)
		if i > 0 {
			v.shift = f.jitter(v)
		}
		t.voices = append(t.voices, v)
	}
	for _, h := range f.surging {
		if h.flow != "" {
			continue
		}
		f.mute(t, h)
		for range f.surplus(t, h) {
			v := f.voice(t, h)
			v.shift = f.jitter(v)
			t.voices = append(t.voices, v)
		}
	}
}

// surplus returns how many copies a surge adds to a session.
func (f *feed) surplus(t *trail, h *surge) int {
	return copies(max(0, f.plan.amplify*(h.factor-1)), hash(f.seed, "surge", h.grip.Fault, t.name, strconv.Itoa(f.pass)))
}

// mute silences the share of a session's voices that a surge below 1 takes away.
func (f *feed) mute(t *trail, h *surge) {
	for _, v := range t.voices {
		v.muted = v.muted || share(hash(f.seed, "mute", h.grip.Fault, v.sess.name)) >= h.factor
	}
}

// voice makes the next voice of a session. The first one of the first pass is the recorded session itself.
func (f *feed) voice(t *trail, by *surge) *voice {
	t.made++
	suffix := ""
	if f.pass > 0 {
		suffix = "-p" + strconv.Itoa(f.pass+1)
	}
	if t.made > 1 || by != nil {
		suffix += "-c" + strconv.Itoa(max(t.made, 2))
	}
	name := t.name + suffix
	return &voice{by: by, thinned: f.cap.thins(name), sess: &session{
		name: name, single: t.single, copied: t.made > 1 || by != nil, home: hash(0, t.name), who: identity{suffix, hash(f.keys, name)}, bound: &bindings{},
	}}
}

func (f *feed) jitter(v *voice) time.Duration {
	return time.Duration(share(hash(f.seed, "jitter", v.sess.name)) * float64(jitter) / f.plan.speed)
}

// watchSurges follows the surges that began or ended. One that begins copies the sessions in progress: each copy
// starts at the session's start and plays what the session has sent so far. A session that is as old as a uniform
// share of its length then has a copy for just that share, so that old sessions' copies end at the rate at which
// those of new sessions begin, and the load is a step.
func (f *feed) watchSurges() {
	active := f.surges.active()
	if slices.Equal(active, f.surging) {
		return
	}
	before := f.surging
	f.surging = active
	for _, h := range active {
		if h.flow != "" || slices.Contains(before, h) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(f.trails)) {
			t := f.trails[name]
			f.mute(t, h)
			if !t.inProgress(f.lastAt) {
				continue
			}
			for range f.surplus(t, h) {
				f.replayHistory(t, f.voice(t, h))
			}
		}
	}
}

func (f *feed) replayHistory(t *trail, v *voice) {
	shift := f.now() + soon + f.jitter(v)/4 - t.history[0].due - f.cap.stretched()
	for _, s := range t.history {
		f.add(s, shift, v)
	}
}

// forget drops the sessions that have ended; when there are too many, the sooner.
func (f *feed) forget(at time.Duration) {
	for _, t := range f.trails {
		if at-t.last > fadeIn {
			t.history = nil
		}
	}
	for idle := forgetIn; ; idle /= 2 {
		maps.DeleteFunc(f.trails, func(_ string, t *trail) bool { return at-t.last >= idle })
		if len(f.trails) < maxSessions {
			return
		}
	}
}
