package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
	"strings"

	"github.com/buger/goreplay/proto"

	"github.com/gameday-dev/gameday/replay"
)

// message is one HTTP/1 message out of a payload.
type message struct {
	start  string // request line or status line
	header replay.Header
	body   []byte // without transfer coding
	size   int64  // bytes the body should have had, by its Content-Length
	rest   []byte // what lies behind the message

	trailer replay.Header
}

var errNoHead = errors.New("the head has no end")

// parseMessage splits a payload. request is true for requests; bodyless says that a response
// has no body whatever its header says.
func parseMessage(payload []byte, request bool, bodyless func(status int) bool) (message, error) {
	lines := proto.MIMEHeadersStartPos(payload)
	end := proto.MIMEHeadersEndPos(payload)
	if lines < 0 || end < 0 {
		return message{}, errNoHead
	}
	m := message{start: string(payload[:lines-2])}
	var err error
	if lines < end {
		m.header, err = parseHeader(payload[lines : end-2])
		if err != nil {
			return m, err
		}
	}
	body := payload[end:]
	switch coding := m.header.Get("Transfer-Encoding"); {
	case !request && bodyless != nil && bodyless(statusOf(m.start)):
		m.rest = body
	case strings.EqualFold(coding, "chunked"):
		m.body, m.trailer, m.rest, err = unchunk(body)
		m.size = int64(len(m.body))
	case m.header.Has("Content-Length"):
		n, convErr := strconv.ParseInt(strings.TrimSpace(m.header.Get("Content-Length")), 10, 64)
		if convErr != nil || n < 0 {
			return m, fmt.Errorf("Content-Length %q is not a number", m.header.Get("Content-Length"))
		}
		have := min(n, int64(len(body)))
		m.body, m.rest, m.size = body[:have], body[have:], n
	case request:
		m.rest = body
	default: // ends with the connection
		m.body, m.size = body, int64(len(body))
	}
	return m, err
}

// request makes the message the request of x.
func (m message) request(x *replay.Exchange) {
	x.Method, x.Target, x.Proto, _ = requestLine(m.start)
	x.Host, x.Header = m.header.Get("Host"), m.header
	x.Header.Del("Host")
	x.Body, x.Size, x.Trailer = bytes.Clone(m.body), m.size, m.trailer
}

// response returns the message as a response, without its times.
func (m message) response() *replay.Response {
	return &replay.Response{Status: statusOf(m.start), Header: m.header, Body: bytes.Clone(m.body), Size: m.size, Trailer: m.trailer}
}

func parseHeader(b []byte) (replay.Header, error) {
	var h replay.Header
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
		if line == "" {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' { // an obsolete continuation line
			if len(h) == 0 {
				return nil, errors.New("header starts with a continuation line")
			}
			h[len(h)-1].Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("header line %q has no name", shorten(line))
		}
		h = append(h, replay.Field{Name: name, Value: strings.TrimSpace(value)})
	}
	return h, nil
}

// unchunk decodes a chunked body. A body cut short yields what there is, and the error.
func unchunk(b []byte) (body []byte, trailer replay.Header, rest []byte, err error) {
	src := bytes.NewReader(b)
	in := bufio.NewReader(src) // which the reader of chunks uses, and leaves behind the last one
	body, err = io.ReadAll(httputil.NewChunkedReader(in))
	if err != nil {
		return body, nil, nil, fmt.Errorf("chunked body: %w", err)
	}
	rest = b[len(b)-src.Len()-in.Buffered():]
	if after, ok := bytes.CutPrefix(rest, []byte("\r\n")); ok {
		return body, nil, after, nil
	}
	lines, after, ok := bytes.Cut(rest, []byte("\r\n\r\n"))
	if !ok {
		return body, nil, nil, nil // it ends in the middle of its trailer
	}
	if trailer, err = parseHeader(lines); err != nil {
		return body, nil, nil, fmt.Errorf("trailer: %w", err)
	}
	return body, trailer, after, nil
}

// requestLine splits "GET /a HTTP/1.1"; odd targets, even with blanks, stay whole.
func requestLine(line string) (method, target, version string, ok bool) {
	method, rest, found := strings.Cut(line, " ")
	if !found || method == "" || !isToken(method) {
		return "", "", "", false
	}
	if i := strings.LastIndexByte(rest, ' '); i >= 0 && strings.HasPrefix(rest[i+1:], "HTTP/") {
		rest, version = rest[:i], rest[i+1:]
	}
	return method, rest, version, rest != ""
}

// isName reports whether a header line can have such a name.
func isName(s string) bool { return s != "" && isToken(s) }

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return true
}

// statusOf is the status of a line such as "HTTP/1.1 200 OK"; 0 when it has none.
func statusOf(line string) int {
	_, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	n, err := strconv.Atoi(code)
	if err != nil || n < 100 || n > 999 || !strings.HasPrefix(line, "HTTP/") {
		return 0
	}
	return n
}

// shorten keeps what an error repeats readable.
func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}
