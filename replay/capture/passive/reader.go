package passive

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/gameday-dev/gameday/internal/tcpstream"
)

// Limits of one message besides its body.
const (
	headMax = 256 << 10
	lineMax = 4 << 10 // of a chunk's size with its extensions
)

var (
	errNoStart = errors.New("no start line where a message should begin")
	errTooLong = errors.New("the head is over the limit")
	errChunk   = errors.New("the chunks of the body do not fit together")
)

// state is what a reader expects next.
type state uint8

const (
	seek       state = iota // anything, until a message begins
	idle                    // the next message
	head                    // more of a head
	fixed                   // more of a body of known size
	chunkSize               // the line before a chunk
	chunkData               // more of a chunk
	chunkEnd                // the line end behind a chunk
	trailer                 // lines behind the last chunk
	untilClose              // a body that ends with the stream
	switched                // another protocol took over
	foreign                 // never was HTTP/1: nothing is read
)

// A framing says how the end of a message is found.
type framing struct {
	kind state // idle for no body, fixed, chunkSize or untilClose
	size int64 // of a fixed body
}

// place is a point in a stream.
type place struct {
	at     int64 // time of its packet, ns
	offset int64
	acked  int64 // how much of the other stream its sender had received
}

// sink is told what a reader finds. Bytes are valid during the call.
type sink interface {
	// head takes a start line with header lines and says how the body is framed. An error means that
	// this is no message.
	head(b []byte, first place) (framing, error)
	body(b []byte)
	hole(n int64) // bytes of the body are missing
	trailer(b []byte)
	// complete says that the message is over, and returns what follows: idle or switched.
	complete() state
	// broken says that messages are missing, and that the one under way, if any, cannot be read further.
	broken(first place, begun bool)
	other(b []byte) // bytes of another protocol, which took over
	// malformed says that the stream is not what it should be, and returns what to do about it: seek or foreign.
	malformed(error) state
}

// reader takes one direction of a connection apart into messages, as the bytes come.
type reader struct {
	out      sink
	tally    *tally
	requests bool
	state    state
	why      fate // of what is skipped while seeking
	guess    bool // the head under way was found by seeking: it may turn out to be something else

	buf   []byte // the head or line under way, when it came in pieces
	line  int    // where the last line of buf begins
	left  int64  // of the body or chunk
	first place  // of the message under way
	now   place  // of the bytes being read
}

// data reads the next stretch of the stream.
func (r *reader) data(s tcpstream.Segment) {
	r.now = place{at: s.At, offset: s.Offset, acked: s.Acked}
	for b, start := s.Data, true; len(b) > 0; start = false {
		n := r.step(b, start)
		b = b[n:]
		r.now.offset += int64(n)
	}
}

// step reads at least one byte of b. start is true at the start of a packet.
func (r *reader) step(b []byte, start bool) int {
	switch r.state {
	case seek:
		return r.find(b, start)
	case idle:
		return r.begin(b)
	case head:
		if start && r.guess && r.line == 0 && likely(b, r.requests) == certain {
			r.tally.skip(r.why, len(r.buf)) // what looked like a head was something else
			r.drop()
			r.first = r.now
		}
		return r.collect(b, headMax, r.headLine)
	case fixed, chunkData:
		n := int(min(r.left, int64(len(b))))
		r.out.body(b[:n])
		r.shorten(int64(n))
		return n
	case chunkSize:
		return r.collect(b, lineMax, r.chunkSizeLine)
	case chunkEnd:
		return r.collect(b, lineMax, r.chunkEndLine)
	case trailer:
		return r.collect(b, headMax, r.trailerLine)
	case untilClose:
		r.out.body(b)
	case switched:
		r.out.other(b)
	case foreign:
		r.tally.skip(fateForeign, len(b))
	}
	return len(b)
}

// find looks for the start of a message: at the start of a packet, or behind an empty line.
func (r *reader) find(b []byte, start bool) int {
	if start && likely(b, r.requests) != unlikely {
		r.state, r.first, r.guess = head, r.now, true
		return r.collect(b, headMax, r.headLine)
	}
	n := len(b)
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte("\r\n\r\n"))
		if i < 0 {
			break
		}
		from += i + 4
		if likely(b[from:], r.requests) == certain && startLine(b[from:], r.requests) {
			n, r.state = from, idle
			break
		}
	}
	r.tally.skip(r.why, n)
	return n
}

