package replay

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The limits of an HTTP/2 connection, and what servers are told of them.
const (
	h2Head         = 9        // bytes of a frame's header
	h2Ping         = 8        // payload of a PING
	h2Frame        = 16 << 10 // payload of a frame, the least that RFC 9113 lets servers send
	h2Table        = 4 << 10  // bytes of the table of header fields, likewise
	h2Block        = 1 << 20  // bytes of a header block: one that is too long for us is read to its end, for the sake of others, unless a single string is
	h2ConnWindow   = 1 << 30  // bytes of all bodies that servers may send ahead: nobody but the reader holds them up
	h2StreamWindow = 4 << 20  // and of one; both as net/http has them
	h2Streams      = 1000     // streams at the same time, whatever it says
	h2Quiet        = 10_000   // frames in a row that bring no request and no answer any further
	h2Control      = 10_000   // frames that are no part of requests, and wait to be written
	h2Settings     = 32       // in one frame
	h2Debug        = 128      // bytes of what a server says about its going
	h2MaxID        = 1 << 30  // stream ids end at 1<<31
	h2WindowMax    = math.MaxInt32
	h2WindowFirst  = 65_535 // before anybody has said another
)

// An h2conn is an HTTP/2 connection as its client sees it, without the socket: it is fed what the server sends, and leaves
// in out what the server is to be sent. It trusts the server in nothing: whatever that sends takes bounded memory, and
// ends in answers or in an error. One goroutine uses it.
type h2conn struct {
	out     []byte // to be written; whoever has done so empties it
	streams map[uint32]*h2stream
	guest   h2guest

	next     uint32 // id of a stream
	limit    int    // streams at the same time
	settled  bool   // the server has said how it wants it
	draining bool   // no stream is to be begun any more
	goAway   error  // why, if the server said so
	quiet    int    // frames in a row that brought nothing any further
	dirty    bool   // whoever writes out has been told that there may be something
	owed     int    // streams that were abandoned since the server said anything: it may have them still
	ping     h2ping
	control  int  // frames in out that are no part of requests; whoever has written all that waits empties it
	silent   bool // nothing comes any more: the connection is to be given up

	// Of what is sent. The windows are below 0 when the server took some back.
	window  int64        // bytes of bodies that the server takes now
	initial int64        // and of each new stream
	frame   int          // the largest payload that it takes
	list    int64        // the largest list of header fields
	blocked fifo[uint32] // streams that wait to send more of their bodies

	// Of what is received.
	credit  int64 // bytes of bodies that the server may send now
	framer  *http2.Framer
	source  bytes.Reader // one frame, for the framer
	partial []byte       // a frame that has begun
	decoder *hpack.Decoder
	reading *h2stream // whose header block is decoded; nil when nobody wants it
	block   int       // bytes of that block so far
	last    bool      // nothing follows it
}

// An h2ping is how far the question is whether the server is still there. It is asked once between two answers to requests:
// servers of gRPC close connections that ask more often.
type h2ping int

const (
	pingNone     h2ping = iota // may be asked
	pingAsked                  // and was
	pingAnswered               // and the server has answered no request since
)

// errGoAway says that a server ends the connection in an orderly way.
var errGoAway = errors.New("server goes")

// An h2guest is told what becomes of streams.
type h2guest interface {
	// streamHeard says that the answer of a stream begins.
	streamHeard(st *h2stream)
	// streamSent says that more of a body that is said by and by has been sent.
	streamSent(st *h2stream)
	// streamEnded gives back a stream that is not in the connection any more. Refused means that the server says it has
	// done nothing with the request.
	streamEnded(st *h2stream, err error, refused bool)
}

