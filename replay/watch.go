package replay

import (
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// An Answered is one sent request and what came of it, for whoever looks at answers. Its receiver owns it.
type Answered struct {
	ID     [2]uint64     // the same for the same request of every run with one tape, plan and seed
	At     time.Duration // due
	Flow   string
	Method string
	Path   string // recorded, without the query
	Trace  string

	Exchange  *Exchange // that the request was made of; shared, so not to be changed
	Recorded  *Response // of it; nil when none was seen
	ShapeOnly bool      // of the recording only the status is real

	Class  gameday.Class
	Status int    // 0 without an answer
	Header Header // with its body still in its content coding
	Body   []byte // up to 256 KiB of it
	Size   int64  // of all of it

	Sent    time.Time     // first byte of the request
	Service time.Duration // from then to the last byte of the answer

	Live   map[string]string // by recorded value: what took its place in the session so far
	Suffix string            // of the names of users, in copies of a session
}

// watch tells whoever looks at answers about the end of x. What was pressed again is not looked at a second time.
func (p *Player) watch(x *shot, o outcome, class gameday.Class, done time.Duration) {
	if x.req.watched == nil || x.attempt > 0 {
		return
	}
	a := &Answered{
		ID: x.trace, At: x.due, Flow: p.routes.flows[x.req.flow].Name, Method: x.req.method, Path: x.req.path, Trace: x.trace.id(),
		Exchange: x.req.watched, Recorded: x.req.watched.Response, ShapeOnly: x.req.watched.ShapeOnly, Class: class,
		Live: x.sess.bound.live.byRecorded(), Suffix: x.sess.who.suffix, Sent: p.start.Add(x.sent), Service: done - x.sent,
	}
	if o.err == nil {
		a.Status, a.Header, a.Body, a.Size = o.answer.status, o.answer.header, o.answer.body, o.answer.size
	}
	if m := p.config.Middleware; m != nil && o.err == nil && !x.sess.copied {
		shown := *a
		m.Answer(&shown)
	}
	if p.config.Watch != nil {
		p.config.Watch(a)
	}
}

// Decoded returns a body without its content coding, up to 256 KiB of it; nil when it is broken. Only gzip is undone.
func Decoded(h Header, body []byte) []byte { return unzip(h, body) }
