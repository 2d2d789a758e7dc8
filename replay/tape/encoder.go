package tape

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// encoder turns exchanges into records. Its string table and its deltas live for one frame.
type encoder struct {
	head  []byte // scratch: the head of the record being written
	table dictionary
	at    time.Duration
	seq   uint64

	frame    int64 // where the open frame is going to stand in the file
	referred int   // bytes of bodies that its records refer to
	shelf    shelf[[sha256.Size]byte, place]
}

func newEncoder() *encoder { return &encoder{table: newDictionary()} }

func (e *encoder) reset() {
	e.table.reset()
	e.at, e.seq, e.referred = 0, 0, 0
}

// storing is a body on its way into a record.
type storing struct {
	bytes     []byte
	sum       [sha256.Size]byte // of one that may be referred to
	elsewhere bool              // there is one like it, at the place
	place     place
}

// store looks for a body like this one. A new one is put on the shelf at once, as the reader does before it comes to the
// next; its place is not known yet, so the answer does not refer to the request of its own record.
func (e *encoder) store(body []byte) (s storing) {
	if s.bytes = body; len(body) < bodyMin {
		return s
	}
	s.sum = sha256.Sum256(body)
	s.place, _ = e.shelf.get(s.sum)
	if s.elsewhere = s.place != (place{}); !s.elsewhere {
		e.shelf.put(s.sum, place{}, len(body))
	}
	return s
}

// inline is what of the body stands in the record.
func (s storing) inline() []byte {
	if s.elsewhere {
		return nil
	}
	return s.bytes
}

// reference := offset of this frame minus that of the frame with the body uvarint | offset in its payload uvarint
func (e *encoder) reference(b []byte, s storing) []byte {
	if !s.elsewhere {
		return b
	}
	e.referred += len(s.bytes)
	b = binary.AppendUvarint(b, uint64(e.frame-s.place.frame))
	return binary.AppendUvarint(b, s.place.at)
}

// stored lets later records refer to a body that stands in the open frame.
func (e *encoder) stored(s storing, at int) {
	if len(s.bytes) >= bodyMin && !s.elsewhere {
		e.shelf.set(s.sum, place{e.frame, uint64(at)})
	}
}

// record := length uvarint | kind u8 | head length uvarint | head | request body | response body
//
// Bodies stand behind the head so that a reader takes the head as one string and each body as
// one slice.
func (e *encoder) exchange(b []byte, x *replay.Exchange) []byte {
	h := e.head[:0]
	flags := uint64(0)
	set := func(on bool, bit uint64) {
		if on {
			flags |= bit
		}
	}
	r, body, answer := x.Response, e.store(x.Body), storing{}
	if r != nil {
		answer = e.store(r.Body)
	}
	set(body.elsewhere, bitBodyElsewhere)
	set(answer.elsewhere, bitResponseBodyElsewhere)
	set(x.ShapeOnly, bitShape)
	set(r != nil, bitResponse)
	set(r != nil && r.Cut, bitCut)
	set(len(x.Trailer) > 0, bitTrailer)
	set(r != nil && len(r.Trailer) > 0, bitResponseTrailer)

	h = binary.AppendUvarint(h, flags)
	h = binary.AppendVarint(h, int64(x.At-e.at))
	h = binary.AppendVarint(h, int64(x.Seq-e.seq))
	e.at, e.seq = x.At, x.Seq
	h = binary.AppendUvarint(h, x.Conn)
	h = binary.AppendVarint(h, int64(x.Upload))
	h = e.string(h, x.Session)
	h = e.string(h, x.Method)
	h = e.string(h, x.Target)
	h = e.string(h, x.Host)
	h = e.string(h, x.Proto)
	h = e.header(h, x.Header)
	h = e.reference(size(h, x.Body, x.Size), body)
	if len(x.Trailer) > 0 {
		h = e.header(h, x.Trailer)
	}
	if r != nil {
		h = binary.AppendUvarint(h, uint64(r.Status))
		h = binary.AppendVarint(h, int64(r.FirstByte))
		h = binary.AppendVarint(h, int64(r.Duration))
		h = e.header(h, r.Header)
		h = e.reference(size(h, r.Body, r.Size), answer)
		if len(r.Trailer) > 0 {
			h = e.header(h, r.Trailer)
		}
	}
	e.head = h
	b = appendRecord(b, recordExchange, h, body.inline(), answer.inline())
	e.stored(body, len(b)-len(answer.inline())-len(body.inline()))
	e.stored(answer, len(b)-len(answer.inline()))
	if len(x.Beats) > 0 {
		b = e.beats(b, x.Beats)
	}
	return b
}

// beats := count uvarint | for each: since the one before varint, size*2+direction uvarint
func (e *encoder) beats(b []byte, all []replay.Beat) []byte {
	h := binary.AppendUvarint(e.head[:0], uint64(len(all)))
	at := time.Duration(0)
	for _, one := range all {
		h = binary.AppendVarint(h, int64(one.At-at))
		size := uint64(one.Size) << 1
		if one.FromServer {
			size |= 1
		}
		h, at = binary.AppendUvarint(h, size), one.At
	}
	e.head = h
	return appendRecord(b, recordBeats, h, nil, nil)
}

func (e *encoder) gap(b []byte, g replay.Gap) []byte {
	h := binary.AppendVarint(e.head[:0], int64(g.From))
	h = binary.AppendVarint(h, int64(g.To))
	h = binary.AppendUvarint(h, g.Lost)
	h = e.string(h, g.Cause)
	e.head = h
	return appendRecord(b, recordGap, h, nil, nil)
}

func (e *encoder) message(b []byte, m *replay.Message) []byte {
	h := binary.AppendVarint(e.head[:0], int64(m.At-e.at))
	e.at = m.At
	h = binary.AppendUvarint(h, m.Exchange)
	h = e.string(h, m.Session)
	fromServer := uint64(0)
	if m.FromServer {
		fromServer = 1
	}
	h = binary.AppendUvarint(h, fromServer)
	h = binary.AppendUvarint(h, uint64(m.Kind))
	h = size(h, m.Body, m.Size)
	e.head = h
	return appendRecord(b, recordMessage, h, m.Body, nil)
}

func appendRecord(b []byte, kind byte, head, body1, body2 []byte) []byte {
	var n [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(n[:], uint64(len(head)))
	b = binary.AppendUvarint(b, uint64(1+k+len(head)+len(body1)+len(body2)))
	b = append(b, kind)
	b = append(b, n[:k]...)
	b = append(b, head...)
	b = append(b, body1...)
	return append(b, body2...)
}

// string := 0 length bytes, for a new string | 1+n, for entry n of the frame's table. A new
// string of at most 256 bytes becomes the next entry while the table has fewer than 8192.
func (e *encoder) string(b []byte, s string) []byte {
	if n, known := e.table.number(s); known {
		return binary.AppendUvarint(b, n+1)
	}
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func (e *encoder) header(b []byte, h replay.Header) []byte {
	b = binary.AppendUvarint(b, uint64(len(h)))
	for _, f := range h {
		b = e.string(b, f.Name)
		b = e.string(b, f.Value)
	}
	return b
}

// size := bytes of the body in the record uvarint | bytes that are missing from it uvarint
func size(b, body []byte, whole int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(body)))
	return binary.AppendUvarint(b, uint64(max(0, whole-int64(len(body)))))
}
