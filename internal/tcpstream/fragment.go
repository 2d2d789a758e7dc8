package tcpstream

import (
	"container/list"
	"slices"
)

// Bounds of what waits to become a whole IP packet: those of Linux (ipfrag_high_thresh and ipfrag_time in ip-sysctl).
const (
	fragmentsHeldMax = 4 << 20
	fragmentAge      = int64(30e9) // ns
	datagramMax      = 1 << 16     // bytes, without headers
)

// datagram is what the fragments of one IP packet have in common.
type datagram struct {
	src, dst [16]byte
	id       uint32
	protocol byte
	net      uint32 // of packet
}

// fragment is a piece of a datagram.
type fragment struct {
	of     datagram
	offset int
	more   bool // others come behind it
	data   []byte
	cut    int // bytes that the capture did not keep
}

// fragments put fragmented packets together. Those that do not become whole are given up, and counted.
type fragments struct {
	waiting map[datagram]*list.Element
	oldest  list.List // of *pieces, in the order of their first fragment
	held    int       // bytes, with what each piece costs besides
	lost    uint64    // fragments
}

// pieces are the fragments of a datagram so far.
type pieces struct {
	of    datagram
	since int64
	taken uint64 // fragments, with those that came again
	size  int    // of the whole; -1 until the last one is there
	have  int    // bytes
	parts []fragment
}

// add takes a fragment. It returns the whole of which it was the last piece that was missing, or pending.
func (f *fragments) add(x fragment, now int64) (whole []byte, why Reason) {
	e := f.waiting[x.of]
	if e == nil {
		if f.waiting == nil {
			f.waiting = make(map[datagram]*list.Element)
		}
		e = f.oldest.PushBack(&pieces{of: x.of, since: now, size: -1})
		f.waiting[x.of] = e
	}
	p := e.Value.(*pieces)
	before := p.cost()
	p.taken++
	fits := p.put(x)
	f.held += p.cost() - before
	switch {
	case !fits:
		f.giveUp(e)
	case p.have == p.size:
		f.remove(e)
		return p.join(), used
	}
	for f.held > fragmentsHeldMax {
		f.giveUp(f.oldest.Front())
	}
	return nil, pending
}

// expire gives up what has waited for too long.
func (f *fragments) expire(now int64) {
	for e := f.oldest.Front(); e != nil && now-e.Value.(*pieces).since >= fragmentAge; e = f.oldest.Front() {
		f.giveUp(e)
	}
}

// close gives up everything.
func (f *fragments) close() {
	for e := f.oldest.Front(); e != nil; e = f.oldest.Front() {
		f.giveUp(e)
	}
}

func (f *fragments) giveUp(e *list.Element) {
	f.lost += e.Value.(*pieces).taken
	f.remove(e)
}

func (f *fragments) remove(e *list.Element) {
	p := f.oldest.Remove(e).(*pieces)
	delete(f.waiting, p.of)
	f.held -= p.cost()
}

func (p *pieces) cost() int { return p.have + pieceCost*len(p.parts) }

// put keeps a copy of a fragment. It reports false when the pieces contradict each other: of fragments that overlap nobody can say what
// the receiver made of them (RFC 5722), and one that the capture cut is never whole.
func (p *pieces) put(x fragment) (fits bool) {
	end := x.offset + len(x.data)
	if x.cut > 0 || len(x.data) == 0 || end > datagramMax || x.more && len(x.data)%8 != 0 {
		return false
	}
	if !x.more {
		if p.size >= 0 && p.size != end {
			return false
		}
		p.size = end
	}
	i, there := slices.BinarySearchFunc(p.parts, x.offset, func(part fragment, offset int) int { return part.offset - offset })
	switch {
	case there:
		return len(p.parts[i].data) == len(x.data) // it came again
	case i > 0 && p.parts[i-1].offset+len(p.parts[i-1].data) > x.offset,
		i < len(p.parts) && end > p.parts[i].offset:
		return false
	}
	x.data = slices.Clone(x.data)
	p.parts = slices.Insert(p.parts, i, x)
	p.have += len(x.data)
	last := p.parts[len(p.parts)-1]
	return p.size < 0 || last.offset+len(last.data) <= p.size
}

func (p *pieces) join() []byte {
	whole := make([]byte, 0, p.size)
	for _, part := range p.parts {
		whole = append(whole, part.data...)
	}
	return whole
}
