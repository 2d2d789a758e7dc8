package replay

import (
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// An h2stream is one request on an HTTP/2 connection, and its answer as it comes. It is used again for the next request
// of its slot.
type h2stream struct {
	slot   *conn  // whose request it is
	link   *conn  // that it goes over
	cancel func() // breaks it off; made once
	call   *call  // that is said by and by; nil for all other requests
	id     uint32

	window int64  // bytes that the server takes now
	credit int64  // bytes that the server may send now
	rest   []byte // of the body, for when it takes more
	more   bool   // that are not due yet follow them, within its capacity
	sent   int64  // bytes of the body so far
	queued bool   // among those that wait to send more

	answer   answer
	keep     bool
	bodiless bool  // whatever the answer's header says: its method is HEAD
	heard    bool  // something of the answer came
	headed   bool  // its header, not that of an interim answer
	interim  int   // answers before the final one
	left     int64 // of the length that its header says; -1 when it says none
	block    h2block
}

// An h2block is a header block that is being read.
type h2block struct {
	size    int   // of the list
	regular bool  // a field came that is no pseudo field
	wrong   error // with it
}

// field takes one field of a header block.
func (st *h2stream) field(f hpack.HeaderField) {
	b := &st.block
	if b.size += int(f.Size()); b.wrong != nil {
		return
	}
	switch pseudo := len(f.Name) > 0 && f.Name[0] == ':'; {
	case b.size > maxHead:
		b.wrong = fmt.Errorf("header of the response is longer than %d bytes", maxHead)
	case !isWire(f):
		b.wrong = fmt.Errorf("header of the response has a field that cannot be: %.40q", f.Name)
	case pseudo:
		b.wrong = st.pseudo(f, b.regular)
	default:
		b.regular = true
		b.wrong = st.regular(f)
	}
}

// pseudo takes the status, which must be there once, and first.
func (st *h2stream) pseudo(f hpack.HeaderField, late bool) error {
	n, err := strconv.ParseUint(f.Value, 10, 16)
	if f.Name != ":status" || late || st.headed || st.answer.status != 0 || err != nil || len(f.Value) != 3 || n < 100 {
		return fmt.Errorf("header of the response has a wrong pseudo field: %.40q %.40q", f.Name, f.Value)
	}
	st.answer.status = int(n)
	return nil
}

func (st *h2stream) regular(f hpack.HeaderField) error {
	if f.Name == "grpc-status" {
		if status := readRPC(f.Value); status != 0 { // that of the trailer counts, if there is one
			st.answer.rpc = status
		}
	}
	if st.headed {
		return nil // of the trailer nothing else is of interest
	}
	switch f.Name {
	case "content-length":
		n, err := strconv.ParseUint(f.Value, 10, 63)
		if err != nil {
			return fmt.Errorf("content length of the response: %w", err)
		}
		st.left = int64(n)
	case "retry-after":
		st.answer.retry = f.Value != ""
	case "x-degraded":
		st.answer.degraded = f.Value != ""
	}
	if st.keep {
		st.answer.header = append(st.answer.header, Field{textproto.CanonicalMIMEHeaderKey(f.Name), f.Value})
	}
	return nil
}

// isWire reports whether a field can stand in a header (RFC 9113, 8.2.1).
func isWire(f hpack.HeaderField) bool {
	if f.Name == "" {
		return false
	}
	for i := range len(f.Name) {
		if c := f.Name[i]; c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' || c == ':' && i > 0 {
			return false
		}
	}
	for i := range len(f.Value) {
		if c := f.Value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// endBlock takes the end of a header block.
func (st *h2stream) endBlock(last bool) error {
	b := st.block
	st.block = h2block{}
	switch status := st.answer.status; {
	case b.wrong != nil:
		return b.wrong
	case st.headed && !last:
		return errors.New("trailer of the response does not end it")
	case st.headed:
		return nil
	case status == 0:
		return errors.New("header of the response has no status")
	case status >= 200:
		st.headed = true
		return nil
	case last:
		return errors.New("interim response ends the stream")
	}
	if st.interim++; st.interim == maxInterim {
		return fmt.Errorf("more than %d interim responses", maxInterim-1)
	}
	st.answer, st.left = answer{}, -1
	return nil
}

// data takes a part of the body.
func (st *h2stream) data(b []byte) error {
	switch {
	case !st.headed:
		return errors.New("body of the response comes before its header")
	case len(b) == 0:
		return nil
	case st.bodiless:
		return errors.New("response to HEAD has a body")
	case st.left >= 0 && int64(len(b)) > st.left:
		return errors.New("body of the response is longer than its header says")
	case st.left >= 0:
		st.left -= int64(len(b))
	}
	if st.keep {
		st.answer.body = append(st.answer.body, b[:min(len(b), maxKept-len(st.answer.body))]...)
	}
	st.answer.size += int64(len(b))
	if st.call != nil {
		st.call.answer.hear(b)
	}
	return nil
}

// end says that nothing follows, not even an empty body if bare. It returns an error when the answer is not whole.
func (st *h2stream) end(bare bool) error {
	switch {
	case !st.headed:
		return errors.New("stream ends without a response")
	case st.left > 0 && !bare && !st.bodiless:
		return io.ErrUnexpectedEOF
	}
	return nil
}

// errReset is what a server says with RST_STREAM.
type errReset http2.ErrCode

func (e errReset) Error() string { return "stream reset by the server: " + http2.ErrCode(e).String() }
