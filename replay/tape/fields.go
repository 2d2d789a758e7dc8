package tape

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// fields reads the head of one record. After the first error it yields zeros.
type fields struct {
	b   []byte
	at  int // what is before it was read
	d   *decoder
	err error
}

func (f *fields) left() int { return len(f.b) - f.at }

func (f *fields) exchange(bodies []byte) (*replay.Exchange, error) {
	x, r := f.d.newExchange()
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
	x.Header = f.header(x.Header)
	x.Body, x.Size, bodies = f.body(x.Body, bodies, flags&bitBodyElsewhere != 0)
	if flags&bitTrailer != 0 {
		x.Trailer = f.header(nil)
	}
	if flags&bitResponse != 0 {
		r.Cut = flags&bitCut != 0
		r.Status = int(f.uvarint())
		r.FirstByte = time.Duration(f.varint())
		r.Duration = time.Duration(f.varint())
		r.Header = f.header(r.Header)
		r.Body, r.Size, bodies = f.body(r.Body, bodies, flags&bitResponseBodyElsewhere != 0)
		if flags&bitResponseTrailer != 0 {
			r.Trailer = f.header(nil)
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
	f.d.reused = false
	m := &replay.Message{At: f.d.at, Exchange: f.uvarint(), Session: f.string(), FromServer: f.uvarint() == 1}
	m.Kind = replay.MessageKind(f.uvarint())
	n, missing := f.bodySize()
	m.Body, bodies = f.inline(nil, bodies, n)
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
	f.b, f.at = nil, 0
}

// uvarint is binary.Uvarint. Of the numbers in a record, most are references to the table: a byte or two.
func (f *fields) uvarint() uint64 {
	if at := f.at; at+1 < len(f.b) {
		low, high := uint64(f.b[at]), uint64(f.b[at+1])
		if low < 0x80 {
			f.at = at + 1
			return low
		}
		if high < 0x80 {
			f.at = at + 2
			return low&0x7f | high<<7
		}
	}
	return f.long()
}

func (f *fields) long() uint64 {
	v, n := binary.Uvarint(f.b[f.at:])
	if n <= 0 {
		f.fail("bad number")
		return 0
	}
	f.at += n
	return v
}

func (f *fields) varint() int64 {
	u := f.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (f *fields) string() string {
	n := f.uvarint() - 1
	if t := f.d.table; n < uint64(len(t)) {
		return t[n]
	}
	return f.newString(n)
}

// newString is string of a reference, less 1, for what is not in the table.
func (f *fields) newString(n uint64) string {
	if n+1 != 0 {
		f.fail("unknown string")
		return ""
	}
	n = f.uvarint()
	if n > stringMax || n > uint64(f.left()) {
		f.fail("string too long")
		return ""
	}
	s := f.d.text(f.b[f.at : f.at+int(n)])
	f.at += int(n)
	if len(s) <= tableString && len(f.d.table) < tableMax {
		f.d.table = append(f.d.table, s)
	}
	return s
}

func (f *fields) header(old replay.Header) replay.Header {
	n := f.uvarint()
	if n > headersMax || n > uint64(f.left()) { // a line takes at least two bytes
		f.fail("too many header lines")
		return nil
	}
	if n == 0 {
		return nil
	}
	h := f.d.newHeader(old, int(n))
	for i := range h {
		h[i].Name = f.string()
		h[i].Value = f.string()
	}
	return h
}

// body takes a body of an exchange, in the place of an old one if it fits: from b unless it stands elsewhere. Those of exchanges alone are referred to.
func (f *fields) body(old, b []byte, elsewhere bool) (body []byte, whole int64, rest []byte) {
	n, missing := f.bodySize()
	if elsewhere {
		return f.referred(n), int64(n + missing), b
	}
	body, rest = f.inline(old, b, n)
	if d := f.d; len(body) > 0 && d.library != nil {
		d.library.add(place{d.frame, uint64(len(d.payload) - len(d.rest) - len(b))}, body)
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

// inline returns a copy of n bytes from b, in the place of an old one if it fits.
func (f *fields) inline(old, b []byte, n uint64) (body, rest []byte) {
	if n > uint64(len(b)) {
		f.fail("body too long")
	}
	if f.err != nil || n == 0 {
		return nil, b
	}
	return f.d.newBody(old, b[:n]), b[n:]
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
