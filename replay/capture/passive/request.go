package passive

import (
	"bytes"
	"errors"
	"strings"

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
	text := string(b) // one allocation for the whole head
	line := bytes.IndexByte(b, '\n')
	method, target, proto, _ := requestLine(b[:line])
	if !strings.HasPrefix(string(proto), "HTTP/1.") {
		return framing{}, errVersion
	}
	fields, err := parseFields(text[line+1:])
	if err != nil {
		return framing{}, err
	}
	f, err := framingOf(fields, true)
	if err != nil {
		return framing{}, err
	}
	targetAt := len(method) + 1
	k.up = newExchange(replay.Exchange{
		Conn: k.tcp.ID, Seq: k.c.next(), At: k.c.since(first.at),
		Method: text[:len(method)], Target: text[targetAt : targetAt+len(target)],
		Proto: text[targetAt+len(target)+1:][:len(proto)],
		Host:  fields.Get("Host"), Header: fields,
	}, first)
	k.up.x.Header.Del("Host")
	if f.kind == fixed {
		k.up.x.Size = f.size
	}
	k.await(k.up)
	return f, nil
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
	if fields, err := parseFields(string(b)); err == nil && r.up != nil {
		r.up.x.Trailer = fields
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
		e = newExchange(replay.Exchange{At: k.c.since(first.at)}, first)
		k.await(e)
	}
	k.ask(e, k.req.now.at)
	e.lost = why
	k.emit(e)
}
