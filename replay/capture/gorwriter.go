package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/buger/goreplay/proto"

	"github.com/gameday-dev/gameday/replay"
)

// A GorWriter writes exchanges as a .gor file: a request record each, and a response record
// where there is one. Ids carry connection and number, so an import restores both.
type GorWriter struct {
	w     *bufio.Writer
	start time.Time
}

var _ Exporter = (*GorWriter)(nil)

// NewGorWriter writes to w; start is the wall time of offset zero.
func NewGorWriter(w io.Writer, start time.Time) *GorWriter {
	return &GorWriter{w: bufio.NewWriterSize(w, 64<<10), start: start}
}

// Record appends an exchange. Bodies that the source holds in part are written as far as
// they go, with a length that fits. Shape-only exchanges have no body to write.
func (g *GorWriter) Record(x *replay.Exchange) error {
	id := gorID(x)
	at := g.start.Add(x.At)
	if err := g.record('1', id, at, x.Upload, requestPayload(x, x.Trailer)); err != nil {
		return fmt.Errorf("write .gor: exchange %d: %w", x.Seq, err)
	}
	r := x.Response
	if r == nil {
		return nil
	}
	if err := g.record('2', id, at.Add(r.FirstByte), r.Duration-r.FirstByte, responsePayload(x, r.Trailer)); err != nil {
		return fmt.Errorf("write .gor: exchange %d: %w", x.Seq, err)
	}
	return nil
}

// gorID returns the id of an exchange: its connection and its number. Where the connection is not known that of its session stands in,
// which so survives, or one of its own.
func gorID(x *replay.Exchange) string {
	conn := x.Conn
	switch {
	case conn != 0:
	case x.Session != "":
		conn = hashOf(x.Session)
	default:
		conn = x.Seq<<16 | 1
	}
	return fmt.Sprintf("%016x%08x", conn, uint32(x.Seq))
}

// Close writes what is buffered.
func (g *GorWriter) Close() error { return g.w.Flush() }

func (g *GorWriter) record(kind byte, id string, at time.Time, latency time.Duration, payload []byte) error {
	if _, err := g.w.WriteString(gorHead(kind, id, at, latency)); err != nil {
		return err
	}
	if _, err := g.w.Write(payload); err != nil {
		return err
	}
	_, err := g.w.WriteString(gorSeparator)
	return err
}

// gorHead returns the line before a payload.
func gorHead(kind byte, id string, at time.Time, latency time.Duration) string {
	return fmt.Sprintf("%c %s %d %d\n", kind, id, at.UnixNano(), max(0, latency))
}

// requestPayload returns the request of x with a trailer, if one is wanted.
func requestPayload(x *replay.Exchange, trailer replay.Header) []byte {
	version := x.Proto
	if !strings.HasPrefix(version, "HTTP/1.") {
		version = "HTTP/1.1"
	}
	head := oneLine(x.Method) + " " + oneLine(x.Target) + " " + version + "\r\n"
	framed := len(x.Body)+len(trailer) > 0 || x.Header.Has("Content-Length") || x.Header.Has("Transfer-Encoding")
	p := payload(head, x.Header, x.Body, trailer, framed)
	if x.Host != "" {
		p = proto.AddHeader(p, []byte("Host"), []byte(oneLine(x.Host)))
	}
	return p
}

func responsePayload(x *replay.Exchange, trailer replay.Header) []byte {
	return answerPayload(x.Method, x.Response.Status, x.Response.Header, x.Response.Body, trailer)
}

func answerPayload(method string, status int, h replay.Header, body []byte, trailer replay.Header) []byte {
	head := fmt.Sprintf("HTTP/1.1 %03d %s\r\n", status, http.StatusText(status))
	return payload(head, h, body, trailer, !bodyless(method, status))
}

// bodyless reports whether a response has no body whatever its header says: the length in the answer to HEAD, and in 304, speaks of one
// that is not sent.
func bodyless(method string, status int) bool {
	return method == http.MethodHead || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

// payload joins a message. framed says that its body needs a length that fits. One that has a trailer is chunked; and so is a
// body that holds the separator of the file, in the middle of it, which readers that look for the separator alone cannot mistake.
func payload(head string, h replay.Header, body []byte, trailer replay.Header, framed bool) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	chunked := framed && (len(trailer) > 0 || bytes.Contains(body, []byte(gorSeparator)))
	for _, f := range h {
		if framed && (strings.EqualFold(f.Name, "Content-Length") || strings.EqualFold(f.Name, "Transfer-Encoding")) {
			continue
		}
		headerLine(&b, f)
	}
	switch {
	case !framed:
	case chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	default:
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	if !chunked {
		b.Write(body)
		return b.Bytes()
	}
	for len(body) > 0 {
		n := len(body)
		if i := bytes.Index(body, []byte(gorSeparator)); i >= 0 {
			n = i + len(gorSeparator)/2
		}
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n")
	for _, f := range trailer {
		headerLine(&b, f)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// headerLine writes one line. Those whose name is none would keep readers from the whole message, and are left out.
func headerLine(b *bytes.Buffer, f replay.Field) {
	if isName(f.Name) {
		fmt.Fprintf(b, "%s: %s\r\n", f.Name, oneLine(f.Value))
	}
}

var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

// oneLine keeps a header value from starting a line of its own.
func oneLine(s string) string { return lineBreaks.Replace(s) }
