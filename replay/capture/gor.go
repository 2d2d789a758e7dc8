package capture

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/buger/goreplay/proto"

	"github.com/gameday-dev/gameday/replay"
)

// gorSeparator ends each record of a .gor file.
const gorSeparator = "\n🐵🙈🙉\n"

const (
	gorRecordMax  = 64 << 20 // one record
	headerLineMax = 128      // the line before each payload
)

// Causes in Counts.Lost of .gor records that cannot be used.
const (
	LostHeader  = "malformed record header"
	LostMessage = "malformed message"
	LostOrphan  = "response without request"
)

// gor reads .gor files as the goreplay tool writes them: headers of three and four fields,
// requests (1), original (2) and replayed (3) responses. Requests and responses meet by their
// id; the id also tells the connection and the order within it. Where a separator is missing,
// as a recorder that was killed leaves it, reading goes on at the next record header.
type gor struct {
	to      *importer
	scan    *bufio.Scanner
	at      int64                          // offset of the record being read
	next    int64                          // offset of the record after it
	pending map[string]*replay.Exchange    // by id, requests that may still get a response
	heads   map[*replay.Exchange]gorHeader // of the same
	early   early                          // responses whose requests are still to come
	session *sessions
}

func newGor(to *importer, f *file) *gor {
	g := &gor{
		to: to, scan: bufio.NewScanner(f.r),
		pending: make(map[string]*replay.Exchange),
		heads:   make(map[*replay.Exchange]gorHeader),
		early:   early{byID: make(map[string][]*earlyResponse)},
		session: newSessions(to.o.Sessions),
	}
	g.scan.Buffer(make([]byte, readBuffer), gorRecordMax)
	g.scan.Split(g.split)
	return g
}

// split cuts the stream at separators. A separator counts only where a record or the end
// follows: the same bytes within a body are body.
func (g *gor) split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(gorSeparator))
		if i < 0 {
			break
		}
		end := from + i
		after := data[end+len(gorSeparator):]
		if len(after) < headerLineMax && !atEOF {
			return 0, nil, nil
		}
		if _, ok := parseGorHeader(after); ok || len(bytes.TrimSpace(after)) == 0 {
			return end + len(gorSeparator), data[:end], nil
		}
		from = end + 1
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil // the last record may come without its separator
	}
	return 0, nil, nil
}

// read takes what lies between two separators into the window: one record, or several when the
// separators between them are missing.
func (g *gor) read() error {
	if !g.scan.Scan() {
		g.at = g.next
		g.orphan(g.early.expire(math.MaxInt64))
		switch err := g.scan.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return g.to.fatal(g.place(), fmt.Errorf("no separator within %d MiB: the file is damaged there, or not a .gor file", gorRecordMax>>20))
		case err != nil:
			return g.to.fatal(g.place(), err)
		}
		return io.EOF
	}
	b := g.scan.Bytes()
	g.at = g.next
	g.next += int64(len(b) + len(gorSeparator))
	for len(bytes.TrimSpace(b)) > 0 {
		n := g.record(b)
		b = b[n:]
		if len(b) > 0 {
			g.to.tell(g.place(), fmt.Errorf("separator missing before byte %d; read as if it stood there", g.at+int64(n)))
		}
		g.at += int64(n)
	}
	return nil
}

func (g *gor) place() string { return fmt.Sprintf(": record at byte %d", g.at) }

// record takes the first record of b, and returns how many bytes it had.
func (g *gor) record(b []byte) int {
	head, ok := parseGorHeader(b)
	if !ok {
		g.to.lose(LostHeader, g.place(), fmt.Errorf("%q is not a record header (type, id, time, latency)", shorten(string(firstLine(b)))))
		return whole(b, 0)
	}
	x := g.pending[head.id]
	if head.kind != '1' && x == nil {
		return g.beforeItsRequest(head, b)
	}
	payload := b[head.size:]
	m, err := parseGor(head, x, payload)
	if at := swallowed(payload, m, err); at >= 0 {
		payload = payload[:at]
		m, err = parseGor(head, x, payload)
	}
	switch {
	case err != nil:
		g.to.lose(LostMessage, g.place(), err)
	case head.kind == '1':
		g.request(head, m)
		g.reunite(head)
	default:
		g.response(head, x, m)
	}
	return head.size + len(payload)
}

// parseGor reads the message of a record; x is the request of a response.
func parseGor(h gorHeader, x *replay.Exchange, payload []byte) (message, error) {
	if h.kind == '1' {
		m, err := parseMessage(payload, true, nil)
		if _, _, _, ok := requestLine(m.start); err == nil && !ok {
			err = fmt.Errorf("%q is not a request line", shorten(m.start))
		}
		return m, err
	}
	m, err := parseMessage(payload, false, func(status int) bool {
		return x.Method == http.MethodHead || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
	})
	if err == nil && !strings.HasPrefix(m.start, "HTTP/1.") || err == nil && statusOf(m.start) == 0 {
		err = fmt.Errorf("%q is not a status line", shorten(m.start))
	}
	return m, err
}

