package capture

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// LostEntry is the cause, in Counts.Lost, of entries and traces that cannot be used.
const LostEntry = "malformed entry"

// entryMax bounds one JSON value of an import: a message with its body in base64 twice over.
const entryMax = 64 << 20

// har reads HTTP archives (HAR 1.2), one entry at a time. Their bodies are those that a
// browser shows, without their content coding; header lines are put right accordingly.
type har struct {
	to      *importer
	json    *values
	entries bool // within log.entries
	session *sessions

	talks     map[*replay.Exchange][]*replay.Message // of exchanges that have not gone out
	said      []*replay.Message                      // of the others, in order of time
	saidBytes int                                    // of both
}

func newHAR(to *importer, f *file) *har {
	return &har{to: to, json: newValues(f.r), session: newSessions(to.o.Sessions), talks: make(map[*replay.Exchange][]*replay.Message)}
}

func (h *har) read() error {
	if !h.entries {
		switch err := h.json.enter("log", "entries"); {
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return h.to.fatal(h.json.place(), err)
		}
		h.entries = true
	}
	var raw json.RawMessage
	switch more, err := h.json.element(&raw); {
	case err != nil:
		return h.to.fatal(h.json.place(), err)
	case !more:
		h.entries = false
		if err := h.json.leave(); err != nil {
			return h.to.fatal(h.json.place(), err)
		}
		return nil
	}
	var e harEntry
	err := json.Unmarshal(raw, &e)
	if err == nil {
		var x *replay.Exchange
		if x, err = e.exchange(); err == nil {
			h.messages(x, e.Messages)
			h.to.window.push(x, e.begin().UnixNano(), 0)
			return nil
		}
	}
	h.to.lose(LostEntry, h.json.place(), err)
	return nil
}

func (h *har) settle(x *replay.Exchange) {
	x.Session = h.session.name(x)
	h.speak(x)
}

