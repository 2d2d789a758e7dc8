package capture

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
	gorSpan       = 30 * time.Second
	gorHeld       = 16384 // records waiting for their response and their turn
	gorHeldBytes  = 64 << 20
)

// LostMalformed is the cause, in Counts.Lost, of .gor records that cannot be used.
const LostMalformed = "malformed record"

// A Gor reads a .gor file as the goreplay tool writes it: plain or gzip, headers of three and
// four fields, requests (1), original (2) and replayed (3) responses. Requests and responses
// meet by their id; the id also tells the connection and the order within it. Records that
// cannot be used are reported, counted and passed over. A missing separator ends the import
// with an error that names the byte, because nobody can say what belongs to what from there.
type Gor struct {
	o       ImportOptions
	name    string
	in      *file
	scan    *bufio.Scanner
	at      int64 // offset of the record being read
	next    int64 // offset of the record after it
	window  window
	pending map[string]*replay.Exchange    // by id, requests that may still get a response
	heads   map[*replay.Exchange]gorHeader // of the same
	session *sessions
	counts  replay.Counts
	orphans uint64
	err     error
}

var _ Importer = (*Gor)(nil)

// NewGor reads a .gor stream; name stands in errors. Close does not close r.
func NewGor(r io.Reader, name string, o ImportOptions) (*Gor, error) {
	f, err := unpacked(r, name)
	if err != nil {
		return nil, err
	}
	return newGor(f, name, o), nil
}

func newGor(f *file, name string, o ImportOptions) *Gor {
	g := &Gor{
		o: o, name: name, in: f,
		scan:    bufio.NewScanner(f.r),
		window:  window{span: gorSpan, max: gorHeld, bytes: gorHeldBytes},
		pending: make(map[string]*replay.Exchange),
		heads:   make(map[*replay.Exchange]gorHeader),
		session: newSessions(o.Sessions),
	}
	g.scan.Buffer(make([]byte, readBuffer), gorRecordMax)
	g.scan.Split(g.split)
	return g
}

// Next returns the next request with its response, in order of time.
func (g *Gor) Next() (*replay.Exchange, error) {
	for {
		if x := g.window.pop(g.err != nil); x != nil {
			g.forget(x)
			x.Session = g.session.name(x)
			g.counts.Captured++
			return x, nil
		}
		if g.err != nil {
			return nil, g.err
		}
		g.err = g.read()
	}
}

// Start is the wall time of offset zero; it is known once Next has returned an exchange.
func (g *Gor) Start() time.Time { return time.Unix(0, g.window.zero) }

// Counts is the ledger so far.
func (g *Gor) Counts() replay.Counts {
	return g.counts.Clone()
}

// Ledger is the counts so far, under the name of the file.
func (g *Gor) Ledger() replay.Ledger { return replay.Ledger{g.name: g.Counts()} }

// Orphans is how many responses had no request: each was one record, none an exchange.
func (g *Gor) Orphans() uint64 { return g.orphans }

// Close closes the file when Open opened it.
func (g *Gor) Close() error {
	g.err = io.EOF
	return g.in.Close()
}

// split cuts the stream at separators. A separator counts only where a record or the end
// follows: the same bytes within a body are body.
func (g *Gor) split(data []byte, atEOF bool) (advance int, token []byte, err error) {
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

// read takes one record into the window.
func (g *Gor) read() error {
	if !g.scan.Scan() {
		switch err := g.scan.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return fmt.Errorf("import %s: record at byte %d: no separator within %d MiB: the file is damaged there, or not a .gor file", g.name, g.next, gorRecordMax>>20)
		case err != nil:
			return fmt.Errorf("import %s: record at byte %d: %w", g.name, g.next, err)
		}
		return io.EOF
	}
	record := g.scan.Bytes()
	g.at = g.next
	g.next += int64(len(record) + len(gorSeparator))
	if len(bytes.TrimSpace(record)) == 0 {
		return nil
	}
	head, ok := parseGorHeader(record)
	if !ok {
		g.problem(fmt.Errorf("%q is not a record header (type, id, time, latency)", shorten(string(firstLine(record)))))
		return nil
	}
	var err error
	if head.kind == '1' {
		err = g.request(head, record[head.size:])
	} else {
		err = g.response(head, record[head.size:])
	}
	var missing *missingSeparator
	if errors.As(err, &missing) {
		return fmt.Errorf("import %s: record at byte %d: separator missing before byte %d: put the line of three monkeys there, or record again",
			g.name, g.at, g.at+int64(head.size+missing.offset))
	}
	if err != nil {
		g.problem(err)
	}
	return nil
}

