package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

const (
	lineMax = 1 << 20
	logSpan = 10 * time.Minute
	logHeld = 65536
)

// LostLine is the cause, in Counts.Lost, of access-log lines that hold no request.
const LostLine = "malformed line"

// An AccessLog reads access logs in the common and the combined format, plain or gzip. Its
// exchanges are ShapeOnly: when, who, method, target, status and size are real, the rest was
// never written down. Logs are in the order of completion and often not even that: lines up
// to ten minutes (or 65,536 lines) apart are put in order of time, those of one second stay
// as they stand. A last line cut short counts as long as its status is whole.
type AccessLog struct {
	o      ImportOptions
	name   string
	in     *file
	line   int
	window window
	counts replay.Counts
	err    error
}

var (
	_ Importer       = (*AccessLog)(nil)
	_ replay.Audited = (*AccessLog)(nil)
)

// NewAccessLog reads a log; name stands in errors. Close does not close r.
func NewAccessLog(r io.Reader, name string, o ImportOptions) (*AccessLog, error) {
	f, err := unpacked(r, name)
	if err != nil {
		return nil, err
	}
	return newAccessLog(f, name, o), nil
}

func newAccessLog(f *file, name string, o ImportOptions) *AccessLog {
	if o.Client == nil {
		o.Client = func(address, agent string) string { return strings.TrimSpace(address + " " + agent) }
	}
	return &AccessLog{o: o, name: name, in: f, window: window{span: logSpan, max: logHeld, bytes: gorHeldBytes}}
}

// Next returns the next request in order of time.
func (a *AccessLog) Next() (*replay.Exchange, error) {
	for {
		if x := a.window.pop(a.err != nil); x != nil {
			a.counts.Captured++
			return x, nil
		}
		if a.err != nil {
			return nil, a.err
		}
		a.err = a.read()
	}
}

// Start is the wall time of offset zero; it is known once Next has returned an exchange.
func (a *AccessLog) Start() time.Time { return time.Unix(0, a.window.zero) }

// Counts is the ledger so far.
func (a *AccessLog) Counts() replay.Counts {
	return a.counts.Clone()
}

// Ledger is the counts so far, under the name of the file.
func (a *AccessLog) Ledger() replay.Ledger { return replay.Ledger{a.name: a.Counts()} }

// Close closes the file when Open opened it.
func (a *AccessLog) Close() error {
	a.err = io.EOF
	return a.in.Close()
}

func (a *AccessLog) read() error {
	line, err := a.nextLine()
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("import %s:%d: %w", a.name, a.line, err)
	}
	if line = strings.TrimSpace(line); line != "" {
		x, at, problem := parseLine(line)
		if problem != nil {
			a.problem(problem)
		} else {
			x.Session = a.o.Client(x.Session, x.Header.Get("User-Agent"))
			a.window.push(x, at.UnixNano(), 0)
		}
	}
	return err
}

// nextLine reads a line of at most 1 MiB; of a longer one it reports the problem and yields "".
func (a *AccessLog) nextLine() (string, error) {
	a.line++
	var long []byte
	for {
		part, err := a.in.r.ReadSlice('\n')
		if err == nil && long == nil {
			return string(part), nil
		}
		if len(long)+len(part) <= lineMax {
			long = append(long, part...)
		} else if len(long) <= lineMax {
			a.problem(fmt.Errorf("line exceeds the limit of %d bytes", lineMax))
			long = append(long[:0], make([]byte, lineMax+1)...) // stays over the limit to its end
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(long) > lineMax {
			return "", err
		}
		return string(bytes.TrimRight(long, "\n")), err
	}
}

func (a *AccessLog) problem(err error) {
	a.counts.Lost.Count(LostLine, 1)
	if a.o.Problem != nil {
		a.o.Problem(fmt.Errorf("%s:%d: %w", a.name, a.line, err))
	}
}

// parseLine reads
//
//	host ident user [02/Jan/2006:15:04:05 -0700] "GET /a HTTP/1.1" 200 1234 "referer" "agent" ...
//
// with the client's address as session. What follows the size may be missing or cut.
func parseLine(line string) (*replay.Exchange, time.Time, error) {
	fail := func(what string) (*replay.Exchange, time.Time, error) {
		return nil, time.Time{}, fmt.Errorf("%s: want: host ident user [02/Jan/2006:15:04:05 -0700] \"GET / HTTP/1.1\" 200 1234, have %q", what, shorten(line))
	}
	who, rest, ok := strings.Cut(line, " [")
	if !ok {
		return fail("time missing")
	}
	client, _, _ := strings.Cut(who, " ")
	if client == "" {
		return fail("client address missing")
	}
	stamp, rest, ok := strings.Cut(rest, "]")
	if !ok {
		return fail("time has no end")
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", stamp)
	if err != nil {
		return fail(fmt.Sprintf("%q is not a time", shorten(stamp)))
	}
	request, rest, ok := quoted(strings.TrimLeft(rest, " "))
	if !ok {
		return fail("request has no end")
	}
	method, target, version, ok := requestLine(request)
	if !ok {
		return fail(fmt.Sprintf("%q is not a request", shorten(request)))
	}
	status, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	code, err := strconv.Atoi(status)
	if err != nil || code < 100 || code > 999 {
		return fail(fmt.Sprintf("%q is not a status", shorten(status)))
	}
	size, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	n := int64(0)
	if size != "" && size != "-" {
		if n, err = strconv.ParseInt(size, 10, 64); err != nil || n < 0 {
			return fail(fmt.Sprintf("%q is not a size", shorten(size)))
		}
	}
	x := &replay.Exchange{
		Session: client, Method: method, Target: target, Proto: version, ShapeOnly: true,
		Response: &replay.Response{Status: code, Size: n},
	}
	for _, name := range []string{"Referer", "User-Agent"} {
		var value string
		value, rest, _ = quoted(strings.TrimLeft(rest, " "))
		if value != "" && value != "-" {
			x.Header = append(x.Header, replay.Field{Name: name, Value: value})
		}
	}
	return x, at, nil
}

// quoted reads a "text" with its escapes. A text without end yields what there is; whole
// tells the difference.
func quoted(s string) (text, rest string, whole bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return unescapeLog(s[1:i]), s[i+1:], true
		}
	}
	return unescapeLog(s[1:]), "", false
}

// unescapeLog undoes what Apache and nginx do to quotes, backslashes and bytes that are not
// plain text.
func unescapeLog(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch s[i] {
		case '"', '\\':
			out = append(out, s[i])
		case 'x':
			if i+2 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					out = append(out, byte(n))
					i += 2
					continue
				}
			}
			out = append(out, '\\', 'x')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			out = append(out, '\\', s[i])
		}
	}
	return string(out)
}
