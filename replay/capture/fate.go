package capture

import (
	"fmt"

	"github.com/gameday-dev/gameday/replay"
)

// A fate is what becomes of an exchange. Its zero value is that it is stored.
type fate struct {
	lost    string // cause
	err     error  // of it
	rule    string // that leaves it out
	sampled bool   // its session is left out
}

func (f fate) stored() bool { return f.lost == "" && f.rule == "" && !f.sampled }

// record reports whether it is done with a parcel.
func (q *queue) record(e parcel) bool {
	if cause := q.gate.cause(); cause != "" {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.count(e, cause)
		return true
	}
	if e.m != nil {
		if a := e.talk.away; a != nil {
			a.said = append(a.said, e)
			return false
		}
		q.message(e)
		return true
	}
	e.truncated = e.x.Truncated() || e.x.Response != nil && e.x.Response.Truncated()
	f := q.choose(e.x)
	if e.talk != nil {
		e.talk.session = e.x.Session
	}
	if f.stored() && q.o.Middleware != nil {
		if f.lost = q.show(e); f.lost == "" {
			return false
		}
	}
	if f.stored() {
		f = q.store(e.x)
	}
	q.settle(e, f)
	return true
}

// settle keeps the books of an exchange.
func (q *queue) settle(e parcel, f fate) {
	if e.talk != nil {
		e.talk.out.Store(!f.stored())
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case f.lost != "":
		q.count(e, f.lost)
		if f.err != nil {
			q.failed(f.err)
		}
		return
	case f.rule != "":
		q.counts.Filtered.Count(f.rule, 1)
		return
	case f.sampled:
		q.leaveOut(e.x.At)
		return
	}
	q.counts.Captured++
	if e.truncated {
		q.counts.Truncated++
	}
	if e.x.Response == nil || e.x.Response.Cut {
		q.counts.Cut++
	}
}

// choose filters, rewrites, redacts and names one exchange, and says whether it is to be stored.
func (q *queue) choose(x *replay.Exchange) fate {
	if q.o.Rules != nil {
		if rule := q.o.Rules.Apply(x); rule != "" {
			return fate{rule: rule}
		}
	}
	var credentials []string
	if !q.sampler.idle() { // as they come with the next request: before redaction
		credentials = []string{cookieValue(x.Header, q.sessions.Cookie), lastWord(x.Header.Get(q.sessions.Header))}
	}
	if f := q.redact(x); !f.stored() {
		return f
	}
	x.Session = q.sessions.name(x)
	chosen := x.Session
	if chosen == "" {
		chosen = fmt.Sprint(x.Seq) // nobody's: chosen by itself
	}
	return fate{sampled: !q.sampler.take(chosen, credentials...)}
}

func (q *queue) redact(x *replay.Exchange) (f fate) {
	if q.o.Redact == nil {
		return f
	}
	if err := safely(q.o.Redact, x); err != nil {
		return fate{lost: LostRedaction, err: err}
	}
	return f
}

func (q *queue) store(x *replay.Exchange) (f fate) {
	if err := q.recorder.Record(x); err != nil {
		return fate{lost: LostWrite, err: err}
	}
	return f
}

// message redacts and records one message.
func (q *queue) message(e parcel) {
	books, ok := q.recorder.(replay.Messenger)
	if !ok || e.talk.out.Load() {
		q.loseMessage(LostExchange)
		return
	}
	if !e.talk.unpack(e.m) {
		q.loseMessage(replay.LostParse)
		return
	}
	m := &e.m.Message
	if q.o.Redact != nil {
		x := &replay.Exchange{Body: m.Body, Size: m.Size} // a message is a body without a header
		if err := safely(q.o.Redact, x); err != nil {
			q.loseMessage(LostRedaction)
			return
		}
		m.Body, m.Size = x.Body, x.Size
	}
	m.Session = e.talk.session
	err := books.Message(m)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.count(e, LostWrite)
		q.failed(err)
		return
	}
	q.counts.Messages++
}

func safely(redact func(*replay.Exchange), x *replay.Exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("redact exchange %d: panic: %v", x.Seq, p)
		}
	}()
	redact(x)
	return nil
}
