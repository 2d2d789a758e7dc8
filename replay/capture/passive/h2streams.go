package passive

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http2"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// LostTable is the cause, in Counts.Lost, of requests over HTTP/2 whose header refers to headers that were not captured: their connection was
// open before the capture, or there was a gap.
const LostTable = "earlier headers unknown"

// Rules in Counts.Filtered of HTTP/2.
const (
	RuleRefused = "refused by the server" // which did nothing with it, so that the client may send it again
	RulePushed  = "pushed by the server"  // nobody asked
	RuleTunnel  = "tunnel over HTTP/2"    // CONNECT: what goes through it is another protocol
)

const protoH2 = "HTTP/2.0"

// h2stream is an exchange over HTTP/2.
type h2stream struct {
	*exchange
	id     uint32
	headed bool   // the head of the response has come
	rule   string // by which it is left out, if it is

	speaks         bool // gRPC
	client, server capture.Beats
}

func newH2stream(id uint32, e *exchange) *h2stream {
	return &h2stream{
		exchange: e, id: id, server: capture.Beats{FromServer: true},
		speaks: capture.IsGRPC(e.x.Header.Get("Content-Type")),
	}
}

// request takes the header of a request, or its trailer.
func (h *h2conn) request(b *h2block, at int64) {
	st := h.streams[b.stream]
	switch {
	case st == nil && b.stream > h.last && b.stream%2 == 1:
		st = h.begin(b)
	case st == nil || st.asked: // it comes late
	case b.fault != "":
		h.lose(st, b.fault)
	default:
		st.x.Trailer = b.fields
	}
	if st != nil && b.last {
		h.ask(st, at)
	}
}

// begin begins a stream. It returns nil when nothing is to be known of it.
func (h *h2conn) begin(b *h2block) *h2stream {
	h.last, h.first = b.stream, min(h.first, b.stream)
	if h.gap[1] == math.MaxUint32 {
		h.gap[1] = b.stream
	}
	c := h.k.c
	switch {
	case b.stream > h.refuse:
		c.in.LeaveOut(RuleRefused)
		return nil
	case len(h.streams) == waitingMax:
		c.lose(b.first, replay.LostLimit)
		return nil
	}
	e := h.k.begin(place{at: b.first})
	e.x.Conn, e.x.Proto = h.k.tcp.ID, protoH2
	fault, rule := b.fault, ""
	if fault == "" {
		var err error
		if rule, err = readRequest(e.x, b.fields); err != nil {
			fault = replay.LostParse
		}
	}
	if fault == "" && rule == "" {
		e.x.Seq = c.next()
	}
	st := newH2stream(b.stream, e)
	st.lost, st.rule = fault, rule
	st.settled = h.k.ended // a server that has said all answers no more
	h.streams[b.stream] = st
	return st
}

var errRequest = errors.New("the header is not that of a request")

// readRequest fills in what header fields say. The rule is that by which such a request is left out, if it is.
func readRequest(x *replay.Exchange, fields replay.Header) (rule string, err error) {
	x.Header = fields[:0]
	cookie := -1
	for _, f := range fields {
		switch f.Name {
		case ":method":
			x.Method = f.Value
		case ":path":
			x.Target = f.Value
		case ":authority":
			x.Host = f.Value
		case ":scheme", ":protocol":
		case "host":
			if x.Host == "" {
				x.Host = f.Value
			}
		case "content-length":
			if n, err := strconv.ParseUint(f.Value, 10, 62); err == nil {
				x.Size = int64(n)
			}
			x.Header = append(x.Header, f)
		case "cookie": // one line that may come in pieces (RFC 9113, section 8.2.3)
			if cookie >= 0 {
				x.Header[cookie].Value += "; " + f.Value
				continue
			}
			cookie = len(x.Header)
			x.Header = append(x.Header, f)
		default:
			if f.Name[0] == ':' { // there is no other
				return "", errRequest
			}
			x.Header = append(x.Header, f)
		}
	}
	switch {
	case x.Method == http.MethodConnect:
		return RuleTunnel, nil
	case x.Method == "" || x.Target == "":
		return "", errRequest
	}
	return "", nil
}

// response takes the header of a response, or its trailer.
func (h *h2conn) response(b *h2block, at int64) {
	st := h.streams[b.stream]
	if st == nil {
		st = h.orphan(b)
	}
	if st == nil || st.settled {
		return
	}
	status, fields := statusOf(b.fields)
	switch {
	case b.fault != "":
		h.mute(st, b.fault, at)
		return
	case st.headed:
		if st.x.Response != nil {
			st.x.Response.Trailer = fields
		}
	case status < 200 && !b.last && status > 0: // another follows
		return
	case status < 200:
		h.mute(st, h.headless(), at)
		return
	default:
		st.headed = true
		st.response = replay.Response{Status: status, Header: fields, FirstByte: max(time.Duration(b.first-st.began), 0)}
		st.x.Response = &st.response
	}
	if b.last {
		h.settle(st, at)
	}
}

// statusOf returns the status, 0 without one, and the other fields.
func statusOf(all replay.Header) (status int, fields replay.Header) {
	fields = all[:0]
	for _, f := range all {
		if f.Name != ":status" {
			fields = append(fields, f)
		} else if n, err := strconv.Atoi(f.Value); err == nil && len(f.Value) == 3 {
			status = n
		}
	}
	return status, fields
}

