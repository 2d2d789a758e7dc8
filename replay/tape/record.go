package tape

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/gameday-dev/gameday/replay"
)

// Kinds of records in a data frame. A reader steps over kinds it does not know.
const (
	recordExchange = 1
	recordGap      = 2
	recordMessage  = 3
	recordBeats    = 4 // of the exchange before it in the frame
)

// Bits of an exchange record.
const (
	bitShape = 1 << iota
	bitResponse
	bitCut
	bitTrailer
	bitResponseTrailer
	bitBodyElsewhere // a reference stands for the body, see shelf
	bitResponseBodyElsewhere
)

// tableMax bounds the string table of a frame, tableString what goes into it: names, hosts,
// user agents and cookies repeat, long values do not.
const (
	tableMax    = 8192
	tableString = 256
)

// exchangeMin is less than any exchange takes in a frame.
const exchangeMin = 12

// encoder turns exchanges into records. Its string table and its deltas live for one frame.
type encoder struct {
	head  []byte // scratch: the head of the record being written
	table map[string]uint64
	at    time.Duration
	seq   uint64

	frame    int64 // where the open frame is going to stand in the file
	referred int   // bytes of bodies that its records refer to
	shelf    shelf[[sha256.Size]byte, place]
}

func (e *encoder) reset() {
	if e.table == nil {
		e.table = make(map[string]uint64)
	}
	clear(e.table)
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
	if n, ok := e.table[s]; ok {
		return binary.AppendUvarint(b, n+1)
	}
	if len(s) <= tableString && len(e.table) < tableMax {
		e.table[s] = uint64(len(e.table))
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

var errRecord = errors.New("malformed record")

// decoder reads the records of one frame, in order, because the table and the deltas build up.
type decoder struct {
	payload []byte
	frame   int64 // where it stands in the file

	rest  []byte // of the payload, behind the window
	table []known
	at    time.Duration
	seq   uint64

	// Exchanges, header lines and the bytes of both are cut from small slabs, which are written once. So there
	// are few allocations, and an exchange that is kept for long keeps some kilobytes of its neighbours, and not
	// their frame.
	both   []both
	fields []replay.Field
	window []byte // whole records, a copy

	library  *library // nil: bodies that stand elsewhere are not wanted
	referred int      // bytes of them, in this frame
}

// known is an entry of a frame's string table.
type known struct {
	s   string
	own bool // else it lies in the window of the first record that has it
}

// both is an exchange with its response.
type both struct {
	x replay.Exchange
	r replay.Response
}

const (
	bothSlab  = 32       // 12 KiB
	fieldSlab = 256      // 8 KiB
	windowMax = 16 << 10 // but for a record that is larger
)

func (d *decoder) newBoth() *both {
	if len(d.both) == 0 {
		d.both = make([]both, bothSlab)
	}
	b := &d.both[0]
	d.both = d.both[1:]
	return b
}

// newHeader returns n lines; adding to them does not touch their neighbours.
func (d *decoder) newHeader(n int) replay.Header {
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

// open copies the next records of the frame, whose place is used again. Nobody else has what they are cut from.
func (d *decoder) open() {
	n := 0
	for n < len(d.rest) {
		length, k := binary.Uvarint(d.rest[n:])
		if k <= 0 || length > uint64(len(d.rest)-n-k) {
			break
		}
		next := n + k + int(length)
		if n > 0 && next > windowMax {
			break
		}
		n = next
	}
	if n == 0 { // the next record has no end: as much of it as tells so
		n = min(len(d.rest), binary.MaxVarintLen64)
	}
	d.window, d.rest = bytes.Clone(d.rest[:n]), d.rest[n:]
}

// reset begins with the frame at a place of the file. The payload may change once next has returned nothing or an error.
func (d *decoder) reset(payload []byte, frame int64) {
	clear(d.table) // their windows can go
	d.payload, d.frame, d.referred = payload, frame, 0
	d.rest, d.window, d.table, d.at, d.seq = payload, nil, d.table[:0], 0, 0
}

// left is how many bytes of the frame were not looked at.
func (d *decoder) left() int { return len(d.window) + len(d.rest) }

// decoded is one record: one of its fields is set, none at the end of the frame.
type decoded struct {
	exchange *replay.Exchange
	gap      *replay.Gap
	message  *replay.Message
}

// next returns the next record of the frame.
func (d *decoder) next() (r decoded, err error) {
	for d.left() > 0 {
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
	if len(d.window) == 0 {
		d.open()
	}
	n, k := binary.Uvarint(d.window)
	if k <= 0 || n == 0 || n > RecordMax || n > uint64(len(d.window)-k) {
		return 0, head, nil, fmt.Errorf("%w: bad length", errRecord)
	}
	record := d.window[k : k+int(n)]
	d.window = d.window[k+int(n):]
	size, k := binary.Uvarint(record[1:])
	if k <= 0 || size > uint64(len(record)-1-k) {
		return 0, head, nil, fmt.Errorf("%w: bad head length", errRecord)
	}
	if kind = record[0]; kind < recordExchange || kind > recordBeats {
		return kind, head, nil, nil
	}
	text := record[1+k : 1+k+int(size)]
	return kind, fields{s: unsafe.String(unsafe.SliceData(text), len(text)), d: d}, record[1+k+int(size):], nil // nobody writes to text again
}

// follows reports whether the next record is of a kind.
func (d *decoder) follows(kind byte) bool {
	b := d.window
	if len(b) == 0 {
		b = d.rest
	}
	n, k := binary.Uvarint(b)
	return k > 0 && n > 0 && k < len(b) && b[k] == kind
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

// timesBehind appends, for each record of a frame that counts, the earliest time of those behind it. It looks at the
// times alone, and ends where a record is malformed: so will the decoder.
func timesBehind(b []int64, payload []byte) []int64 {
	at := int64(0)
	for len(payload) > 0 {
		length, k := binary.Uvarint(payload)
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
		_, k := binary.Uvarint(b)
		if k <= 0 {
			return 0
		}
		b = b[k:]
	}
	step, _ := binary.Varint(b)
	return step
}

// fields reads the head of one record. After the first error it yields zeros.
type fields struct {
	s   string
	at  int // what is before it was read
	d   *decoder
	err error
}

func (f *fields) left() int { return len(f.s) - f.at }

func (f *fields) exchange(bodies []byte) (*replay.Exchange, error) {
	both := f.d.newBoth()
	x := &both.x
	flags := f.uvarint()
	f.d.at += time.Duration(f.varint())
	f.d.seq += uint64(f.varint())
	x.At, x.Seq = f.d.at, f.d.seq
	x.Conn = f.uvarint()
	x.Upload = time.Duration(f.varint())
	x.Session = f.string()
	x.Method = f.string()
	x.Target = f.string()
	x.Host = f.string()
	x.Proto = f.string()
	x.ShapeOnly = flags&bitShape != 0
	x.Header = f.header()
	x.Body, x.Size, bodies = f.body(bodies, flags&bitBodyElsewhere != 0)
	if flags&bitTrailer != 0 {
		x.Trailer = f.header()
	}
	if flags&bitResponse != 0 {
		r := &both.r
		r.Cut = flags&bitCut != 0
		r.Status = int(f.uvarint())
		r.FirstByte = time.Duration(f.varint())
		r.Duration = time.Duration(f.varint())
		r.Header = f.header()
		r.Body, r.Size, bodies = f.body(bodies, flags&bitResponseBodyElsewhere != 0)
		if flags&bitResponseTrailer != 0 {
			r.Trailer = f.header()
		}
		x.Response = r
	}
	if f.err == nil && (f.left() > 0 || len(bodies) > 0) {
		f.fail("bytes left over")
	}
	return x, f.err
}

func (f *fields) gap() (*replay.Gap, error) {
	g := &replay.Gap{
		From: time.Duration(f.varint()),
		To:   time.Duration(f.varint()),
		Lost: f.uvarint(),
	}
	g.Cause = f.string()
	return g, f.err
}

func (f *fields) message(bodies []byte) (*replay.Message, error) {
	f.d.at += time.Duration(f.varint())
	m := &replay.Message{At: f.d.at, Exchange: f.uvarint(), Session: f.string(), FromServer: f.uvarint() == 1}
	m.Kind = replay.MessageKind(f.uvarint())
	n, missing := f.bodySize()
	m.Body, bodies = f.inline(bodies, n)
	m.Size = int64(n + missing)
	if f.err == nil && (f.left() > 0 || len(bodies) > 0) {
		f.fail("bytes left over")
	}
	return m, f.err
}

func (f *fields) beats() ([]replay.Beat, error) {
	n := f.uvarint()
	if n > uint64(f.left()/2) {
		f.fail("more messages than bytes")
		return nil, f.err
	}
	all, at := make([]replay.Beat, n), time.Duration(0)
	for i := range all {
		at += time.Duration(f.varint())
		size := f.uvarint()
		all[i] = replay.Beat{At: at, FromServer: size&1 != 0, Size: int64(size >> 1)}
	}
	if f.err == nil && f.left() > 0 {
		f.fail("bytes left over")
	}
	return all, f.err
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", errRecord, what)
	}
	f.s, f.at = "", 0
}

// uvarint is binary.Uvarint for a string.
func (f *fields) uvarint() uint64 {
	if f.at < len(f.s) && f.s[f.at] < 0x80 {
		f.at++
		return uint64(f.s[f.at-1])
	}
	return f.long()
}

func (f *fields) long() uint64 {
	var v uint64
	for i, c := range []byte(f.s[f.at:]) {
		if i == binary.MaxVarintLen64 {
			break
		}
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				break
			}
			f.at += i + 1
			return v | uint64(c)<<(7*i)
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	f.fail("bad number")
	return 0
}

func (f *fields) varint() int64 {
	u := f.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (f *fields) string() string {
	ref := f.uvarint()
	if ref == 0 {
		return f.newString()
	}
	if ref > uint64(len(f.d.table)) {
		f.fail("unknown string")
		return ""
	}
	k := &f.d.table[ref-1]
	if !k.own { // lest who keeps this record keeps the window of that other one
		k.s, k.own = strings.Clone(k.s), true
	}
	return k.s
}

func (f *fields) newString() string {
	n := f.uvarint()
	if n > stringMax || n > uint64(f.left()) {
		f.fail("string too long")
		return ""
	}
	s := f.s[f.at : f.at+int(n)]
	f.at += int(n)
	if len(s) <= tableString && len(f.d.table) < tableMax {
		f.d.table = append(f.d.table, known{s: s, own: len(f.d.payload) <= windowMax}) // all of it is one window
	}
	return s
}

func (f *fields) header() replay.Header {
	n := f.uvarint()
	if n > headersMax || n > uint64(f.left()) { // a line takes at least two bytes
		f.fail("too many header lines")
		return nil
	}
	if n == 0 {
		return nil
	}
	h := f.d.newHeader(int(n))
	for i := range h {
		h[i].Name = f.string()
		h[i].Value = f.string()
	}
	return h
}

// body takes a body of an exchange, from b unless it stands elsewhere. Those of exchanges alone are referred to.
func (f *fields) body(b []byte, elsewhere bool) (body []byte, whole int64, rest []byte) {
	n, missing := f.bodySize()
	if elsewhere {
		return f.referred(n), int64(n + missing), b
	}
	body, rest = f.inline(b, n)
	if d := f.d; len(body) > 0 && d.library != nil {
		d.library.add(place{d.frame, uint64(len(d.payload) - d.left() - len(b))}, body)
	}
	return body, int64(n + missing), rest
}

// bodySize is how many bytes of a body are on the tape, and how many are missing from it.
func (f *fields) bodySize() (n, missing uint64) {
	if n, missing = f.uvarint(), f.uvarint(); missing > 1<<62 {
		f.fail("body too long")
	}
	return n, missing
}

// inline takes n bytes from b, which nobody else has. Appending to them does not touch what follows.
func (f *fields) inline(b []byte, n uint64) (body, rest []byte) {
	if n > uint64(len(b)) {
		f.fail("body too long")
	}
	if f.err != nil || n == 0 {
		return nil, b
	}
	return b[:n:n], b[n:]
}

// referredMax bounds what the bodies take that one frame refers to. A frame is closed once they take RecordMax.
const referredMax = 2 * RecordMax

// referred finds the n bytes of a body that stands elsewhere; nil when they are missing.
func (f *fields) referred(n uint64) []byte {
	back, at := f.uvarint(), f.uvarint()
	d := f.d
	if n < bodyMin || n > RecordMax || back > uint64(d.frame) {
		f.fail("reference to no body")
	}
	if f.err != nil || d.library == nil {
		return nil
	}
	if d.referred += int(n); d.referred > referredMax {
		f.fail("references to too much")
		return nil
	}
	body, err := d.library.find(place{d.frame - int64(back), at}, int(n), d.frame, d.payload)
	if err != nil && f.err == nil {
		f.err = err
	}
	return body
}
