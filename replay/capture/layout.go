package capture

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// layouts are the access logs that are known by themselves, in the language of nginx's
// log_format. $- is a field that is not looked at. Sources: the manuals of Apache
// (mod_log_config), AWS (application load balancer access logs) and Envoy (access logging).
func layouts() map[Format]string {
	return map[Format]string{
		FormatCombined: `$remote_addr $- [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`,
		FormatALB: `$- $time_end $- $client_port $- $seconds_1 $seconds_2 $seconds_3 $status $- $- $body_bytes_sent "$request" "$http_user_agent" ` +
			`$- $- $- "$-" "$-" "$-" $- $time_start "$-"`,
		FormatEnvoy: `[$time_start] "$request" $status $- $content_length $body_bytes_sent $milliseconds $- ` +
			`"$http_x_forwarded_for" "$http_user_agent" "$http_x_request_id" "$host" "$-"`,
	}
}

// A layout is how the lines of an access log are laid out.
type layout struct {
	format string
	prefix string
	fields []logField
}

type logField struct {
	name   string
	until  string // the text between it and the next field; empty for the last
	quoted bool   // within "..." and their escapes
}

// newLayout reads a log_format: variables $name or ${name} between literal text.
func newLayout(format string) (layout, error) {
	l := layout{format: format}
	before, rest, more := strings.Cut(format, "$")
	l.prefix = strings.TrimLeft(before, " ")
	for more {
		name, after := rest, ""
		if inner, tail, ok := strings.Cut(strings.TrimPrefix(rest, "{"), "}"); ok && strings.HasPrefix(rest, "{") {
			name, after = inner, tail
		} else if end := strings.IndexFunc(rest, func(r rune) bool { return !isVariable(r) }); end >= 0 && !strings.HasPrefix(rest, "-") {
			name, after = rest[:end], rest[end:]
		} else if strings.HasPrefix(rest, "-") {
			name, after = "-", rest[1:]
		}
		f := logField{name: name, quoted: strings.HasSuffix(before, `"`)}
		before, rest, more = strings.Cut(after, "$")
		if f.until = before; more && f.until == "" {
			return l, fmt.Errorf("log format: $%s and the variable behind it have nothing between them", name)
		}
		if f.name == "" {
			return l, errors.New("log format: a $ without a name")
		}
		l.fields = append(l.fields, f)
	}
	if !l.has("time_local", "time_iso8601", "msec", "time_start", "time_end") {
		return l, errors.New("log format: no time: it needs $time_local, $time_iso8601 or $msec")
	}
	if !l.has("request", "request_uri", "uri") {
		return l, errors.New("log format: no request: it needs $request, or $request_method and $request_uri")
	}
	return l, nil
}

