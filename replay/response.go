package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The limits on what a server may answer. A body may be of any size; of a body that is kept only so much
// is.
const (
	maxHead      = 64 << 10 // status line and header, and again the trailer
	maxInterim   = 8        // 1xx answers before the final one
	maxChunkLine = 1 << 10
	maxKept      = 256 << 10
	bufferSize   = 8 << 10
)

// An answer is what the player wants to know of a response.
type answer struct {
	status   int
	size     int64 // of the body, without its framing
	degraded bool  // X-Degraded was there
	retry    bool  // Retry-After was there
	final    bool  // the connection cannot be used again

	// Kept on demand; valid for good.
	header Header
	body   []byte
}

// A responseReader reads HTTP/1.1 responses from a connection, one after the other, without keeping what is not
// asked for. It reads ahead into a buffer of its own.
type responseReader struct {
	src  io.Reader
	buf  []byte
	r, w int
	head int // bytes of header seen in the present message
}

func newResponseReader(src io.Reader) *responseReader {
	return &responseReader{src: src, buf: make([]byte, bufferSize)}
}

// await blocks until the first byte of the next response is there.
func (b *responseReader) await() error {
	if b.r < b.w {
		return nil
	}
	return b.fill()
}

// ahead reports whether the server has sent more than was asked for: what comes next would be taken for the
// answer to something else.
func (b *responseReader) ahead() bool { return b.r < b.w }