// newH2conn returns a connection that greets its server.
func newH2conn(guest h2guest) *h2conn {
	h := &h2conn{
		streams: make(map[uint32]*h2stream), guest: guest, next: 1, limit: h2Streams,
		window: h2WindowFirst, initial: h2WindowFirst, frame: h2Frame, list: math.MaxInt64, credit: h2ConnWindow,
	}
	h.framer = http2.NewFramer(nil, &h.source)
	h.framer.SetReuseFrames()
	h.framer.SetMaxReadFrameSize(h2Frame)
	h.decoder = hpack.NewDecoder(h2Table, h.field)
	h.decoder.SetMaxStringLength(maxHead)
	h.out = append(h.out, http2.ClientPreface...)
	settings := [...]http2.Setting{{ID: http2.SettingEnablePush}, {ID: http2.SettingInitialWindowSize, Val: h2StreamWindow}, {ID: http2.SettingMaxHeaderListSize, Val: maxHead}}
	h.put(http2.FrameSettings, 0, 0, 6*len(settings))
	for _, s := range settings {
		h.out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(h.out, uint16(s.ID)), s.Val)
	}
	h.grant(0, h2ConnWindow-h2WindowFirst)
	return h
}

// room reports whether another stream can be begun, as the server says.
func (h *h2conn) room() bool { return h.settled && !h.draining && len(h.streams)+h.owed < h.limit }

// spent reports whether the connection has no further use.
func (h *h2conn) spent() bool { return h.draining && len(h.streams) == 0 }

// put appends the header of a frame, whose payload of n bytes is to follow.
func (h *h2conn) put(kind http2.FrameType, flags http2.Flags, id uint32, n int) {
	h.out = append(h.out, byte(n>>16), byte(n>>8), byte(n), byte(kind), byte(flags))
	h.out = binary.BigEndian.AppendUint32(h.out, id)
	switch kind {
	case http2.FrameData, http2.FrameHeaders, http2.FrameContinuation:
	default:
		h.control++
	}
}

// word appends a frame of 32 bits.
func (h *h2conn) word(kind http2.FrameType, id, word uint32) {
	h.put(kind, 0, id, 4)
	h.out = binary.BigEndian.AppendUint32(h.out, word)
}

// grant lets the server send n bytes more.
func (h *h2conn) grant(id uint32, n int64) { h.word(http2.FrameWindowUpdate, id, uint32(n)) }

// open begins a stream with a request in the form of HTTP/1.1, of which it keeps nothing. An error says that the server
// would not take it; nothing is sent then.
func (h *h2conn) open(st *h2stream, raw []byte, r *request, https bool) error {
	start := len(h.out)
	h.put(http2.FrameHeaders, http2.FlagHeadersEndHeaders, h.next, 0)
	if h.next == 1 {
		h.out = append(h.out, noTable) // none is used, which servers that want a smaller one have to be told
	}
	var list int
	var body []byte
	h.out, list, body = appendFields(h.out, raw, https, r.rpc != 0, r.stream != nil)
	if int64(list) > h.list {
		h.out = h.out[:start]
		return fmt.Errorf("header of %d bytes is longer than the %d that the server takes", list, h.list)
	}
	*st = h2stream{
		slot: st.slot, link: st.link, cancel: st.cancel, call: st.call, id: h.next, window: h.initial, credit: h2StreamWindow, left: -1,
		keep: r.keeps(), bodiless: r.method == "HEAD", rest: body,
	}
	h.next += 2
	h.draining = h.draining || h.next >= h2MaxID
	h.streams[st.id] = st
	h.quiet = 0
	if st.more = r.stream != nil; st.more {
		h.cut(start, false)
		st.rest = bytes.Clone(body)[:0]
		return nil
	}
	h.cut(start, len(body) == 0)
	h.send(st)
	if len(st.rest) > 0 {
		st.rest = bytes.Clone(st.rest)
	}
	return nil
}

// cut completes the frame of a header block at start, and cuts it in several when it is longer than the server takes.
func (h *h2conn) cut(start int, last bool) {
	head, block := h.out[start:start+h2Head], h.out[start+h2Head:]
	if last {
		head[4] |= byte(http2.FlagHeadersEndStream)
	}
	n := min(len(block), h.frame)
	head[0], head[1], head[2] = byte(n>>16), byte(n>>8), byte(n)
	if n == len(block) {
		return
	}
	head[4] &^= byte(http2.FlagHeadersEndHeaders)
	id := binary.BigEndian.Uint32(head[5:])
	rest := bytes.Clone(block[n:])
	h.out = h.out[:start+h2Head+n]
	for len(rest) > 0 {
		n, flags := min(len(rest), h.frame), http2.Flags(0)
		if n == len(rest) {
			flags = http2.FlagContinuationEndHeaders
		}
		h.put(http2.FrameContinuation, flags, id, n)
		h.out = append(h.out, rest[:n]...)
		rest = rest[n:]
	}
}

