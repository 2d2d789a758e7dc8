package replay

import (
	"net/textproto"
	"strings"
	"time"
)

// An Exchange is one captured request and, where it was seen, its response.
//
// All times are offsets on the monotonic axis of the source: zero is the moment the source
// calls its start, so that exchanges of one source can be compared and added without a wall
// clock.
type Exchange struct {
	Session string // who asked; exchanges of one session keep their order. Empty when unknown.
	Conn    uint64 // connection it was captured on; 0 when the source had none to tell
	Seq     uint64 // number given by the source, unique within it

	At     time.Duration // first byte of the request, since the start of the source
	Upload time.Duration // from At to the last byte of the request; 0 when unknown

	Method string
	Target string // request target as sent: "/search?q=tea", kept even where it is odd
	Host   string // Host header or :authority; not repeated in Header
	Proto  string // "HTTP/1.1", "HTTP/2.0" ...; empty means HTTP/1.1

	Header  Header // without Host, in the order of the source
	Body    []byte // after removal of transfer coding, before removal of content coding
	Trailer Header

	// Size is how many bytes the body had. It is larger than len(Body) when the body was
	// over the limit of the capture, or was never available (ShapeOnly).
	Size int64

	// Beats are the messages of a gRPC stream, in order of time: what the bodies have, and when. Nil for calls with one
	// message each way, and where nobody watched.
	Beats []Beat

	Response  *Response // nil when none was seen
	ShapeOnly bool      // from a log: method, target and status are real, headers and bodies are not
}

// A Response is what the recorded system answered.
type Response struct {
	Status  int
	Header  Header
	Body    []byte // as Exchange.Body
	Trailer Header
	Size    int64 // as Exchange.Size

	FirstByte time.Duration // from Exchange.At to the first byte of the response
	Duration  time.Duration // from Exchange.At to its last byte: the recorded latency

	// Cut is true when the response ended before its message was complete: the client went
	// away, or the upstream broke off.
	Cut bool
}

// A Beat is one message of a stream.
type Beat struct {
	At         time.Duration // its last byte, since Exchange.At
	FromServer bool          // direction
	Size       int64         // bytes, with the prefix of its length
}

// Truncated reports whether the source holds less of the request body than was sent.
func (x *Exchange) Truncated() bool { return x.Size > int64(len(x.Body)) }

// Truncated reports whether the source holds less of the response body than was sent.
func (r *Response) Truncated() bool { return r.Size > int64(len(r.Body)) }

// A Header holds fields in the order and spelling of the source. Names compare without case.
type Header []Field

// A Field is one header line.
type Field struct{ Name, Value string }

// Get returns the first value of the field, or "".
func (h Header) Get(name string) string {
	for _, f := range h {
		if len(f.Name) == len(name) && strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Has reports whether the field is present, with whatever value.
func (h Header) Has(name string) bool {
	for _, f := range h {
		if len(f.Name) == len(name) && strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// Set gives the first field of that name the value and removes the others; a field that was
// absent is added at the end. The receiver's array is reused.
func (h *Header) Set(name, value string) {
	kept := (*h)[:0]
	found := false
	for _, f := range *h {
		if strings.EqualFold(f.Name, name) {
			if found {
				continue
			}
			found, f.Value = true, value
		}
		kept = append(kept, f)
	}
	if !found {
		kept = append(kept, Field{textproto.CanonicalMIMEHeaderKey(name), value})
	}
	*h = kept
}

// Del removes all fields of that name. The receiver's array is reused.
func (h *Header) Del(name string) {
	kept := (*h)[:0]
	for _, f := range *h {
		if !strings.EqualFold(f.Name, name) {
			kept = append(kept, f)
		}
	}
	*h = kept
}