// The parts of an entry that are of use. Times are milliseconds, -1 where a phase did not happen.
type (
	harEntry struct {
		Started    time.Time   `json:"startedDateTime"`
		Time       float64     `json:"time"`
		Request    harRequest  `json:"request"`
		Response   harResponse `json:"response"`
		Cache      struct{}    `json:"cache"`
		Timings    harTimings  `json:"timings"`
		Connection string      `json:"connection,omitempty"`

		ResourceType string            `json:"_resourceType,omitempty"`      // as Chrome has it
		Messages     []json.RawMessage `json:"_webSocketMessages,omitempty"` // harMessage each
	}
	harTimings struct {
		Blocked float64 `json:"blocked,omitempty"`
		DNS     float64 `json:"dns,omitempty"`
		Connect float64 `json:"connect,omitempty"`
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
	harRequest struct {
		Method      string       `json:"method"`
		URL         string       `json:"url"`
		HTTPVersion string       `json:"httpVersion"`
		Cookies     []harPair    `json:"cookies"`
		Headers     []harPair    `json:"headers"`
		QueryString []harPair    `json:"queryString"`
		PostData    *harPostData `json:"postData,omitempty"`
		HeadersSize int64        `json:"headersSize"`
		BodySize    int64        `json:"bodySize"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int64      `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harPostData struct {
		MimeType string    `json:"mimeType"`
		Params   []harPair `json:"params,omitempty"`
		Text     string    `json:"text"`
		Encoding string    `json:"encoding,omitempty"` // base64; not in the standard, but written
		Comment  string    `json:"comment,omitempty"`  // UnfitBody: bodySize counts more than the text
	}
	harContent struct {
		Size     int64  `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
		Comment  string `json:"comment,omitempty"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

// coded is the comment of a content whose coding was left on.
const coded = "content coding left on"

// begin is when the request was on its way, after waiting for a connection.
func (e *harEntry) begin() time.Time {
	t := e.Timings
	return e.Started.Add(millis(t.Blocked) + millis(t.DNS) + millis(t.Connect))
}

func millis(ms float64) time.Duration {
	if !(ms > 0) || ms > 1e12 {
		return 0
	}
	return time.Duration(ms * 1e6)
}

func (e *harEntry) exchange() (*replay.Exchange, error) {
	if y := e.Started.Year(); y < 1970 || y > 2200 {
		return nil, fmt.Errorf("startedDateTime %s is out of range", e.Started.Format(time.RFC3339))
	}
	host, target, ok := splitURL(e.Request.URL)
	if !ok {
		return nil, fmt.Errorf("request url %q is not absolute", shorten(e.Request.URL))
	}
	if !isToken(e.Request.Method) || e.Request.Method == "" {
		return nil, fmt.Errorf("%q is not a method", shorten(e.Request.Method))
	}
	x := &replay.Exchange{
		Method: e.Request.Method, Target: target, Host: host, Proto: harProto(e.Request.HTTPVersion),
		Header: harHeader(e.Request.Headers), Upload: millis(e.Timings.Send),
	}
	if h := x.Header.Get("Host"); h != "" {
		x.Host = h
	}
	x.Header.Del("Host")
	if e.Connection != "" {
		if x.Conn, _ = strconv.ParseUint(e.Connection, 10, 64); x.Conn == 0 {
			x.Conn = hashOf(e.Connection)
		}
	}
	if err := e.Request.body(x); err != nil {
		return nil, err
	}
	var err error
	x.Response, err = e.response()
	return x, err
}

func (r *harRequest) body(x *replay.Exchange) (err error) {
	x.Size = max(0, r.BodySize)
	p := r.PostData
	if p == nil {
		return nil
	}
	text := p.Text
	if text == "" && len(p.Params) > 0 {
		form := make([]string, len(p.Params))
		for i, f := range p.Params {
			form[i] = url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value)
		}
		text = strings.Join(form, "&")
	}
	if x.Body, err = harText(text, p.Encoding); err != nil {
		return fmt.Errorf("request postData: %w", err)
	}
	if len(x.Body) > 0 && p.Comment != UnfitBody {
		x.Size = int64(len(x.Body))
	}
	x.Size = max(x.Size, int64(len(x.Body)))
	if p.MimeType != "" && !x.Header.Has("Content-Type") {
		x.Header = append(x.Header, replay.Field{Name: "Content-Type", Value: p.MimeType})
	}
	return nil
}

// response returns what was answered; nil when nothing was, which browsers write as status 0.
func (e *harEntry) response() (*replay.Response, error) {
	r := e.Response
	if r.Status == 0 {
		return nil, nil
	}
	if r.Status < 100 || r.Status > 999 {
		return nil, fmt.Errorf("response status %d is out of range", r.Status)
	}
	body, err := harText(r.Content.Text, r.Content.Encoding)
	if err != nil {
		return nil, fmt.Errorf("response content: %w", err)
	}
	took := millis(e.Time) - e.begin().Sub(e.Started)
	out := &replay.Response{
		Status: r.Status, Header: harHeader(r.Headers), Body: body, Size: max(int64(len(body)), r.Content.Size),
		Duration: max(0, took), FirstByte: max(0, took-millis(e.Timings.Receive)),
	}
	if len(body) > 0 && r.Content.Comment != coded {
		out.Header.Del("Content-Encoding")
		if out.Header.Has("Content-Length") {
			out.Header.Set("Content-Length", strconv.Itoa(len(body)))
		}
	}
	return out, nil
}

func harText(text, encoding string) ([]byte, error) {
	switch {
	case text == "":
		return nil, nil
	case encoding == "":
		return []byte(text), nil
	case encoding == "base64":
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("read base64: %w", err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("encoding %q: unknown", shorten(encoding))
}

// harHeader leaves the pseudo header lines of HTTP/2 out.
func harHeader(pairs []harPair) replay.Header {
	var h replay.Header
	for _, p := range pairs {
		if p.Name != "" && p.Name[0] != ':' {
			h = append(h, replay.Field(p))
		}
	}
	return h
}

func harProto(version string) string {
	switch v := strings.ToLower(version); v {
	case "h2", "http/2", "http/2.0":
		return "HTTP/2.0"
	case "h3", "http/3", "http/3.0":
		return "HTTP/3.0"
	case "http/1.0", "http/1.1":
		return strings.ToUpper(v)
	}
	return ""
}