// say sends the next n bytes of a body that is said by and by.
func (h *h2conn) say(st *h2stream, n int) {
	st.rest = st.rest[:len(st.rest)+n]
	h.send(st)
}

// hush ends a body that is said by and by.
func (h *h2conn) hush(st *h2stream) {
	if st.more = false; len(st.rest) == 0 {
		h.put(http2.FrameData, http2.FlagDataEndStream, st.id, 0)
	}
}

// send sends what the server takes of a body.
func (h *h2conn) send(st *h2stream) {
	h.push(st)
	if st.call != nil {
		h.guest.streamSent(st)
	}
}

func (h *h2conn) push(st *h2stream) {
	for len(st.rest) > 0 {
		n := min(int64(len(st.rest)), int64(h.frame), h.window, st.window)
		if n <= 0 {
			if !st.queued {
				h.queue(st)
			}
			return
		}
		flags := http2.Flags(0)
		if n == int64(len(st.rest)) && !st.more {
			flags = http2.FlagDataEndStream
		}
		h.put(http2.FrameData, flags, st.id, int(n))
		h.out = append(h.out, st.rest[:n]...)
		st.rest = st.rest[n:]
		h.window -= n
		st.window -= n
		st.sent += n
		h.quiet = 0
	}
}

// queue has a stream wait to send more. Those that have ended meanwhile go when they are the most.
func (h *h2conn) queue(st *h2stream) {
	if n := h.blocked.len(); n > 2*len(h.streams) {
		for range n {
			if id := h.blocked.pop(); h.streams[id] != nil {
				h.blocked.push(id)
			}
		}
	}
	st.queued = true
	h.blocked.push(st.id)
}

// resume goes on with bodies, each in its turn.
func (h *h2conn) resume() {
	for n := h.blocked.len(); n > 0; n-- {
		if st := h.streams[h.blocked.pop()]; st != nil {
			st.queued = false
			h.send(st)
		}
	}
}

// abandon ends a stream of which nobody wants to know any more, and asks whether the server is still there. A server that
// says nothing is not sent requests without end, only for them to be taken back.
func (h *h2conn) abandon(st *h2stream) {
	if h.streams[st.id] != st {
		return
	}
	delete(h.streams, st.id)
	h.word(http2.FrameRSTStream, st.id, uint32(http2.ErrCodeCancel))
	if h.owed++; h.ping == pingNone {
		h.ping = pingAsked
		h.put(http2.FramePing, 0, 0, h2Ping)
		h.out = append(h.out, make([]byte, h2Ping)...)
	}
}

// finish gives a stream back whose answer has come.
func (h *h2conn) finish(st *h2stream, err error) {
	if len(st.rest) > 0 || st.more { // it was not needed for the answer, and would be in the way
		h.word(http2.FrameRSTStream, st.id, uint32(http2.ErrCodeNo))
	}
	h.drop(st, err, false)
}

// fail ends a stream on which the server broke the protocol.
func (h *h2conn) fail(st *h2stream, err error) {
	h.word(http2.FrameRSTStream, st.id, uint32(http2.ErrCodeProtocol))
	h.drop(st, err, false)
}

// drop gives a stream back.
func (h *h2conn) drop(st *h2stream, err error, refused bool) {
	delete(h.streams, st.id)
	st.rest, st.more = nil, false
	h.guest.streamEnded(st, err, refused)
}

// lost says why there is no connection any more after reading from it ended with err.
func (h *h2conn) lost(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return cmp.Or(h.goAway, err)
}

// close gives all streams back: the connection has ended with err.
func (h *h2conn) close(err error) {
	h.draining = true
	for _, id := range slices.Sorted(maps.Keys(h.streams)) {
		h.drop(h.streams[id], err, false)
	}
}