func (g *gor) request(h gorHeader, m message) {
	x := &replay.Exchange{Upload: max(0, time.Duration(h.latency))}
	m.request(x)
	var rank uint32
	x.Conn, rank = connection(h.id)
	g.to.window.push(x, h.ns, rank)
	g.pending[h.id] = x
	g.heads[x] = h
}

// response joins a response to its request. A replayed response stands in where the original is
// missing, and gives way when it comes.
func (g *gor) response(h gorHeader, x *replay.Exchange, m message) {
	if x.Response != nil && h.kind == '3' {
		return
	}
	r := m.response()
	sent := g.heads[x].ns
	if h.kind == '2' { // seen from its first byte on, for as long as the download took
		r.FirstByte = max(0, time.Duration(h.ns-sent))
		r.Duration = r.FirstByte + max(0, time.Duration(h.latency))
	} else { // a round trip
		r.FirstByte, r.Duration = time.Duration(h.latency), time.Duration(h.latency)
	}
	g.to.window.grow(len(r.Body) - bodies(&replay.Exchange{Response: x.Response}))
	x.Response = r
}

// settle ends the wait for responses of an exchange that goes out, and names its session.
func (g *gor) settle(x *replay.Exchange) {
	if id := g.heads[x].id; g.pending[id] == x { // else a later request has the same id
		delete(g.pending, id)
	}
	delete(g.heads, x)
	x.Session = g.session.name(x)
}

type gorHeader struct {
	kind    byte
	id      string
	ns      int64 // wall time
	latency int64 // ns; -1 and 0 where the recorder had none
	size    int   // bytes of the line with its end
}

// parseGorHeader reads "1 id time latency\n"; old files have no latency.
func parseGorHeader(b []byte) (gorHeader, bool) {
	line := firstLine(b)
	if len(line) < 5 || len(line) == len(b) || line[0] < '1' || line[0] > '3' || line[1] != ' ' {
		return gorHeader{}, false
	}
	fields := strings.Fields(strings.TrimSuffix(string(line), "\r"))
	if len(fields) < 3 || len(fields) > 4 || len(fields[0]) != 1 {
		return gorHeader{}, false
	}
	h := gorHeader{kind: line[0], id: fields[1], size: len(line) + 1}
	var err error
	if h.ns, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
		return gorHeader{}, false
	}
	if len(fields) == 4 {
		if h.latency, err = strconv.ParseInt(fields[3], 10, 64); err != nil {
			return gorHeader{}, false
		}
	}
	// One output of goreplay writes time and latency of replayed responses the wrong way
	// round. No latency is as long as the time since 1970.
	if h.kind == '3' && h.latency > h.ns {
		h.ns, h.latency = h.latency, h.ns
	}
	return h, true
}

// firstLine returns b up to its first line end, at most a header line's length; all of b when
// there is none.
func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b[:min(len(b), headerLineMax)], '\n'); i >= 0 {
		return b[:i]
	}
	return b
}

// connection decodes an id: source port, target port, source address and TCP acknowledgement
// in 24 hex digits. The first 16 are the client's connection, the last 8 rise within it. Ids
// of another shape tell nothing.
func connection(id string) (conn uint64, rank uint32) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 12 {
		return 0, 0
	}
	for _, c := range b[:8] {
		conn = conn<<8 | uint64(c)
	}
	for _, c := range b[8:] {
		rank = rank<<8 | uint32(c)
	}
	return conn, rank
}

// whole returns the size of a record that is passed over, header bytes of which are its header.
func whole(b []byte, header int) int {
	if at := recordStart.FindSubmatchIndex(b[header:]); at != nil && header+at[2] > 0 {
		return header + at[2]
	}
	return len(b)
}

var recordStart = regexp.MustCompile(`(?:^|\n)([123] [0-9a-f]{24} \d{15,20}(?: -?\d+)?\n)`)

// swallowed returns where in a payload the next record begins, for lack of a separator; -1 when
// none does. A body whose length is told, and fits, is a body, whatever it looks like.
func swallowed(payload []byte, m message, err error) int {
	at := recordStart.FindSubmatchIndex(payload)
	if at == nil {
		return -1
	}
	framed := len(m.body) == 0 || m.header.Has("Content-Length") || m.header.Has("Transfer-Encoding")
	if err == nil && at[2] >= proto.MIMEHeadersEndPos(payload) && framed && len(m.rest) == 0 && int64(len(m.body)) == m.size {
		return -1
	}
	return at[2]
}
