package tcpstream

import "slices"

// ahead returns how far a is in front of b, in the arithmetic of 32-bit sequence numbers.
func ahead(a, b uint32) int { return int(int32(a - b)) }

// windowMax is the largest window TCP can have, with the largest scale (RFC 7323, section 2.3). A number that
// is further away belongs to something else.
const windowMax = 1 << 30

// half is one direction of a connection.
type half struct {
	seen    bool // a packet of this direction was captured
	started bool // next is known
	ended   bool
	snapped bool // a segment was captured without its end

	first  uint32 // number of the first byte of the stream, or of the first one picked up
	next   uint32 // of the next byte to deliver
	offset int64  // of next in the stream; 0 at first
	acked  uint32 // what the other end has acknowledged up to, where that is beyond next; otherwise next

	held []piece // captured but not delivered, in order and without overlap

	fin    bool
	finSeq uint32
	finAck uint32

	since     int64 // when the hole at next was first noticed; 0 when there is none
	sinceNext uint32
}

// piece is data of one segment that waits for what comes before it.
type piece struct {
	seq, ack uint32
	at       int64
	data     []byte
}

// pieceCost is what a piece counts besides its data, so that many small ones are bounded too.
const pieceCost = 512

func (p piece) cost() int { return pieceCost + len(p.data) }

func (h *half) start(at uint32) {
	if !h.started {
		h.started, h.first, h.next, h.acked = true, at, at, at
	}
}

// near reports whether a sequence number can belong to this stream now.
func (h *half) near(seq uint32) bool {
	n := ahead(seq, h.next)
	return n < windowMax && n > -windowMax
}

// acknowledged notes what the other end says it has received.
func (h *half) acknowledged(ack uint32) {
	if h.near(ack) && ahead(ack, h.acked) > 0 {
		h.acked = ack
	}
}

// advance moves on by n bytes that were delivered or given up.
func (h *half) advance(n int) {
	h.next += uint32(n)
	h.offset += int64(n)
	if ahead(h.next, h.acked) > 0 {
		h.acked = h.next
	}
}

// hold keeps copies of what of the segment is not held already. It returns the cost of what was added and
// the number of bytes that were there before: the first capture of a byte counts.
func (h *half) hold(p piece) (cost, duplicate int) {
	for len(p.data) > 0 {
		i, _ := slices.BinarySearchFunc(h.held, p.seq, func(held piece, seq uint32) int {
			if ahead(held.seq+uint32(len(held.data)), seq) <= 0 {
				return -1
			}
			return 1
		})
		n := len(p.data)
		if i < len(h.held) && ahead(p.seq, h.held[i].seq) >= 0 {
			n = min(n, len(h.held[i].data)-ahead(p.seq, h.held[i].seq))
			duplicate += n
		} else {
			if i < len(h.held) {
				n = min(n, ahead(h.held[i].seq, p.seq))
			}
			part := piece{seq: p.seq, ack: p.ack, at: p.at, data: slices.Clone(p.data[:n])}
			h.held = slices.Insert(h.held, i, part)
			cost += part.cost()
		}
		h.causedBy(i, p.ack)
		p.seq, p.data = p.seq+uint32(n), p.data[n:]
	}
	return cost, duplicate
}

// causedBy notes that piece i was sent at the latest when so much of the other stream had been received, and so was all
// before it. Of a retransmission this is not known: it may carry a later acknowledgement than its bytes had at first.
func (h *half) causedBy(i int, ack uint32) {
	if i+1 < len(h.held) && ahead(ack, h.held[i+1].ack) > 0 {
		ack = h.held[i+1].ack
	}
	for h.held[i].ack = earlier(h.held[i].ack, ack); i > 0 && ahead(h.held[i-1].ack, h.held[i].ack) > 0; i-- {
		h.held[i-1].ack = h.held[i].ack
	}
}

func earlier(a, b uint32) uint32 {
	if ahead(a, b) > 0 {
		return b
	}
	return a
}

// pop takes out the first piece.
func (h *half) pop() piece {
	p := h.held[0]
	h.held[0] = piece{}
	h.held = h.held[1:]
	if len(h.held) == 0 {
		h.held = nil
	}
	return p
}

// hole returns where the bytes that are missing at next end, if the stream waits for any.
func (h *half) hole() (end uint32, waits bool) {
	switch {
	case !h.started || h.ended:
		return 0, false
	case len(h.held) > 0:
		return h.held[0].seq, ahead(h.held[0].seq, h.next) > 0
	}
	end = h.acked
	if h.fin && ahead(end, h.finSeq) > 0 {
		end = h.finSeq
	}
	return end, ahead(end, h.next) > 0
}

// watch notes since when the stream waits at the place where it does.
func (h *half) watch(now int64) (waits bool) {
	_, waits = h.hole()
	switch {
	case !waits:
		h.since = 0
	case h.since == 0 || h.sinceNext != h.next:
		h.since, h.sinceNext = max(now, 1), h.next
	}
	return waits
}
