package passive

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/net/http2"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/replay"
)

// h2side reads the frames of one side of a connection. Bodies pass it as they come; other frames are put together and
// left to the framer.
type h2side struct {
	h       *h2conn
	server  bool
	preface string // still to come

	seeking bool // a frame that makes sense, at the beginning of a packet
	why     fate // of what is skipped meanwhile
	gaps    bool // frames are missing

	now   int64
	first int64  // of the frame, or of the block of headers that it belongs to
	buf   []byte // the frame, as far as it has come

	body  h2frame // a frame of a body that is under way
	left  int64   // of it
	pad   int64   // of that, padding; -1 before its length has come
	reads bool    // body is under way

	source bytes.Reader
	framer *http2.Framer
	block  h2block
}

func (s *h2side) open(h *h2conn, d tcpstream.Direction) {
	s.h, s.server = h, d == tcpstream.ToClient
	s.framer = http2.NewFramer(nil, &s.source)
	s.framer.SetReuseFrames()
	s.framer.AllowIllegalReads = true // what belongs together is checked here, for bodies pass it by
	s.block.whole = true
}

// read takes the next bytes.
func (s *h2side) read(b []byte, at int64) {
	s.now = at
	if s.seeking && wholeFrames(b, s.server) {
		s.seeking = false
	}
	for len(b) > 0 && !s.seeking {
		switch {
		case s.preface != "":
			b = s.greet(b)
		case s.reads:
			b = s.data(b)
		default:
			b = s.frame(b)
		}
	}
	s.h.k.c.tally.skip(s.why, len(b))
}

// seek reads nothing until frames begin anew.
func (s *h2side) seek(why fate) {
	s.seeking, s.why, s.reads, s.preface = true, why, false, ""
	s.buf = nil
	s.block.forget()
}

// wrong is called with what follows bytes that are no HTTP/2.
func (s *h2side) wrong(rest []byte, cause string) []byte {
	s.h.k.c.tally.skip(fateForeign, len(s.buf))
	s.h.breakOff(s, cause)
	s.seek(fateForeign)
	s.h.broken(s, cause)
	return rest
}

// miss steps over n bytes that were not captured. Within a body nothing else is lost.
func (s *h2side) miss(n int64, at int64) {
	s.now = at
	if s.seeking {
		return
	}
	if s.reads && s.pad >= 0 && n <= s.left {
		if hole := min(n, s.left-s.pad); hole > 0 {
			s.h.hole(s.body.stream, s.server, hole)
		}
		s.left -= n
		s.pad = min(s.pad, s.left)
		s.endData()
		return
	}
	s.h.k.c.tally.skip(fateBehindGap, len(s.buf))
	s.h.breakOff(s, replay.LostGap)
	s.seek(fateBehindGap)
	s.gaps = true
	s.h.broken(s, replay.LostGap)
}

// greet reads the preface.
func (s *h2side) greet(b []byte) []byte {
	n := min(len(b), len(s.preface))
	if string(b[:n]) != s.preface[:n] {
		s.h.k.c.lose(s.now, replay.LostParse)
		return s.wrong(b, replay.LostParse)
	}
	s.h.k.c.tally.skip(fateControl, n)
	s.preface = s.preface[n:]
	return b[n:]
}

// frame reads a frame, or its beginning.
func (s *h2side) frame(b []byte) []byte {
	if len(s.buf) == 0 {
		s.first = s.now
	}
	whole := b
	if len(s.buf) > 0 || len(b) < frameHead {
		whole = s.collect(&b, frameHead)
		if whole == nil {
			return b
		}
	}
	f := frameAt(whole)
	if f.kind != http2.FrameData && f.length > headMax {
		return s.wrong(b, replay.LostLimit)
	}
	if s.block.open() != (f.kind == http2.FrameContinuation) || s.block.open() && s.block.stream != f.stream {
		return s.wrong(b, replay.LostParse)
	}
	if f.kind == http2.FrameData {
		if f.stream == 0 {
			return s.wrong(b, replay.LostParse)
		}
		if len(s.buf) == 0 {
			b = b[frameHead:]
		}
		s.begin(f)
		return b
	}
	size := frameHead + f.length
	if len(s.buf) == 0 && len(b) >= size {
		whole, b = b[:size], b[size:]
	} else if whole = s.collect(&b, size); whole == nil {
		return b
	}
	err := s.take(f, whole)
	if s.buf = s.buf[:0]; cap(s.buf) > lineMax {
		s.buf = nil // connections are many, and long heads are few
	}
	if err != nil {
		return s.wrong(b, replay.LostParse)
	}
	return b
}

// collect puts the first n bytes of a frame together. It returns nil when some are still to come.
func (s *h2side) collect(b *[]byte, n int) []byte {
	if more := min(n-len(s.buf), len(*b)); more > 0 {
		s.buf = append(s.buf, (*b)[:more]...)
		*b = (*b)[more:]
	}
	if len(s.buf) < n {
		return nil
	}
	return s.buf
}

// begin starts a frame of a body.
func (s *h2side) begin(f h2frame) {
	s.buf = s.buf[:0]
	s.body, s.left, s.pad, s.reads = f, int64(f.length), 0, true
	if f.flags.Has(http2.FlagDataPadded) {
		s.pad = -1
	}
	s.endData()
}

