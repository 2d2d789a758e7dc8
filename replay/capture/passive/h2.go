package passive

import (
	"cmp"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http2"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/replay"
)

// The preface of a client (RFC 9113, section 3.4). Its first lines are the head of a request, by their looks.
const (
	prefaceHead = "PRI * HTTP/2.0\r\n\r\n"
	prefaceTail = "SM\r\n\r\n"
)

// h2conn reads both sides of a connection that turned out to speak HTTP/2, in plain text. Its streams have numbers, so nothing
// has to be said about what belongs to what; what has to be known is all headers that went before, for headers
// refer to them.
type h2conn struct {
	k       *conn
	sides   [2]h2side // by direction
	streams map[uint32]*h2stream

	picked bool      // in the middle: streams may have begun before
	first  uint32    // lowest number of a stream that the client was seen to begin; the largest there is before that
	last   uint32    // and the highest
	gap    [2]uint32 // streams with numbers between these may have begun unseen
	refuse uint32    // streams with higher numbers were refused by the server
}

// newH2 goes over to HTTP/2. The client still has to send preface.
func newH2(k *conn, preface string) *h2conn {
	h := &h2conn{k: k, streams: make(map[uint32]*h2stream), first: math.MaxUint32, refuse: math.MaxUint32}
	for d := range h.sides {
		h.sides[d].open(h, tcpstream.Direction(d))
	}
	h.sides[tcpstream.ToServer].preface = preface
	for _, r := range [...]*reader{&k.req, &k.res} {
		r.drop()
		r.state = switched
	}
	k.h2, k.spoke = h, true
	return h
}

// sniff looks whether a connection that has carried no message speaks HTTP/2, where the client does not say so: its server was
// first to speak, or its beginning was not captured.
func (k *conn) sniff(s tcpstream.Segment) {
	fromServer := s.Direction == tcpstream.ToClient
	switch {
	case k.reader(s.Direction).state == seek:
		if !wholeFrames(s.Data, fromServer) {
			return
		}
		h := newH2(k, "")
		if h.picked = !k.tcp.Opened; !h.picked {
			h.gap[1] = math.MaxUint32
		}
		for d := range h.sides {
			h.sides[d].seek(fateMidStream)
		}
	case fromServer && !k.carried:
		if f := frameAt(s.Data); f.plausible(true) && f.isSettings() {
			newH2(k, prefaceHead+prefaceTail)
		}
	}
}

// upgrade goes over to HTTP/2 when a server agrees to (RFC 7540, section 3.2). The request that asked for it is the first stream
// then, and is recorded as if it had come on one.
func (k *conn) upgrade(e *exchange) bool {
	r := e.x.Response
	if r.Status != http.StatusSwitchingProtocols || !strings.EqualFold(r.Header.Get("Upgrade"), "h2c") {
		return false
	}
	h := newH2(k, prefaceHead+prefaceTail)
	k.down, e.x.Response = nil, nil
	for _, name := range [...]string{"Connection", "Upgrade", "HTTP2-Settings"} {
		e.x.Header.Del(name)
	}
	e.x.Proto, e.from = protoH2, nil
	h.first, h.last = 1, 1
	h.streams[1] = newH2stream(1, e)
	if !e.asked { // nobody may answer before the request is whole, and yet go over
		k.ask(e, k.res.now.at)
		e.lost = replay.LostParse
	}
	return true
}

// read takes the next bytes of one side.
func (h *h2conn) read(fromServer bool, at int64, b []byte) {
	d := tcpstream.ToServer
	if fromServer {
		d = tcpstream.ToClient
	}
	h.sides[d].read(b, at)
}

// end ends one side.
func (h *h2conn) end(d tcpstream.Direction, at int64, how tcpstream.End) {
	s := &h.sides[d]
	why := LostBroken
	if how == tcpstream.Stopped {
		why = LostStopped
	}
	h.breakOff(s, why)
	s.seek(fateBehindGap)
	if s.server {
		h.endResponses(at)
		return
	}
	for _, st := range h.inOrder() {
		if st.asked {
			continue
		}
		if !st.headed || how == tcpstream.Stopped && !st.settled {
			h.lose(st, why)
		}
		h.ask(st, at)
	}
}

// endResponses ends all that are under way, and gives up those that have not begun.
func (h *h2conn) endResponses(at int64) {
	for _, st := range h.inOrder() {
		h.cut(st, at)
	}
}

// inOrder returns the streams by number.
func (h *h2conn) inOrder() []*h2stream {
	all := make([]*h2stream, 0, len(h.streams))
	for _, id := range slices.Sorted(maps.Keys(h.streams)) {
		all = append(all, h.streams[id])
	}
	return all
}

// breakOff takes what has come of the head of a request, when the rest is never read.
func (h *h2conn) breakOff(s *h2side, why string) {
	b := &s.block
	if f := frameAt(s.buf); f.kind == http2.FrameHeaders && !b.open() {
		b = &h2block{stream: f.stream, first: s.first}
	}
	if !s.server && b.open() && h.streams[b.stream] == nil {
		b.fault = cmp.Or(b.fault, why)
		h.request(b, s.now)
	}
}

// broken is called when frames of one side are missing, or make no sense: of what is under way nothing is known any more.
func (h *h2conn) broken(s *h2side, why string) {
	for _, st := range h.inOrder() {
		switch {
		case s.server && st.headed:
			h.cut(st, s.now)
		case !s.server && !st.asked:
			if !st.settled || !st.headed {
				h.lose(st, why)
			}
			h.ask(st, s.now)
		}
	}
	if !s.server {
		h.gap = [2]uint32{h.last, math.MaxUint32}
	}
}
