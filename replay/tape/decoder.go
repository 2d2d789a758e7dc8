package tape

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/gameday-dev/gameday/replay"
)

// decoder reads the records of one frame, in order, because the table and the deltas build up.
type decoder struct {
	payload []byte
	frame   int64 // where it stands in the file

	rest  []byte // of the payload
	table []string
	at    time.Duration
	seq   uint64

	// Exchanges, header lines, strings and bodies are cut from small slabs, which are written once. So there are few
	// allocations, and an exchange that is kept for long keeps some kilobytes of its neighbours, and not their frame. All but
	// strings are cut from exchanges that were given back, while there are any.
	spent  <-chan []*replay.Exchange // nil where none are given back
	again  []*replay.Exchange        // of them, those in hand
	reused bool                      // the exchange that is being read was given back
	both   []both
	fields []replay.Field
	texts  []byte
	bodies []byte

	library  *library // nil: bodies that stand elsewhere are not wanted
	referred int      // bytes of them, in this frame
}

// both is an exchange with its response.
type both struct {
	x replay.Exchange
	r replay.Response
}

// What has pointers is as long as fits into a size class of the runtime with the 8 bytes that it puts in front: a slab of 8 KiB
// would take 9472 bytes. Strings lie apart from bodies: a name is often kept for long, and then its slab is.
const (
	bothSlab  = (12<<10 - 8) / int(unsafe.Sizeof(both{}))
	fieldSlab = (8<<10 - 8) / int(unsafe.Sizeof(replay.Field{}))
	textSlab  = 4 << 10
	bodySlab  = 16 << 10

	// What goes round has room for a little more than it holds first: fields of a header, bytes of a body.
	fieldStep = 8
	bodyStep  = 256
)

// newExchange returns an exchange and a response for it. Header lines and bodies that they have are there to be written over.
func (d *decoder) newExchange() (*replay.Exchange, *replay.Response) {
	d.reused = false
	if len(d.again) == 0 {
		select {
		case d.again = <-d.spent:
		default:
			return d.newBoth()
		}
	}
	x := d.again[len(d.again)-1]
	d.again = d.again[:len(d.again)-1]
	d.reused = true
	r := x.Response
	if r == nil {
		r = new(replay.Response)
	}
	*x = replay.Exchange{Header: x.Header, Body: x.Body}
	*r = replay.Response{Header: r.Header, Body: r.Body}
	return x, r
}

func (d *decoder) newBoth() (*replay.Exchange, *replay.Response) {
	if len(d.both) == 0 {
		d.both = make([]both, bothSlab)
	}
	b := &d.both[0]
	d.both = d.both[1:]
	return &b.x, &b.r
}

// newHeader returns n lines, in the place of old ones if they fit; adding to them does not touch their neighbours. What is
// larger than slabs are for is not used again: it would be kept for all the small ones to come.
func (d *decoder) newHeader(old replay.Header, n int) replay.Header {
	if most := cap(old); n <= most && most <= fieldSlab/4 {
		clear(old[n:most]) // their strings can go
		return old[:n]
	}
	if d.reused && n <= fieldSlab/4 { // in a slab it would keep all of that, for as long as its exchange goes round
		return make(replay.Header, n, (n+fieldStep-1)/fieldStep*fieldStep)
	}
	if n > len(d.fields) {
		if n > fieldSlab/4 {
			return make(replay.Header, n)
		}
		d.fields = make([]replay.Field, fieldSlab)
	}
	h := d.fields[:n:n]
	d.fields = d.fields[n:]
	return h
}

// newBody returns a copy of b, as newHeader does.
func (d *decoder) newBody(old, b []byte) []byte {
	if most := cap(old); len(b) <= most && most <= bodySlab/4 {
		return append(old[:0], b...)
	}
	if d.reused && len(b) <= bodySlab/4 {
		return append(make([]byte, 0, (len(b)+bodyStep-1)/bodyStep*bodyStep), b...)
	}
	return carve(&d.bodies, b, bodySlab)
}

// text returns a copy of b.
func (d *decoder) text(b []byte) string {
	kept := carve(&d.texts, b, textSlab)
	return unsafe.String(unsafe.SliceData(kept), len(kept)) // nobody else has it, so nobody writes to it
}

// carve returns a copy of b from a slab, a new one of so many bytes where the old one is used up. Appending to it does not
// touch what follows.
func carve(slab *[]byte, b []byte, size int) []byte {
	n := len(b)
	if n > len(*slab) {
		if n > size/4 {
			return bytes.Clone(b)
		}
		*slab = make([]byte, size)
	}
	kept := (*slab)[:n:n]
	*slab = (*slab)[n:]
	copy(kept, b)
	return kept
}