func isVariable(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func (l layout) has(names ...string) bool {
	for _, f := range l.fields {
		if slices.Contains(names, f.name) {
			return true
		}
	}
	return false
}

// parse reads a line. It may end behind the status.
func (l layout) parse(line string) (entry, error) {
	var e entry
	rest, ok := strings.CutPrefix(line, l.prefix)
	if !ok {
		return e, fmt.Errorf("does not begin with %q", l.prefix)
	}
	for i, f := range l.fields {
		value, after, whole := f.cut(rest)
		if !whole {
			if err := l.lacks(i, after); err != nil {
				return e, err
			}
		}
		if err := e.set(f.name, value); err != nil {
			return e, err
		}
		if rest = after; rest == "" {
			break
		}
	}
	return e, e.check()
}

// lacks says what a line without the end of field i misses. What follows the status may be
// missing.
func (l layout) lacks(i int, after string) error {
	timed := slices.ContainsFunc(l.fields[:i], func(f logField) bool { return f.what() == "time" })
	for _, f := range l.fields[i:] {
		switch {
		case timed && f.what() == "time":
		case !f.needed() || f.name == "status" && after == "":
		case f == l.fields[i]:
			return fmt.Errorf("%s has no end", f.what())
		default:
			return fmt.Errorf("%s missing", f.what())
		}
	}
	return nil
}

// needed reports whether a line is nothing without the field.
func (f logField) needed() bool {
	switch f.name {
	case "request", "request_uri", "uri", "status":
		return true
	}
	return f.what() == "time"
}

// cut takes the field off the line. A field without its end takes what there is, or its first
// word.
func (f logField) cut(s string) (value, rest string, whole bool) {
	if f.quoted {
		text, after, ok := quoted(s)
		rest, fits := strings.CutPrefix(after, strings.TrimPrefix(f.until, `"`))
		return text, rest, ok && (fits || after == "")
	}
	if f.until == "" {
		return s, "", true
	}
	if value, rest, whole = strings.Cut(s, f.until); whole {
		return value, rest, true
	}
	value, rest, _ = strings.Cut(s, " ")
	return value, rest, false
}

func (f logField) what() string {
	switch f.name {
	case "time_local", "time_iso8601", "msec", "time_start", "time_end":
		return "time"
	}
	return strings.ReplaceAll(f.name, "_", " ")
}

// An entry is what a line says.
type entry struct {
	client                   string
	start, end               time.Time
	took                     time.Duration
	method, target, protocol string
	host, query              string
	status                   int
	sent, received           int64
	conn                     uint64
	header, response         replay.Header
	cookies                  []string
}

func (e *entry) check() error {
	switch {
	case e.start.IsZero() && e.end.IsZero():
		return errors.New("time missing")
	case e.target == "":
		return errors.New("request missing")
	case e.status == 0:
		return errors.New("status missing")
	}
	return nil
}

// set takes a field by the name of its variable; unknown ones are passed over.
func (e *entry) set(name, value string) (err error) {
	if value == "-" && name != "request" || value == "" && name != "remote_addr" {
		return nil
	}
	switch name {
	case "remote_addr":
		if e.client, _, _ = strings.Cut(value, " "); e.client == "" {
			return errors.New("client address missing")
		}
	case "client_port":
		if e.client = value; strings.Contains(value, ":") {
			e.client = value[:strings.LastIndexByte(value, ':')]
		}
	case "time_local":
		e.end, err = logTime("02/Jan/2006:15:04:05 -0700", value)
	case "time_iso8601", "time_end":
		e.end, err = logTime(time.RFC3339Nano, value)
	case "time_start":
		e.start, err = logTime(time.RFC3339Nano, value)
	case "msec":
		var s float64
		s, err = number(value, 1<<40)
		e.end = time.Unix(0, int64(s*1e3)*1e6)
	case "request_time", "seconds_1", "seconds_2", "seconds_3":
		e.addTime(value, time.Second)
	case "milliseconds":
		e.addTime(value, time.Millisecond)
	case "request":
		var ok bool
		if e.method, e.target, e.protocol, ok = requestLine(value); !ok || e.method == "-" {
			return fmt.Errorf("%q is not a request", shorten(value))
		}
		e.absolute()
	case "request_method":
		if e.method = value; !isToken(value) {
			return fmt.Errorf("%q is not a method", shorten(value))
		}
	case "request_uri", "uri":
		if e.target == "" || name == "request_uri" {
			e.target = value
		}
		e.absolute()
	case "args", "query_string":
		e.query = value
	case "server_protocol":
		e.protocol = value
	case "host", "http_host":
		e.host = value
	case "server_name":
		if e.host == "" {
			e.host = value
		}
	case "status":
		if e.status, err = strconv.Atoi(value); err != nil || e.status < 100 || e.status > 999 {
			return fmt.Errorf("%q is not a status", shorten(value))
		}
	case "body_bytes_sent":
		e.sent, err = size(value)
	case "content_length":
		e.received, err = size(value)
	case "connection":
		e.conn = hashOf(value)
	default:
		e.setHeader(name, value)
	}
	return err
}

func (e *entry) setHeader(name, value string) {
	field := func(name string) replay.Field {
		return replay.Field{Name: headerName(name), Value: value}
	}
	if n, ok := strings.CutPrefix(name, "http_"); ok {
		e.header = append(e.header, field(n))
		if n == "x_forwarded_for" && e.client == "" {
			first, _, _ := strings.Cut(value, ",")
			e.client = strings.TrimSpace(first)
		}
	} else if n, ok := strings.CutPrefix(name, "sent_http_"); ok {
		e.response = append(e.response, field(n))
	} else if n, ok := strings.CutPrefix(name, "cookie_"); ok {
		e.cookies = append(e.cookies, n+"="+value)
	}
}

// addTime adds a part of the time that a request took; what cannot be read, or was not measured (-1), adds nothing.
func (e *entry) addTime(value string, unit time.Duration) {
	if n, err := number(value, 1e9); err == nil && n > 0 {
		e.took += time.Duration(n * float64(unit))
	}
}

// absolute takes the host out of a target that has one, as a load balancer writes it.
func (e *entry) absolute() {
	if host, target, ok := splitURL(e.target); ok {
		e.target = target
		if e.host == "" {
			e.host = strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":443")
		}
	}
}

// exchange returns what the line tells, and when the request came. Logs note the end of a
// request, but for those that say otherwise.
func (e *entry) exchange() (*replay.Exchange, int64) {
	if e.query != "" && !strings.Contains(e.target, "?") {
		e.target += "?" + e.query
	}
	if e.method == "" {
		e.method = "GET"
	}
	x := &replay.Exchange{
		Method: e.method, Target: e.target, Proto: e.protocol, Host: e.host, Header: e.header, Conn: e.conn, Size: e.received, ShapeOnly: true,
		Response: &replay.Response{Status: e.status, Header: e.response, Size: e.sent, FirstByte: e.took, Duration: e.took},
	}
	if len(e.cookies) > 0 && !x.Header.Has("Cookie") {
		x.Header = append(x.Header, replay.Field{Name: "Cookie", Value: strings.Join(e.cookies, "; ")})
	}
	at := e.start
	if at.IsZero() {
		at = e.end.Add(-e.took)
	}
	return x, at.UnixNano()
}

func logTime(form, value string) (time.Time, error) {
	at, err := time.Parse(form, value)
	if err != nil || at.Year() < 1970 || at.Year() > 2200 { // what nanoseconds can tell
		return time.Time{}, fmt.Errorf("%q is not a time", shorten(value))
	}
	return at, nil
}

func number(value string, limit float64) (float64, error) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(n) || n > limit || n < -limit {
		return 0, fmt.Errorf("%q is not a number", shorten(value))
	}
	return n, nil
}

func size(value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a size", shorten(value))
	}
	return n, nil
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s)
	return h.Sum64() | 1
}
