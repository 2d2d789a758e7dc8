package replay

import (
	"context"
	"slices"
	"time"
)

// maxBatch bounds the requests that are handed over together.
const maxBatch = 512

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

// near reports whether a request is due before the horizon, or there.
func (f *feed) near(horizon time.Duration) bool {
	return f.pending.len() > 0 && f.pending.first().due+f.cap.stretched() <= horizon
}

// handOver makes shots of everything due before the horizon, as there is room for them. Once ctx has ended, it waits for none.
func (f *feed) handOver(ctx context.Context, horizon time.Duration) {
	for f.near(horizon) {
		f.await(ctx)
		for len(f.batch) < maxBatch && f.near(horizon) {
			if s := f.shot(f.pending.pop()); s != nil {
				f.batch = append(f.batch, s)
			}
		}
		if len(f.batch) > 0 {
			f.out(f.batch)
		}
		clear(f.batch)
		f.batch = f.batch[:0]
	}
	f.fed(f.detour.bound(horizon))
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
	number := v.numbers.number(v.sent).sum()
	s := newShot()
	s.think = p.think
	s.lines = p.lines
	s.due, s.seq, s.req, s.sess, s.trace = p.due, f.seq, p.req, v.sess, trace{number, mix(number)}
	return s
}