// begin reads the first bytes where a message should begin.
func (r *reader) begin(b []byte) int {
	blank := 0
	for blank < len(b) && (b[blank] == '\r' || b[blank] == '\n') {
		blank++ // some clients end a body with an empty line too many
	}
	if blank > 0 {
		return blank
	}
	r.first, r.guess = r.now, false
	if !plausible(b, r.requests) {
		r.wrong(errNoStart, 0)
		return r.step(b, false)
	}
	r.state = head
	if n := headEnd(b); n > 0 && n <= headMax { // all of it has come in one packet, as most do
		r.message(b[:n])
		return n
	}
	return r.collect(b, headMax, r.headLine)
}

// collect reads lines. It calls line with all of them so far, and where the last one begins, until line has
// what it wants; what came in pieces is put together.
func (r *reader) collect(b []byte, limit int, line func(text []byte, last int) (done bool)) (n int) {
	whole, last := len(r.buf) == 0, r.line
	for n < len(b) {
		end := bytes.IndexByte(b[n:], '\n') + 1
		if end == 0 {
			break
		}
		text := b[:n+end]
		if !whole {
			r.buf = append(r.buf, b[n:n+end]...)
			text = r.buf
		}
		n += end
		if line(text, last) {
			r.drop()
			return n
		}
		last = len(text)
	}
	if whole {
		r.buf = append(r.buf[:0], b...)
	} else {
		r.buf = append(r.buf, b[n:]...)
	}
	r.line = last
	if len(r.buf) > limit {
		r.wrong(errTooLong, len(r.buf))
	}
	return len(b)
}

// drop forgets the head or line under way.
func (r *reader) drop() {
	if cap(r.buf) > lineMax {
		r.buf = nil // connections are many, and long heads are few
	}
	r.buf, r.line = r.buf[:0], 0
}

// wrong notes that n bytes read, and what follows, are no message.
func (r *reader) wrong(err error, n int) {
	r.drop()
	if r.guess {
		r.state = seek // it only looked like one
	} else {
		r.state, r.why = r.out.malformed(err), fateForeign
	}
	if r.state == foreign {
		r.tally.skip(fateForeign, n)
	} else {
		r.tally.skip(r.why, n)
	}
}

func (r *reader) headLine(text []byte, last int) (done bool) {
	if last == 0 && !(startLine(text, r.requests) && (!r.guess || likely(text, r.requests) == certain)) {
		r.wrong(errNoStart, len(text))
		return true
	}
	if !blank(text[last:]) {
		return false
	}
	r.message(text)
	return true
}

// message begins the message with a head.
func (r *reader) message(head []byte) {
	f, err := r.out.head(head, r.first)
	r.guess = false
	if err != nil {
		r.wrong(err, len(head))
		return
	}
	r.state, r.left = f.kind, f.size
	if f.kind == idle || f.kind == fixed && f.size == 0 {
		r.state = r.out.complete()
	}
}

func (r *reader) chunkSizeLine(text []byte, _ int) (done bool) {
	size, _, _ := bytes.Cut(text, []byte{';'})
	n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 62)
	switch {
	case err != nil:
		r.wrong(errChunk, len(text))
	case n == 0:
		r.state = trailer
	default:
		r.state, r.left = chunkData, int64(n)
	}
	return true
}

func (r *reader) chunkEndLine(text []byte, _ int) (done bool) {
	if r.state = chunkSize; !blank(text) {
		r.wrong(errChunk, len(text))
	}
	return true
}

func (r *reader) trailerLine(text []byte, last int) (done bool) {
	if !blank(text[last:]) {
		return false
	}
	if last > 0 {
		r.out.trailer(text)
	}
	r.state = r.out.complete()
	return true
}

// shorten notes that so much less of the body or chunk is left.
func (r *reader) shorten(n int64) {
	r.left -= n
	switch {
	case r.left > 0:
	case r.state == fixed:
		r.state = r.out.complete()
	default:
		r.state = chunkEnd
	}
}

