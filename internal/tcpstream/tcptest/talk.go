// Package tcptest writes the packets of TCP connections as a capture would hold them, whole or damaged.
//
// A [Talk] is one connection: Open, Send, Close. [Shuffle] does to its frames what networks do to packets.
package tcptest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// A Frame is a captured Ethernet frame.
type Frame struct {
	At       time.Time
	Data     []byte
	ToClient bool
	Offset   int // of the payload in its stream
	Payload  int // bytes of payload; 0 for what only opens, closes and acknowledges
}

// A Talk is a TCP connection under way. The fields are set before Open; the zero values of the later ones work.
type Talk struct {
	Client, Server netip.AddrPort
	Now            time.Time
	MSS            int        // largest payload of a packet; 0 means 1448
	ISN            [2]uint32  // initial sequence numbers of client and server
	Rand           *rand.Rand // when set, packets are of any size, some carry VLAN tags, and acknowledgements are of any number
	Frames         []Frame

	sent [2][]byte // payload so far
	fins [2]uint32
}

const (
	fin = 1 << 0
	syn = 1 << 1
	rst = 1 << 2
	psh = 1 << 3
	ack = 1 << 4
)

// Open adds the handshake.
func (t *Talk) Open() {
	t.add(0, syn, t.ISN[0], 0, nil, -1)
	t.add(1, syn|ack, t.ISN[1], t.ISN[0]+1, nil, -1)
	t.add(0, ack, t.ISN[0]+1, t.ISN[1]+1, nil, -1)
}

// Send adds packets with data, from the client or to it, and acknowledgements.
func (t *Talk) Send(toClient bool, data []byte) {
	d := index(toClient)
	for len(data) > 0 {
		n := t.size(len(data))
		t.packet(d, len(t.sent[d]), data[:n])
		t.sent[d] = append(t.sent[d], data[:n]...)
		data = data[n:]
		if t.Rand == nil || t.Rand.IntN(2) == 0 {
			t.Ack(!toClient)
		}
	}
	t.Ack(!toClient)
}

// Resend adds a packet with bytes that were sent before.
func (t *Talk) Resend(toClient bool, from, to int) {
	d := index(toClient)
	t.packet(d, from, t.sent[d][from:to])
}

// Sent returns what was sent so far.
func (t *Talk) Sent(toClient bool) []byte { return t.sent[index(toClient)] }

// Ack adds a packet that acknowledges what the other end sent.
func (t *Talk) Ack(fromServer bool) {
	d := index(fromServer)
	t.add(d, ack, t.seq(d, len(t.sent[d])), t.acked(d), nil, -1)
}

// Close ends a stream.
func (t *Talk) Close(toClient bool) {
	d := index(toClient)
	t.add(d, fin|ack, t.seq(d, len(t.sent[d])), t.acked(d), nil, -1)
	t.fins[d] = 1
	t.Ack(!toClient)
}

// Reset breaks the connection.
func (t *Talk) Reset(fromServer bool) {
	d := index(fromServer)
	t.add(d, rst|ack, t.seq(d, len(t.sent[d])), t.acked(d), nil, -1)
}

func index(toClient bool) int {
	if toClient {
		return 1
	}
	return 0
}

func (t *Talk) size(left int) int {
	mss := t.MSS
	if mss == 0 {
		mss = 1448
	}
	if t.Rand != nil {
		mss = 1 + t.Rand.IntN(mss)
	}
	return min(mss, left)
}

func (t *Talk) seq(d, offset int) uint32 { return t.ISN[d] + 1 + uint32(offset) + t.fins[d] }

func (t *Talk) acked(d int) uint32 { return t.seq(1-d, len(t.sent[1-d])) }

func (t *Talk) packet(d, offset int, data []byte) {
	t.add(d, psh|ack, t.ISN[d]+1+uint32(offset), t.acked(d), data, offset)
}

func (t *Talk) add(d int, flags byte, seq, acked uint32, data []byte, offset int) {
	t.Now = t.Now.Add(20 * time.Microsecond)
	src, dst := t.Client, t.Server
	if d == 1 {
		src, dst = dst, src
	}
	tcp := binary.BigEndian.AppendUint16(nil, src.Port())
	tcp = binary.BigEndian.AppendUint16(tcp, dst.Port())
	tcp = binary.BigEndian.AppendUint32(tcp, seq)
	tcp = binary.BigEndian.AppendUint32(tcp, acked)
	tcp = append(tcp, 8<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	tcp = append(tcp, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1) // a timestamp option
	tcp = append(tcp, data...)
	frame := append(t.link(src.Addr().Is4()), ip(src.Addr(), dst.Addr(), tcp)...)
	for len(frame) < 60 { // the least that Ethernet carries
		frame = append(frame, 0x55)
	}
	t.Frames = append(t.Frames, Frame{At: t.Now, Data: frame, ToClient: d == 1, Offset: max(offset, 0), Payload: len(data)})
}

func (t *Talk) link(v4 bool) []byte {
	b := make([]byte, 12, 128)
	if t.Rand != nil && t.Rand.IntN(4) == 0 {
		b = append(b, 0x81, 0, 0, 7)
	}
	if v4 {
		return append(b, 0x08, 0x00)
	}
	return append(b, 0x86, 0xdd)
}

func ip(src, dst netip.Addr, payload []byte) []byte {
	if src.Is6() {
		b := []byte{0x60, 0, 0, 0}
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
		b = append(b, 6, 64)
		b = append(b, src.AsSlice()...)
		return append(append(b, dst.AsSlice()...), payload...)
	}
	b := []byte{0x45, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(payload)))
	b = append(b, 0, 0, 0x40, 0, 64, 6, 0, 0)
	b = append(b, src.AsSlice()...)
	return append(append(b, dst.AsSlice()...), payload...)
}

// Shuffle moves frames to other places, each by at most span, and gives copies of some. The first keep frames
// stay where they are. Times stay in order.
func Shuffle(r *rand.Rand, frames []Frame, keep, span int) []Frame {
	type placed struct {
		Frame
		place int
	}
	var all []placed
	for i, f := range frames {
		if i < keep {
			all = append(all, placed{f, i})
			continue
		}
		all = append(all, placed{f, i + r.IntN(span+1)})
		if r.IntN(10) == 0 {
			all = append(all, placed{f, i + r.IntN(span+1)})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return a.place - b.place })
	out := make([]Frame, len(all))
	for i, f := range all {
		out[i] = f.Frame
		out[i].At = frames[min(i, len(frames)-1)].At
	}
	return out
}
