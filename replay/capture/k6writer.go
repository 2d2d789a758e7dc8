package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// The limits of a script: k6 compiles it once per virtual user, and people have to read it.
const (
	k6Sessions = 500
	k6Requests = 5000
	k6Bytes    = 8 << 20
)

// k6Writer writes a script for k6: each session is a scenario of its own that starts at its
// recorded time, and pauses between its requests for as long as its user did. So within a
// session the load is a closed loop: k6 sends nothing before the answer to what came before.
type k6Writer struct {
	o        ExportOptions
	w        io.Writer
	sessions []*k6Session
	byName   map[string]*k6Session
	requests int
	bytes    int
}

// k6Session is the function of a session, as it grows.
type k6Session struct {
	name  string
	start time.Duration
	end   time.Duration // of the last answer
	code  bytes.Buffer
}

func newK6Writer(w io.Writer, o ExportOptions) *k6Writer {
	return &k6Writer{o: o, w: w, byName: make(map[string]*k6Session)}
}

// Record adds a request to its session. A script that grows beyond its limits is an error.
func (k *k6Writer) Record(x *replay.Exchange) error {
	if err := sendable(x); err != nil {
		return err
	}
	if IsGRPC(x.Header.Get("Content-Type")) {
		return Unfit{UnfitCall}
	}
	s := k.session(x)
	before := s.code.Len()
	if pause := x.At - s.end; s.code.Len() > 0 && pause >= time.Millisecond {
		fmt.Fprintf(&s.code, "  sleep(%.3f);\n", pause.Seconds())
	}
	s.call(x)
	s.end = x.At
	if x.Response != nil {
		s.end += x.Response.Duration
	}
	k.requests++
	k.bytes += s.code.Len() - before
	switch {
	case len(k.sessions) > k6Sessions:
		return k.tooMuch(fmt.Sprintf("more than %d sessions", k6Sessions))
	case k.requests > k6Requests:
		return k.tooMuch(fmt.Sprintf("more than %d requests", k6Requests))
	case k.bytes > k6Bytes:
		return k.tooMuch(fmt.Sprintf("more than %d MiB", k6Bytes>>20))
	}
	return nil
}

func (k *k6Writer) tooMuch(what string) error {
	return fmt.Errorf("write k6 script: %s: k6 compiles a script once per virtual user: take a part of the recording (gameday tape cut), or play all of it with gameday replay", what)
}

// session returns the session of x. An exchange of which nobody knows who sent it is one of its own.
func (k *k6Writer) session(x *replay.Exchange) *k6Session {
	if s := k.byName[x.Session]; s != nil && x.Session != "" {
		return s
	}
	s := &k6Session{name: x.Session, start: x.At}
	k.byName[x.Session] = s
	k.sessions = append(k.sessions, s)
	return s
}

// call writes the request of x.
func (s *k6Session) call(x *replay.Exchange) {
	body := "null"
	if len(x.Body) > 0 {
		if body = quote(string(x.Body)); !isText(x.Body) {
			body = "encoding.b64decode(" + quote(base64.StdEncoding.EncodeToString(x.Body)) + ")"
		}
	}
	headers, spelt := make(map[string]string), make(map[string]string)
	if x.Host != "" {
		headers["Host"] = x.Host
	}
	for _, f := range endToEnd(x.Header) {
		separator, key := ", ", strings.ToLower(f.Name)
		if key == "cookie" {
			separator = "; "
		}
		if name, ok := spelt[key]; ok { // k6 takes one line of each name, however that is spelt
			headers[name] += separator + f.Value
			continue
		}
		spelt[key], headers[f.Name] = f.Name, f.Value
	}
	status := 0
	if x.Response != nil {
		status = x.Response.Status
	}
	fmt.Fprintf(&s.code, "  send(%s, %s, %s, %s, %d);\n", quote(x.Method), quote(requestTarget(x)), body, object(headers), status)
}

func requestTarget(x *replay.Exchange) string {
	if strings.HasPrefix(x.Target, "/") {
		return x.Target
	}
	if _, target, ok := splitURL(x.Target); ok {
		return target
	}
	return "/" + x.Target
}

// Close writes the script.
func (k *k6Writer) Close() error {
	base := strings.TrimSuffix(k.o.Base, "/")
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, k6Head, k.requests, len(k.sessions), quote(base))
	for i, s := range k.sessions {
		fmt.Fprintf(&b, "    session_%d: { exec: 'session_%d', startTime: '%dms', executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '%ds' },\n",
			i+1, i+1, s.start.Milliseconds(), int((s.end-s.start).Seconds()*2)+60)
	}
	b.WriteString(k6Middle)
	for i, s := range k.sessions {
		fmt.Fprintf(&b, "\n// %s\nexport function session_%d() {\n", commented(s.name), i+1)
		b.Write(s.code.Bytes())
		b.WriteString("}\n")
		if b.Len() > 1<<16 {
			if _, err := b.WriteTo(k.w); err != nil {
				return fmt.Errorf("write k6 script: %w", err)
			}
		}
	}
	if _, err := b.WriteTo(k.w); err != nil {
		return fmt.Errorf("write k6 script: %w", err)
	}
	return nil
}

const k6Head = `// %d recorded requests in %d sessions, written by gameday. To play it:
//
//   k6 run -e BASE=http://127.0.0.1:8080 THIS_FILE
//
// Each session is a scenario that starts at its recorded time. It pauses between requests as its user did, and
// sends nothing before it has the answer to what came before.
import http from 'k6/http';
import encoding from 'k6/encoding';
import { check, sleep } from 'k6';

const BASE = __ENV.BASE || %s;

export const options = {
  discardResponseBodies: true,
  scenarios: {
`

const k6Middle = `  },
};

function send(method, path, body, headers, recorded) {
  const answer = http.request(method, BASE + path, body, { headers, redirects: 0 });
  if (recorded) {
    check(answer, { 'status as recorded': (a) => a.status === recorded });
  }
}
`

// quote makes a JavaScript string of text.
func quote(text string) string { return script(text) }

// object makes a JavaScript object; its keys are in order.
func object(fields map[string]string) string { return script(fields) }

// script writes a value as JSON that is script as well: the line separators U+2028 and U+2029, which JSON allows in
// strings, are escaped.
func script(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // & and < are what URLs and bodies are made of
	_ = e.Encode(v)        // strings cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

func commented(name string) string {
	if name == "" {
		return "nobody knows whose"
	}
	return "session " + strings.Trim(quote(shorten(name)), `"`)
}