// gap steps over n bytes that were not captured. Within a body of known size nothing else is lost.
func (r *reader) gap(n int64) {
	switch r.state {
	case fixed, chunkData:
		in := min(n, r.left)
		r.out.hole(in)
		r.shorten(in)
		if in == n {
			return
		}
	case untilClose:
		r.out.hole(n)
		return
	case switched, foreign:
		return
	}
	begun := r.state != seek && r.state != idle && !r.guess
	if r.state != switched {
		if r.guess {
			r.tally.skip(r.why, len(r.buf))
		}
		r.state, r.why, r.guess = seek, fateBehindGap, false
		r.drop()
		r.out.broken(r.first, begun)
	}
}

// underway reports whether a message has begun and is not over.
func (r *reader) underway() bool {
	return !r.guess && r.state >= head && r.state <= untilClose
}

// headEnd returns the length of the head that b begins with, up to its empty line; 0 when that has not come.
func headEnd(b []byte) int {
	for n := 0; ; {
		line := bytes.IndexByte(b[n:], '\n') + 1
		if line == 0 {
			return 0
		}
		n += line
		switch rest := b[n:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return n + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return n + 2
		}
	}
}

func blank(line []byte) bool { return string(line) == "\r\n" || string(line) == "\n" }

// plausible reports whether b can be the beginning of a message.
func plausible(b []byte, request bool) bool {
	if bytes.IndexByte(b, '\n') >= 0 {
		return startLine(b, request)
	}
	if !request {
		const version = "HTTP/1."
		n := min(len(b), len(version))
		return string(b[:n]) == version[:n]
	}
	n := 0
	for n < len(b) && isMethodByte(b[n]) {
		n++
	}
	return n > 0 && n <= methodMax && (n == len(b) || b[n] == ' ')
}

// likelihood is how much a text in the middle of nowhere looks like the beginning of a message.
type likelihood uint8

const (
	unlikely likelihood = iota
	possible            // as far as it goes, which is not far
	certain             // as far as one can be
)

// likely is stricter than plausible: what it judges may be the rest of a body, and bodies hold anything.
func likely(b []byte, request bool) likelihood {
	starts := []string{"HTTP/1."}
	if request {
		starts = []string{
			"GET /", "POST /", "PUT /", "DELETE /", "PATCH /", "HEAD /", "OPTIONS /", "OPTIONS *", "CONNECT ", "TRACE /",
			"GET http", "POST http", "PUT http", "DELETE http", "PATCH http", "HEAD http", "OPTIONS http",
			"PROPFIND /", "PROPPATCH /", "MKCOL /", "COPY /", "MOVE /", "LOCK /", "UNLOCK /", "REPORT /", "PURGE /", "QUERY /", "PRI * HTTP/2.0",
		}
	}
	best := unlikely
	for _, start := range starts {
		if n := min(len(b), len(start)); string(b[:n]) != start[:n] {
			continue
		} else if n == len(start) {
			return certain
		}
		best = possible
	}
	return best
}

const methodMax = 32

func isMethodByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_'
}

// startLine reports whether b begins with a whole request line, or status line.
func startLine(b []byte, request bool) bool {
	line, _, whole := bytes.Cut(b, []byte{'\n'})
	if !whole {
		return false
	}
	if request {
		_, _, _, ok := requestLine(line)
		return ok
	}
	_, ok := statusLine(line)
	return ok
}

// requestLine splits "GET /a HTTP/1.1"; odd targets, even with blanks, stay whole.
func requestLine(b []byte) (method, target, proto []byte, ok bool) {
	b = bytes.TrimSuffix(b, []byte{'\r'})
	method, rest, _ := bytes.Cut(b, []byte{' '})
	i := bytes.LastIndexByte(rest, ' ')
	if i <= 0 || len(method) == 0 || len(method) > methodMax {
		return nil, nil, nil, false
	}
	for _, c := range method {
		if !isMethodByte(c) {
			return nil, nil, nil, false
		}
	}
	target, proto = rest[:i], rest[i+1:]
	return method, target, proto, len(proto) == len("HTTP/1.1") && string(proto[:5]) == "HTTP/"
}

// statusLine returns the status of "HTTP/1.1 200 OK".
func statusLine(b []byte) (status int, ok bool) {
	const version = "HTTP/1."
	if len(b) < len("HTTP/1.1 200") || string(b[:len(version)]) != version || b[8] != ' ' {
		return 0, false
	}
	for _, c := range b[9:12] {
		if c < '0' || c > '9' {
			return 0, false
		}
		status = status*10 + int(c-'0')
	}
	return status, status >= 100 && (len(b) == 12 || b[12] == ' ' || b[12] == '\r')
}