// fill reads once, after making room.
func (b *responseReader) fill() error {
	switch {
	case b.r == b.w:
		b.r, b.w = 0, 0
	case b.w == len(b.buf) && b.r > 0:
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	case b.w == len(b.buf):
		b.buf = append(b.buf, make([]byte, len(b.buf))...)
	}
	for range 100 {
		n, err := b.src.Read(b.buf[b.w:])
		b.w += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// line returns the next line without its end, valid until the next read. A line must be shorter than limit.
func (b *responseReader) line(limit int) ([]byte, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(b.buf[b.r+seen:b.w], '\n'); i >= 0 {
			line := b.buf[b.r : b.r+seen+i]
			b.r += seen + i + 1
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		seen = b.w - b.r
		if seen >= limit {
			return nil, fmt.Errorf("line of the response is longer than %d bytes", limit)
		}
		if err := b.fill(); err != nil {
			return nil, unexpected(err)
		}
	}
}

// unexpected marks an end within a message.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// read reads one response to a request of the method. With keep it keeps header and body, the body up to
// a limit. After an error the connection cannot be used again; the answer then holds what was seen.
func (b *responseReader) read(method string, keep bool) (answer, error) {
	for range maxInterim {
		var a answer
		framing, err := b.readHead(&a, keep)
		if err != nil {
			return a, err
		}
		if a.status == 101 {
			return a, errors.New("response switches protocols, which was not asked for")
		}
		if a.status < 200 {
			continue
		}
		if method == "HEAD" || a.status == 204 || a.status == 304 {
			return a, nil
		}
		return a, b.readBody(&a, framing, keep)
	}
	return answer{}, fmt.Errorf("more than %d interim responses", maxInterim)
}

// framing says how the end of a body is found.
type framing struct {
	chunked bool
	length  int64 // -1: until the connection ends
}

func (b *responseReader) readHead(a *answer, keep bool) (framing, error) {
	b.head = 0
	line, err := b.headLine()
	if err != nil {
		return framing{}, err
	}
	old, err := parseStatusLine(line, a)
	if err != nil {
		return framing{}, err
	}
	f := framing{length: -1}
	a.final = old
	coded := false
	for {
		line, err := b.headLine()
		if err != nil {
			return f, err
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 {
			return f, fmt.Errorf("header line of the response has no name: %.40q", line)
		}
		value = bytes.Trim(value, " \t")
		if keep {
			a.header = append(a.header, Field{string(name), string(value)})
		}
		switch len(name) { // names of other lengths are of no interest; X-Degraded is as long as Connection
		case len("Connection"), len("Retry-After"), len("Content-Length"), len("Transfer-Encoding"):
			coded = bytes.EqualFold(name, []byte("Transfer-Encoding")) || coded
			if err := f.note(a, name, value); err != nil {
				return f, err
			}
		}
	}
	if coded { // the length does not count beside a coding, and such a connection is not to be trusted
		if f.length >= 0 {
			a.final = true
		}
		f.length = -1
	}
	return f, nil
}

// headLine returns a line of the header, within the limit on all of it.
func (b *responseReader) headLine() ([]byte, error) {
	line, err := b.line(maxHead - b.head)
	b.head += len(line) + 2
	if err == nil && b.head > maxHead {
		return nil, fmt.Errorf("header of the response is longer than %d bytes", maxHead)
	}
	return line, err
}

// parseStatusLine sets the status, and reports whether the protocol is older than HTTP/1.1.
func parseStatusLine(line []byte, a *answer) (old bool, err error) {
	if len(line) < len("HTTP/1.1 200") || string(line[:7]) != "HTTP/1." || line[8] != ' ' {
		return false, fmt.Errorf("not an HTTP/1 response: %.40q", line)
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return false, fmt.Errorf("status of the response is no number: %.40q", line)
		}
		a.status = a.status*10 + int(c-'0')
	}
	if a.status < 100 || len(line) > 12 && line[12] != ' ' {
		return false, fmt.Errorf("status of the response is out of range: %.40q", line)
	}
	return line[7] == '0', nil
}

// note takes what matters from one header line.
func (f *framing) note(a *answer, name, value []byte) error {
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil {
			return fmt.Errorf("content length of the response: %w", err)
		}
		if f.length >= 0 && f.length != int64(n) {
			return fmt.Errorf("response has two content lengths, %d and %d", f.length, n)
		}
		f.length = int64(n)
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		last := value[bytes.LastIndexByte(value, ',')+1:]
		f.chunked = bytes.EqualFold(bytes.Trim(last, " \t"), []byte("chunked"))
	case bytes.EqualFold(name, []byte("Connection")):
		for option := range strings.SplitSeq(string(value), ",") {
			switch strings.ToLower(strings.TrimSpace(option)) {
			case "close":
				a.final = true
			case "keep-alive":
				a.final = false
			}
		}
	case bytes.EqualFold(name, []byte("Retry-After")):
		a.retry = true
	case bytes.EqualFold(name, []byte("X-Degraded")):
		a.degraded = true
	}
	return nil
}

func (b *responseReader) readBody(a *answer, f framing, keep bool) error {
	switch {
	case f.chunked:
		return b.readChunks(a, keep)
	case f.length >= 0:
		return b.take(a, f.length, keep)
	}
	a.final = true
	for {
		b.consume(a, b.w-b.r, keep)
		switch err := b.fill(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// take reads n bytes of the body.
func (b *responseReader) take(a *answer, n int64, keep bool) error {
	for {
		have := min(int64(b.w-b.r), n)
		b.consume(a, int(have), keep)
		if n -= have; n == 0 {
			return nil
		}
		if err := b.fill(); err != nil {
			return unexpected(err)
		}
	}
}

func (b *responseReader) consume(a *answer, n int, keep bool) {
	if keep {
		a.body = append(a.body, b.buf[b.r:b.r+min(n, maxKept-len(a.body))]...)
	}
	b.r += n
	a.size += int64(n)
}

func (b *responseReader) readChunks(a *answer, keep bool) error {
	for {
		line, err := b.line(maxChunkLine)
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t")), 16, 63)
		if err != nil {
			return fmt.Errorf("chunk size of the response: %w", err)
		}
		if n == 0 {
			return b.trailer()
		}
		if err := b.take(a, int64(n), keep); err != nil {
			return err
		}
		if line, err = b.line(maxChunkLine); err != nil {
			return err
		}
		if len(line) != 0 {
			return fmt.Errorf("chunk of the response is longer than its size: %.40q", line)
		}
	}
}

func (b *responseReader) trailer() error {
	b.head = 0
	for {
		line, err := b.headLine()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
	}
}
