package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// The limits on what a server may answer. A body may be of any size; of a body that is kept only so much
// is.
const (
	maxHead      = 64 << 10 // status line and header, and again the trailer
	maxInterim   = 8        // 1xx answers before the final one
	maxChunkLine = 1 << 10
	maxKept      = 256 << 10
)

// An answer is what the player wants to know of a response.
type answer struct {
	status   int
	size     int64     // of the body, without its framing
	degraded bool      // X-Degraded was there
	retry    bool      // Retry-After was there
	final    bool      // the connection cannot be used again
	rpc      rpcStatus // of an answer by gRPC

	// Kept on demand; valid for good.
	header Header
	body   []byte
}

// A responseParser recognises HTTP/1.1 responses in bytes as they come, and keeps none of them but what is asked for.
// It is told of each request before its answer, with begin.
type responseParser struct {
	answer answer // so far

	method  string
	keep    bool
	state   responseState
	framing framing
	left    int64  // of the body, or of the present chunk
	head    int    // bytes of header seen in the present message
	interim int    // 1xx answers seen
	coded   bool   // there is a Transfer-Encoding
	partial []byte // the line that has begun
}

type responseState uint8

const (
	inStatus responseState = iota
	inHeaders
	inSized
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	inRest // until the connection ends
	inNothing
)

// framing says how the end of a body is found.
type framing struct {
	chunked bool
	length  int64 // -1: until the connection ends
}

// begin expects the answer to a request of the method. With keep it keeps header and body, the body up to a limit.
func (p *responseParser) begin(method string, keep bool) {
	*p = responseParser{method: method, keep: keep, partial: p.partial[:0]}
}

// feed takes bytes of the response, and returns those that are beyond its end. After an error the connection cannot be
// used again.
func (p *responseParser) feed(data []byte) (rest []byte, done bool, err error) {
	for p.state != inNothing {
		switch p.state {
		case inSized, inChunk:
			n := min(int64(len(data)), p.left)
			p.consume(data[:n])
			data = data[n:]
			if p.left -= n; p.left > 0 {
				return nil, false, nil
			}
			if p.state == inChunk {
				p.state = inChunkEnd
			} else {
				p.state = inNothing
			}
		case inRest:
			p.consume(data)
			return nil, false, nil
		default:
			line, rest, ok, err := p.line(data)
			if err != nil || !ok {
				return nil, false, err
			}
			data = rest
			if err := p.take(line); err != nil {
				return nil, false, err
			}
			p.partial = p.partial[:0]
		}
	}
	return data, true, nil
}

// end says that no byte will follow. It returns an error when the response is not whole.
func (p *responseParser) end() error {
	if p.state == inRest {
		p.state = inNothing
		return nil
	}
	return io.ErrUnexpectedEOF
}