func (g *Gor) problem(err error) {
	g.counts.Lost.Count(LostMalformed, 1)
	if g.o.Problem != nil {
		g.o.Problem(fmt.Errorf("%s: record at byte %d: %w", g.name, g.at, err))
	}
}

func (g *Gor) request(h gorHeader, payload []byte) error {
	m, err := parseMessage(payload, true, nil)
	if err == nil {
		err = swallowed(payload, m)
	}
	if err != nil {
		return err
	}
	method, target, version, ok := requestLine(m.start)
	if !ok {
		return fmt.Errorf("%q is not a request line", shorten(m.start))
	}
	x := &replay.Exchange{
		Method: method, Target: target, Proto: version, Host: m.header.Get("Host"),
		Header: m.header, Body: bytes.Clone(m.body), Size: m.size,
		Upload: max(0, time.Duration(h.latency)),
	}
	x.Header.Del("Host")
	var rank uint32
	x.Conn, rank = connection(h.id)
	g.window.push(x, h.ns, rank)
	g.pending[h.id] = x
	g.heads[x] = h
	if x.Truncated() {
		g.counts.Truncated++
	}
	return nil
}

// response joins a response to the request of its id. A replayed response stands in where
// the original is missing, and gives way when it comes.
func (g *Gor) response(h gorHeader, payload []byte) error {
	x := g.pending[h.id]
	if x == nil {
		g.orphans++
		return nil
	}
	m, err := parseMessage(payload, false, func(status int) bool {
		return x.Method == http.MethodHead || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
	})
	if err == nil {
		err = swallowed(payload, m)
	}
	if err != nil {
		return err
	}
	if !proto.HasResponseTitle(payload) {
		return fmt.Errorf("%q is not a status line", shorten(m.start))
	}
	if x.Response != nil && h.kind == '3' {
		return nil
	}
	r := &replay.Response{Status: statusOf(m.start), Header: m.header, Body: bytes.Clone(m.body), Size: m.size}
	sent := g.heads[x].ns
	if h.kind == '2' { // seen from its first byte on, for as long as the download took
		r.FirstByte = max(0, time.Duration(h.ns-sent))
		r.Duration = r.FirstByte + max(0, time.Duration(h.latency))
	} else { // a round trip
		r.FirstByte, r.Duration = time.Duration(h.latency), time.Duration(h.latency)
	}
	g.window.grow(len(r.Body) - bodies(&replay.Exchange{Response: x.Response}))
	x.Response = r
	return nil
}

// forget ends the wait for responses of an exchange that goes out.
func (g *Gor) forget(x *replay.Exchange) {
	if id := g.heads[x].id; g.pending[id] == x { // else a later request has the same id
		delete(g.pending, id)
	}
	delete(g.heads, x)
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

// missingSeparator is a record that runs on into the next one.
type missingSeparator struct{ offset int } // of the next record's header, in the payload

func (*missingSeparator) Error() string { return "separator missing" }

var recordStart = regexp.MustCompile(`(?:^|\n)([123] [0-9a-f]{24} \d{15,20}(?: -?\d+)?\n)`)

// swallowed fails when what lies behind a message, or in a body that has no end of its own,
// starts like a record.
func swallowed(payload []byte, m message) error {
	search := m.rest
	if len(search) == 0 && len(m.body) > 0 && !m.header.Has("Content-Length") && !m.header.Has("Transfer-Encoding") {
		search = m.body
	}
	if at := recordStart.FindSubmatchIndex(search); at != nil {
		return &missingSeparator{offset: len(payload) - len(search) + at[2]}
	}
	return nil
}