// reset begins with the frame at a place of the file. The payload may change once next has returned nothing or an error.
func (d *decoder) reset(payload []byte, frame int64) {
	clear(d.table) // their slabs can go
	d.payload, d.frame, d.referred = payload, frame, 0
	d.rest, d.table, d.at, d.seq = payload, d.table[:0], 0, 0
}

// decoded is one record: one of its fields is set, none at the end of the frame.
type decoded struct {
	exchange *replay.Exchange
	gap      *replay.Gap
	message  *replay.Message
}

// next returns the next record of the frame.
func (d *decoder) next() (r decoded, err error) {
	for len(d.rest) > 0 {
		kind, f, bodies, err := d.record()
		if err != nil {
			return r, err
		}
		switch kind {
		case recordExchange:
			if r.exchange, err = f.exchange(bodies); err == nil && d.follows(recordBeats) {
				err = d.beats(r.exchange)
			}
			return r, err
		case recordGap:
			r.gap, err = f.gap()
			return r, err
		case recordMessage:
			r.message, err = f.message(bodies)
			return r, err
		case recordBeats:
			return r, fmt.Errorf("%w: messages of no exchange", errRecord)
		}
	}
	return r, nil
}

// record takes the next record apart. One of an unknown kind is stepped over.
func (d *decoder) record() (kind byte, head fields, bodies []byte, err error) {
	n, k := uvarint(d.rest)
	if k <= 0 || n == 0 || n > RecordMax || n > uint64(len(d.rest)-k) {
		return 0, head, nil, fmt.Errorf("%w: bad length", errRecord)
	}
	record := d.rest[k : k+int(n)]
	d.rest = d.rest[k+int(n):]
	size, k := uvarint(record[1:])
	if k <= 0 || size > uint64(len(record)-1-k) {
		return 0, head, nil, fmt.Errorf("%w: bad head length", errRecord)
	}
	if kind = record[0]; kind < recordExchange || kind > recordBeats {
		return kind, head, nil, nil
	}
	bodies = record[1+k:]
	return kind, fields{b: bodies[:size], d: d}, bodies[size:], nil
}

// follows reports whether the next record is of a kind.
func (d *decoder) follows(kind byte) bool {
	n, k := uvarint(d.rest)
	return k > 0 && n > 0 && k < len(d.rest) && d.rest[k] == kind
}

// beats adds to an exchange what stands behind it and belongs to it, and so is no record of its own.
func (d *decoder) beats(x *replay.Exchange) error {
	_, f, _, err := d.record()
	if err != nil {
		return err
	}
	x.Beats, err = f.beats()
	return err
}

// uvarint is binary.Uvarint. The lengths of records and heads take a byte or two.
func uvarint(b []byte) (v uint64, size int) {
	switch {
	case len(b) < 2:
	case b[0] < 0x80:
		return uint64(b[0]), 1
	case b[1] < 0x80:
		return uint64(b[0]&0x7f) | uint64(b[1])<<7, 2
	}
	return binary.Uvarint(b)
}

// timesBehind appends, for each record of a frame that counts, the earliest time of those behind it. It looks at the
// times alone, and ends where a record is malformed: so will the decoder.
func timesBehind(b []int64, payload []byte) []int64 {
	at := int64(0)
	for len(payload) > 0 {
		length, k := uvarint(payload)
		if k <= 0 || length == 0 || length > uint64(len(payload)-k) {
			break
		}
		record := payload[k : k+int(length)]
		payload = payload[k+int(length):]
		switch kind := record[0]; kind {
		case recordGap:
			b = append(b, math.MaxInt64) // it waits for nothing
		case recordExchange, recordMessage:
			at += timeStep(kind, record[1:])
			b = append(b, at)
		}
	}
	low := int64(math.MaxInt64)
	for i, own := range slices.Backward(b) {
		b[i], low = low, min(low, own)
	}
	return b
}

// timeStep is the time of an exchange or a message since that of the record before; 0 where it is malformed.
func timeStep(kind byte, b []byte) int64 {
	skip := 1 // the length of the head
	if kind == recordExchange {
		skip = 2 // and the flags
	}
	for range skip {
		_, k := uvarint(b)
		if k <= 0 {
			return 0
		}
		b = b[k:]
	}
	step, _ := binary.Varint(b)
	return step
}