// line cuts the next line off, without its end; ok is false when it has not ended.
func (p *responseParser) line(data []byte) (line, rest []byte, ok bool, err error) {
	limit := maxHead - p.head
	if p.state == inChunkSize || p.state == inChunkEnd {
		limit = maxChunkLine
	}
	i := bytes.IndexByte(data, '\n')
	if have := len(p.partial) + max(i, 0); have >= limit || i < 0 && have+len(data) >= limit {
		return nil, nil, false, fmt.Errorf("header or line of the response is longer than %d bytes", limit+p.head)
	}
	if i < 0 {
		p.partial = append(p.partial, data...)
		return nil, nil, false, nil
	}
	line = data[:i]
	if len(p.partial) > 0 {
		p.partial = append(p.partial, line...)
		line = p.partial
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, data[i+1:], true, nil
}

// take goes one line further.
func (p *responseParser) take(line []byte) error {
	switch p.state {
	case inStatus:
		return p.statusLine(line)
	case inHeaders:
		if len(line) == 0 {
			return p.endHeader()
		}
		return p.headerLine(line)
	case inChunkSize:
		return p.chunkSize(line)
	case inChunkEnd:
		if len(line) != 0 {
			return fmt.Errorf("chunk of the response is longer than its size: %.40q", line)
		}
		p.state = inChunkSize
	case inTrailer:
		p.head += len(line) + 2
		if len(line) == 0 {
			p.state = inNothing
		}
	}
	return nil
}

// statusLine sets the status.
func (p *responseParser) statusLine(line []byte) error {
	p.head = len(line) + 2
	if len(line) < len("HTTP/1.1 200") || string(line[:7]) != "HTTP/1." || line[8] != ' ' {
		return fmt.Errorf("not an HTTP/1 response: %.40q", line)
	}
	status := 0
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return fmt.Errorf("status of the response is no number: %.40q", line)
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 || len(line) > 12 && line[12] != ' ' {
		return fmt.Errorf("status of the response is out of range: %.40q", line)
	}
	p.answer = answer{status: status, final: line[7] == '0'} // older than HTTP/1.1
	p.framing, p.coded = framing{length: -1}, false
	p.state = inHeaders
	return nil
}

// headerLine takes what matters from one header line.
func (p *responseParser) headerLine(line []byte) error {
	p.head += len(line) + 2
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return fmt.Errorf("header line of the response has no name: %.40q", line)
	}
	name := line[:colon]
	switch len(name) { // names of other lengths are of no interest; X-Degraded is as long as Connection
	case len("Connection"), len("Retry-After"), len("Content-Length"), len("Transfer-Encoding"):
		if err := p.note(name, trim(line[colon+1:])); err != nil {
			return err
		}
	}
	if p.keep {
		p.answer.header = append(p.answer.header, Field{string(name), string(trim(line[colon+1:]))})
	}
	return nil
}

// trim takes off the space around a value. The function of package bytes prepares itself for any set of characters.
func trim(value []byte) []byte {
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return value
}

func (p *responseParser) note(name, value []byte) error {
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil {
			return fmt.Errorf("content length of the response: %w", err)
		}
		if p.framing.length >= 0 && p.framing.length != int64(n) {
			return fmt.Errorf("response has two content lengths, %d and %d", p.framing.length, n)
		}
		p.framing.length = int64(n)
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		last := value[bytes.LastIndexByte(value, ',')+1:]
		p.framing.chunked = bytes.EqualFold(trim(last), []byte("chunked"))
		p.coded = true
	case bytes.EqualFold(name, []byte("Connection")):
		for rest, more := value, true; more; {
			value, rest, more = bytes.Cut(rest, []byte(","))
			switch option := trim(value); {
			case bytes.EqualFold(option, []byte("close")):
				p.answer.final = true
			case bytes.EqualFold(option, []byte("keep-alive")):
				p.answer.final = false
			}
		}
	case bytes.EqualFold(name, []byte("Retry-After")):
		p.answer.retry = true
	case bytes.EqualFold(name, []byte("X-Degraded")):
		p.answer.degraded = true
	}
	return nil
}

// endHeader decides what follows the header.
func (p *responseParser) endHeader() error {
	if p.coded { // the length does not count beside a coding, and such a connection is not to be trusted
		if p.framing.length >= 0 {
			p.answer.final = true
		}
		p.framing.length = -1
	}
	switch status := p.answer.status; {
	case status == 101:
		return errors.New("response switches protocols, which was not asked for")
	case status < 200:
		if p.interim++; p.interim == maxInterim {
			return fmt.Errorf("more than %d interim responses", maxInterim-1)
		}
		p.state = inStatus
	case p.method == "HEAD" || status == 204 || status == 304 || p.framing.length == 0 && !p.framing.chunked:
		p.state = inNothing
	case p.framing.chunked:
		p.state = inChunkSize
	case p.framing.length > 0:
		p.state, p.left = inSized, p.framing.length
	default:
		p.state, p.answer.final = inRest, true
	}
	return nil
}

func (p *responseParser) consume(data []byte) {
	if p.keep {
		p.answer.body = append(p.answer.body, data[:min(len(data), maxKept-len(p.answer.body))]...)
	}
	p.answer.size += int64(len(data))
}

func (p *responseParser) chunkSize(line []byte) error {
	size, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t")), 16, 63)
	if err != nil {
		return fmt.Errorf("chunk size of the response: %w", err)
	}
	if n == 0 {
		p.state, p.head = inTrailer, 0
		return nil
	}
	p.state, p.left = inChunk, int64(n)
	return nil
}
