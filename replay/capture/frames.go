package capture

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// frames reads one direction of a WebSocket (RFC 6455) as its bytes pass, and puts messages
// together. What it cannot follow ends the recording of this direction, never the traffic.
type frames struct {
	talk       *Talk
	fromServer bool

	mu     sync.Mutex    // a connection may be closed while its bytes pass
	lost   bool          // the rest of the direction cannot be read, or never comes
	passed time.Duration // when the bytes at hand did, since the start of the capture

	head   [14]byte
	have   int    // bytes of head
	need   int    // bytes that the head has
	left   uint64 // bytes of the payload still to come
	at     int    // of the mask
	packed uint64 // compressed messages so far

	data    part // the message under way
	control part // a control frame may come in the middle of it
	now     *part
}

// part is a message, or a control frame, of which fragments came.
type part struct {
	held   held
	kind   replay.MessageKind
	packed bool
	begun  bool
}

const (
	opContinuation = 0
	opControl      = 8 // and above
	opPing         = 9
	opPong         = 10
	finBit         = 0x80
	packedBit      = 0x40 // RSV1: permessage-deflate (RFC 7692)
	otherBits      = 0x30
	maskBit        = 0x80
)

// reserved reports whether RFC 6455 gives an opcode no meaning. A peer that agreed to nothing more has to end the connection.
func reserved(code replay.MessageKind) bool {
	return code > replay.BinaryMessage && code < opControl || code > opPong
}

// feed takes the next bytes of the direction.
func (f *frames) feed(b []byte, at time.Duration) {
	f.passed = at
	for len(b) > 0 && !f.lost {
		if f.now == nil {
			b = f.header(b)
			continue
		}
		n := min(uint64(len(b)), f.left)
		f.payload(b[:n])
		b = b[n:]
		if f.left == 0 {
			f.end()
		}
	}
}

// header collects the head of a frame; the payload follows when it is whole.
func (f *frames) header(b []byte) (rest []byte) {
	if f.have == 0 {
		f.need = 2
	}
	for f.have < f.need && len(b) > 0 {
		f.head[f.have], b = b[0], b[1:]
		if f.have++; f.have == 2 {
			f.need = headSize(f.head[1])
		}
	}
	if f.have < f.need {
		return b
	}
	f.have = 0
	f.begin()
	return b
}

// headSize is how long a head is, by its second byte.
func headSize(b byte) int {
	n := 2
	switch b &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b&maskBit != 0 {
		n += 4
	}
	return n
}

// begin starts the frame whose head is whole.
func (f *frames) begin() {
	switch length := f.head[1] &^ maskBit; length {
	case 126:
		f.left = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		f.left = binary.BigEndian.Uint64(f.head[2:])
	default:
		f.left = uint64(length)
	}
	f.at = 0
	code := f.head[0] & 0x0f
	p := &f.data
	if code >= opControl {
		p = &f.control
	}
	bad := reserved(replay.MessageKind(code)) || f.head[0]&otherBits != 0 || f.left > 1<<62
	switch {
	case code >= opControl:
		bad = bad || f.left > 125 || f.head[0]&finBit == 0
		*p = part{held: held{tap: f.talk.tap}, kind: replay.MessageKind(code), begun: true}
	case code == opContinuation:
		bad = bad || !p.begun
	default:
		if bad = bad || p.begun; bad {
			break
		}
		*p = part{
			held: held{tap: f.talk.tap}, kind: replay.MessageKind(code),
			packed: f.head[0]&packedBit != 0, begun: true,
		}
	}
	if bad {
		f.lose(replay.LostParse)
		return
	}
	f.now = p
	if f.left == 0 {
		f.end()
	}
}

// payload keeps bytes of the frame, without the mask that clients put on them.
func (f *frames) payload(b []byte) {
	f.left -= uint64(len(b))
	n := f.now.held.keep(b)
	if f.head[1]&maskBit == 0 {
		return
	}
	mask := f.head[f.need-4 : f.need]
	kept := f.now.held.b[len(f.now.held.b)-n:]
	for i := range kept {
		kept[i] ^= mask[(f.at+i)&3]
	}
	f.at += len(b)
}

// end is the end of a frame.
func (f *frames) end() {
	p := f.now
	f.now = nil
	if f.head[0]&finBit == 0 {
		return
	}
	t := f.talk.tap
	body, size := p.held.take()
	p.begun = false
	if p.kind > replay.CloseMessage { // ping and pong
		t.queue.release(len(body))
		return
	}
	if p.kind == replay.CloseMessage {
		f.talk.parted.Store(true)
	}
	m := &said{packed: p.packed, nth: f.packed}
	if p.packed {
		f.packed++
	}
	m.Message = replay.Message{
		Exchange: f.talk.exchange, At: f.passed, FromServer: f.fromServer, Kind: p.kind, Body: body, Size: size,
	}
	if f.talk.out.Load() {
		t.queue.release(len(body))
		t.queue.loseMessage(LostExchange)
		return
	}
	t.queue.put(parcel{m: m, talk: f.talk})
}

// lose gives the direction up: what follows is no WebSocket, or not known to be.
func (f *frames) lose(cause string) {
	f.drop()
	f.talk.tap.queue.loseMessage(cause)
}

// cease ends the direction, and counts the message that was under way.
func (f *frames) cease() {
	underway := f.data.begun || f.have > 0 && f.head[0]&0x0f < opControl
	f.drop()
	switch {
	case !underway:
	case f.talk.out.Load():
		f.talk.tap.queue.loseMessage(LostExchange)
	default:
		f.talk.tap.queue.loseMessage(LostUnfinished)
	}
}

// drop gives back what the messages under way hold. Nothing is read from then on.
func (f *frames) drop() {
	f.lost, f.now = true, nil
	for _, p := range [...]*part{&f.data, &f.control} {
		if p.begun { // else what it held is the recorder's
			f.talk.tap.queue.release(len(p.held.b))
			*p = part{}
		}
	}
}