// orphan returns what stands for the request of a response when that was not captured. It returns nil when the response comes late.
func (h *h2conn) orphan(b *h2block) *h2stream {
	st := newH2stream(b.stream, h.k.begin(place{at: b.first}))
	switch {
	case b.stream > h.gap[0] && b.stream < h.gap[1]:
		st.lost = replay.LostGap
	case h.picked && b.stream < h.first:
		st.rule = RuleBefore
	default:
		return nil
	}
	st.asked = true
	if len(h.streams) == waitingMax { // only counted, by its head: more of it may come
		if status, _ := statusOf(b.fields); b.fault != "" || status >= 200 {
			h.settle(st, b.first)
		}
		return nil
	}
	h.streams[b.stream] = st
	return st
}

// push takes the promise of a response that nobody asked for.
func (h *h2conn) push(b *h2block, at int64) {
	if len(h.streams) == waitingMax || h.streams[b.promised] != nil || b.promised%2 == 1 {
		h.k.c.in.LeaveOut(RulePushed)
		return
	}
	st := newH2stream(b.promised, h.k.begin(place{at: at}))
	st.rule, st.asked = RulePushed, true
	h.streams[b.promised] = st
}

// body takes bytes of a body.
func (h *h2conn) body(s *h2side, data []byte) {
	st := h.streams[s.body.stream]
	switch {
	case st == nil:
	case st.rule == RuleTunnel:
		h.k.c.tally.skip(fateSwitched, len(data))
	case st.lost != "" || st.rule != "":
	case s.server && st.headed && !st.settled:
		st.reply.add(h.k.c.in, data, h.k.c.bodyMax)
		st.beat(&st.server, data, s.now)
	case !s.server && !st.asked:
		st.request.add(h.k.c.in, data, h.k.c.bodyMax)
		st.beat(&st.client, data, s.now)
	}
}

// beat notes messages of gRPC.
func (st *h2stream) beat(side *capture.Beats, data []byte, at int64) {
	if st.speaks {
		side.Feed(data, max(time.Duration(at-st.began), 0))
	}
}

// hole notes that bytes of a body are missing.
func (h *h2conn) hole(stream uint32, fromServer bool, n int64) {
	st := h.streams[stream]
	switch {
	case st == nil:
	case fromServer && st.headed && !st.settled:
		st.reply.miss(n)
		st.server.Miss()
	case !fromServer && !st.asked:
		st.request.miss(n)
		h.lose(st, replay.LostGap)
	}
}

// over notes that one side has said all.
func (h *h2conn) over(stream uint32, fromServer bool, at int64) {
	st := h.streams[stream]
	switch {
	case st == nil:
	case !fromServer:
		h.ask(st, at)
	case st.headed:
		h.settle(st, at)
	default:
		h.mute(st, h.headless(), at)
	}
}

// headless says why a response has no head.
func (h *h2conn) headless() string {
	if h.sides[tcpstream.ToClient].gaps {
		return replay.LostGap
	}
	return replay.LostParse
}

// reset takes the word of one side that a stream is over.
func (h *h2conn) reset(stream uint32, fromServer bool, code http2.ErrCode, at int64) {
	st := h.streams[stream]
	switch {
	case st == nil:
		return
	case fromServer && code == http2.ErrCodeRefusedStream && !st.headed:
		h.leaveOut(st, RuleRefused)
	case !st.asked && !st.headed:
		h.lose(st, LostBroken)
	}
	h.ask(st, at)
	h.cut(st, at)
}

// goAway takes the word of the server that it did nothing with streams behind the last.
func (h *h2conn) goAway(last uint32, at int64) {
	h.refuse = min(h.refuse, last)
	for _, st := range h.inOrder() {
		if st.id > last && st.id%2 == 1 && !st.headed {
			h.leaveOut(st, RuleRefused)
			h.ask(st, at)
			h.cut(st, at)
		}
	}
}

// lose notes why a request is lost; the first cause counts.
func (h *h2conn) lose(st *h2stream, why string) {
	if st.lost == "" && st.rule == "" {
		st.lost = why
	}
}

// leaveOut notes by which rule a request is left out.
func (h *h2conn) leaveOut(st *h2stream, rule string) {
	if st.lost == "" && st.rule == "" {
		st.rule = rule
	}
}

// mute leaves out a response that cannot be read: its request is recorded without one.
func (h *h2conn) mute(st *h2stream, why string, at int64) {
	if st.lost == "" && st.rule == "" {
		now := h.k.c.since(at)
		h.k.c.in.Lose(replay.Gap{From: now, To: now, Cause: why})
	}
	st.reply.drop(h.k.c.in)
	st.x.Response = nil
	h.settle(st, at)
}

// cut ends a response where it is.
func (h *h2conn) cut(st *h2stream, at int64) {
	if st.settled {
		return
	}
	if r := st.x.Response; r != nil {
		r.Cut = true
	}
	h.settle(st, at)
}

// settle notes that the response is over, or that none is waited for.
func (h *h2conn) settle(st *h2stream, at int64) {
	if st.settled {
		return
	}
	st.settled = true
	if r := st.x.Response; r != nil {
		r.Body, r.Size = st.reply.kept, st.reply.size
		r.Duration = max(time.Duration(at-st.began), r.FirstByte)
	}
	h.close(st)
}

// ask notes that the request is over.
func (h *h2conn) ask(st *h2stream, at int64) {
	if st.asked {
		return
	}
	st.asked = true
	st.x.Upload = max(time.Duration(at-st.began), 0)
	h.close(st)
}

// close hands over an exchange when both of its sides are over.
func (h *h2conn) close(st *h2stream) {
	if !st.asked || !st.settled {
		return
	}
	delete(h.streams, st.id)
	if st.rule != "" {
		st.request.drop(h.k.c.in)
		st.reply.drop(h.k.c.in)
		h.k.c.in.LeaveOut(st.rule)
		return
	}
	if st.speaks {
		st.x.Beats = capture.MergeBeats(&st.client, &st.server)
	}
	h.k.emit(st.exchange)
}
