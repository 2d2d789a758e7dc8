package passive

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// responses is what a conn does with the stream of its server.
type responses conn

var _ sink = (*responses)(nil)

func (r *responses) head(b []byte, first place) (framing, error) {
	k := (*conn)(r)
	line := bytes.IndexByte(b, '\n')
	status, _ := statusLine(b[:line])
	fields, err := k.c.lines.header(b[line+1:])
	if err != nil {
		return framing{}, err
	}
	k.spoke = true
	if status < 200 && status != http.StatusSwitchingProtocols {
		k.interim = true
		return framing{kind: idle}, nil
	}
	e := k.match(first.offset)
	if e == nil {
		k.orphan(first)
		return replyFraming("", status, fields)
	}
	e.response = replay.Response{Status: status, Header: append(e.response.Header, fields...), FirstByte: max(time.Duration(first.at-e.began), 0)}
	e.x.Response = &e.response
	k.down = e
	return replyFraming(e.x.Method, status, fields)
}

// replyFraming says how a response ends; some have no body whatever their header says.
func replyFraming(method string, status int, h replay.Header) (framing, error) {
	switch {
	case method == http.MethodHead, status == http.StatusNoContent, status == http.StatusNotModified,
		switches(method, status):
		return framing{kind: idle}, nil
	}
	return framingOf(h, false)
}

// switches reports whether another protocol follows a response.
func switches(method string, status int) bool {
	return status == http.StatusSwitchingProtocols || method == http.MethodConnect && status/100 == 2
}

// orphan counts a response whose request is not known.
func (k *conn) orphan(first place) {
	switch {
	case k.headless || k.up == nil && k.req.underway():
		// It answers a request that has not come whole, as a server does that waited for long enough: that one is counted.
	case k.unpaired || k.unsure && len(k.waiting) > 0 && !k.gap:
		// Its request was captured, and is recorded without it.
	case !k.tcp.Opened && (k.firstAcked < 0 || first.offset < k.firstAcked):
		k.c.in.LeaveOut(RuleBefore)
	case k.gaps:
		k.c.lose(first.at, replay.LostGap)
	default:
		k.c.in.LeaveOut(RuleUnasked)
	}
}

func (r *responses) body(b []byte) {
	if e := r.down; e != nil && e.lost == "" {
		e.reply.add(r.c.in, b, r.c.bodyMax)
	}
}

func (r *responses) hole(n int64) {
	if e := r.down; e != nil {
		e.reply.miss(n)
	}
}

func (r *responses) trailer(b []byte) {
	if fields, err := r.c.lines.header(b); err == nil && r.down != nil {
		r.down.x.Response.Trailer = slices.Clone(fields)
	}
}

func (r *responses) complete() state {
	k := (*conn)(r)
	if k.interim {
		k.interim = false
		return idle
	}
	e := k.down
	if e == nil {
		return idle
	}
	if k.upgrade(e) {
		return switched
	}
	goesOn := !switches(e.x.Method, e.x.Response.Status)
	k.settle(e)
	if goesOn {
		return idle
	}
	k.req.drop()
	k.req.state = switched
	return switched
}

func (r *responses) other(b []byte) { (*conn)(r).say(true, r.res.now.at, b) }

func (r *responses) broken(place, bool) {
	k := (*conn)(r)
	k.abort()
	k.unsure = true
	k.doubt()
}

func (r *responses) malformed(error) state {
	k := (*conn)(r)
	if !k.spoke {
		k.req.drop()
		k.req.state = foreign
		return foreign
	}
	k.abort()
	k.unsure = true
	k.doubt()
	return seek
}

// abort ends the response that is being read before its end.
func (k *conn) abort() {
	k.interim = false
	if e := k.down; e != nil {
		e.x.Response.Cut = true
		k.settle(e)
	}
}