// data reads more of a frame of a body.
func (s *h2side) data(b []byte) []byte {
	if s.pad < 0 {
		s.pad, s.left, b = int64(b[0]), s.left-1, b[1:]
		if s.pad > s.left {
			return s.wrong(b, replay.LostParse)
		}
	}
	if n := min(int64(len(b)), s.left-s.pad); n > 0 {
		s.h.body(s, b[:n])
		s.left, b = s.left-n, b[n:]
	}
	if n := min(int64(len(b)), s.left); s.left == s.pad && n > 0 {
		s.left, s.pad, b = s.left-n, s.pad-n, b[n:]
	}
	s.endData()
	return b
}

// endData ends the frame of a body when all of it has come.
func (s *h2side) endData() {
	if s.left > 0 {
		return
	}
	s.reads = false
	if s.pad < 0 { // no room for the length of its padding
		s.wrong(nil, replay.LostParse)
		return
	}
	if s.body.flags.Has(http2.FlagDataEndStream) {
		s.h.over(s.body.stream, s.server, s.now)
	}
}

var errPush = errors.New("a client pushes")

// take takes a whole frame that is not of a body.
func (s *h2side) take(f h2frame, whole []byte) error {
	switch f.kind {
	case http2.FrameHeaders, http2.FrameContinuation, http2.FramePushPromise, http2.FrameRSTStream:
	case http2.FrameGoAway:
		s.h.k.c.tally.skip(fateControl, len(whole))
	default:
		s.h.k.c.tally.skip(fateControl, len(whole))
		return nil
	}
	s.source.Reset(whole)
	frame, err := s.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		s.block.begin(f.StreamID, s.first, f.StreamEnded())
		s.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		s.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.PushPromiseFrame:
		if !s.server {
			return errPush
		}
		s.block.begin(f.StreamID, s.first, false)
		s.block.promised = f.PromiseID
		s.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.RSTStreamFrame:
		s.h.reset(f.StreamID, s.server, f.ErrCode, s.now)
	case *http2.GoAwayFrame:
		if s.server {
			s.h.goAway(f.LastStreamID, s.now)
		}
	}
	return nil
}

// fragment takes a part of a block of headers.
func (s *h2side) fragment(b []byte, last bool) {
	s.block.write(b)
	if !last {
		return
	}
	s.block.end()
	switch b := &s.block; {
	case b.promised != 0:
		s.h.push(b, s.now)
	case s.server:
		s.h.response(b, s.now)
	default:
		s.h.request(b, s.now)
	}
	s.block.close()
}

const (
	frameHead = 9
	frameMax  = 16 << 10 // of frames that are looked for; it takes agreement to send longer ones
)

// h2frame is the head of a frame.
type h2frame struct {
	length int
	kind   http2.FrameType
	flags  http2.Flags
	stream uint32
}

// frameAt reads the head of the frame that b begins with. Without one the frame is not plausible.
func frameAt(b []byte) h2frame {
	if len(b) < frameHead {
		return h2frame{length: frameMax + 1}
	}
	return h2frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), kind: http2.FrameType(b[3]), flags: http2.Flags(b[4]),
		stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31),
	}
}

func (f h2frame) isSettings() bool { return f.kind == http2.FrameSettings }

// plausible reports whether one side can send a frame with such a head. It is stricter than HTTP/2: what it judges may be anything.
func (f h2frame) plausible(fromServer bool) bool {
	sized := func(n int) bool { return f.length == n && f.flags == 0 }
	stream := f.stream%2 == 1
	switch f.kind {
	case http2.FrameData:
		return stream && f.length <= frameMax && f.flags&^(http2.FlagDataEndStream|http2.FlagDataPadded) == 0
	case http2.FrameHeaders:
		const known = http2.FlagHeadersEndStream | http2.FlagHeadersEndHeaders | http2.FlagHeadersPadded | http2.FlagHeadersPriority
		return stream && f.length > 0 && f.length <= frameMax && f.flags&^known == 0
	case http2.FramePriority:
		return stream && sized(5) && !fromServer
	case http2.FrameRSTStream:
		return stream && sized(4)
	case http2.FrameWindowUpdate:
		return (stream || f.stream == 0) && sized(4)
	case http2.FrameSettings:
		return f.stream == 0 && f.flags&^http2.FlagSettingsAck == 0 && f.length%6 == 0 && f.length <= frameMax
	case http2.FramePing:
		return f.stream == 0 && f.flags&^http2.FlagPingAck == 0 && f.length == 8
	case http2.FrameGoAway:
		return f.stream == 0 && f.flags == 0 && f.length >= 8 && f.length <= frameMax
	}
	return false
}

// wholeFrames reports whether b is frames and nothing else, each as one side sends them. Of other bytes one packet in millions looks like that.
func wholeFrames(b []byte, fromServer bool) bool {
	for len(b) > 0 {
		f := frameAt(b)
		if !f.plausible(fromServer) || len(b) < frameHead+f.length {
			return false
		}
		b = b[frameHead+f.length:]
	}
	return true
}
