package passive

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"github.com/gameday-dev/gameday/replay"
)

var errVersion = errors.New("not HTTP/1")

// requests is what a conn does with the stream of its client.
type requests conn

var _ sink = (*requests)(nil)

func (r *requests) head(b []byte, first place) (framing, error) {
	k := (*conn)(r)
	if string(b) == prefaceHead && !k.spoke {
		k.c.tally.skip(fateControl, len(b))
		newH2(k, prefaceTail)
		return framing{kind: idle}, nil
	}
	line := bytes.IndexByte(b, '\n')
	method, target, proto, _ := requestLine(b[:line])
	if !bytes.HasPrefix(proto, []byte("HTTP/1.")) {
		return framing{}, errVersion
	}
	fields, err := k.c.lines.header(b[line+1:])
	if err != nil {
		return framing{}, err
	}
	f, err := framingOf(fields, true)
	if err != nil {
		return framing{}, err
	}
	k.up = k.c.spares.take()
	k.start(k.up, first)
	x := k.up.x
	x.Conn, x.Seq = k.tcp.ID, k.c.next()
	x.Method, x.Target, x.Proto = word(method), string(target), word(proto)
	x.Host = fields.Get("Host")
	x.Header = append(x.Header, slices.DeleteFunc(fields, isHost)...)
	if f.kind == fixed {
		x.Size = f.size
	}
	k.await(k.up)
	return f, nil
}

// word is a string of a request line, of which there are few; the usual ones need no room of their own.
func word(b []byte) string {
	switch string(b) {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodPost:
		return http.MethodPost
	case "HTTP/1.1":
		return "HTTP/1.1"
	}
	return string(b)
}

func (r *requests) body(b []byte) {
	if e := r.up; e != nil && e.lost == "" {
		e.request.add(r.c.in, b, r.c.bodyMax)
	}
}

func (r *requests) hole(n int64) {
	if e := r.up; e != nil {
		e.request.miss(n)
		e.lost = replay.LostGap
	}
}

func (r *requests) trailer(b []byte) {
	if fields, err := r.c.lines.header(b); err == nil && r.up != nil {
		r.up.x.Trailer = slices.Clone(fields)
	}
}

func (r *requests) complete() state {
	k := (*conn)(r)
	if k.h2 != nil {
		return switched
	}
	if e := k.up; e != nil {
		k.ask(e, k.req.now.at)
		k.emit(e)
	}
	return idle
}

func (r *requests) other(b []byte) { (*conn)(r).say(false, r.req.now.at, b) }

func (r *requests) broken(first place, begun bool) {
	k := (*conn)(r)
	k.abandon(first, begun, replay.LostGap)
	k.gap, k.gaps = true, true
}

func (r *requests) malformed(error) state {
	k := (*conn)(r)
	if !k.spoke {
		k.res.state = foreign
		return foreign
	}
	k.abandon(k.req.first, true, replay.LostParse)
	return seek
}

// abandon loses the request that is being read. When not even its head is known it still waits for a response, which
// would be taken for another's otherwise.
func (k *conn) abandon(first place, begun bool, why string) {
	e := k.up
	if e == nil {
		if !begun {
			return
		}
		e = k.begin(first)
		k.await(e)
	}
	k.ask(e, k.req.now.at)
	e.lost = why
	k.emit(e)
}
