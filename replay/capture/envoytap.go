package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// Causes in Counts.Lost of Envoy's taps.
const (
	LostTrace = "trace of no HTTP"
	LostPart  = "part without request"
)

// envoyTap reads what Envoy's HTTP tap filter writes as JSON: traces one after another, whole
// (http_buffered_trace) or in segments that share a trace_id (http_streamed_trace_segment). Where
// the tap was not told to note times (record_headers_received_time), they are made up.
type envoyTap struct {
	to       *importer
	json     *values
	beat     metronome
	session  *sessions
	streamed map[string]*tapStream // by trace id, those whose segments may go on
	ids      map[*replay.Exchange]string
}

// tapStream is a streamed trace under way.
type tapStream struct {
	x    *replay.Exchange
	held int // bytes of its bodies
}

func newEnvoyTap(to *importer, f *file) (*envoyTap, error) {
	beat, err := newMetronome(to.o)
	return &envoyTap{
		to: to, json: newValues(f.r), beat: beat, session: newSessions(to.o.Sessions), streamed: make(map[string]*tapStream), ids: make(map[*replay.Exchange]string),
	}, err
}

type tapTrace struct {
	Buffered *tapBuffered    `json:"http_buffered_trace"`
	Segment  *tapSegment     `json:"http_streamed_trace_segment"`
	Socket   json.RawMessage `json:"socket_buffered_trace"`
	Sockets  json.RawMessage `json:"socket_streamed_trace_segment"`
}

type tapBuffered struct {
	Request    tapMessage    `json:"request"`
	Response   tapMessage    `json:"response"`
	Connection tapConnection `json:"downstream_connection"`
}

type tapMessage struct {
	Headers  []tapHeader `json:"headers"`
	Body     tapBody     `json:"body"`
	Trailers []tapHeader `json:"trailers"`
	Received time.Time   `json:"headers_received_time"`
}

type tapHeader struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Raw   []byte `json:"raw_value"`
}

type tapBody struct {
	Bytes     []byte `json:"as_bytes"`
	Text      string `json:"as_string"`
	Truncated bool   `json:"truncated"`
}

func (b *tapBody) bytes() []byte {
	if len(b.Bytes) > 0 || b.Text == "" {
		return b.Bytes
	}
	return []byte(b.Text)
}

type tapConnection struct {
	Remote struct {
		Socket struct {
			Address string `json:"address"`
			Port    int    `json:"port_value"`
		} `json:"socket_address"`
	} `json:"remote_address"`
}

type tapSegment struct {
	TraceID          json.RawMessage `json:"trace_id"` // a string, being a number of 64 bits
	RequestHeaders   *tapHeaders     `json:"request_headers"`
	RequestBody      *tapBody        `json:"request_body_chunk"`
	RequestTrailers  *tapHeaders     `json:"request_trailers"`
	ResponseHeaders  *tapHeaders     `json:"response_headers"`
	ResponseBody     *tapBody        `json:"response_body_chunk"`
	ResponseTrailers *tapHeaders     `json:"response_trailers"`
}

type tapHeaders struct {
	Headers []tapHeader `json:"headers"`
}

func (e *envoyTap) read() error {
	var raw json.RawMessage
	switch err := e.json.next(&raw); {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return e.to.fatal(e.json.place(), err)
	}
	var t tapTrace
	if err := json.Unmarshal(raw, &t); err != nil {
		e.to.lose(LostEntry, e.json.place(), err)
		return nil
	}
	cause, err := LostTrace, error(nil)
	switch {
	case t.Buffered != nil:
		cause, err = LostEntry, e.buffered(t.Buffered)
	case t.Segment != nil:
		cause, err = e.segment(t.Segment)
	case t.Socket != nil || t.Sockets != nil:
		err = errors.New("a trace of a socket: only the HTTP tap filter tells requests apart")
	default:
		err = errors.New("no http_buffered_trace and no http_streamed_trace_segment")
	}
	if err != nil {
		e.to.lose(cause, e.json.place(), err)
	}
	return nil
}

// settle ends the wait for segments of an exchange that goes out, and names its session.
func (e *envoyTap) settle(x *replay.Exchange) {
	if t := e.streamed[e.ids[x]]; t != nil && t.x == x { // else a later trace has the same id
		delete(e.streamed, e.ids[x])
	}
	delete(e.ids, x)
	x.Session = e.session.name(x)
}

func (e *envoyTap) buffered(t *tapBuffered) error {
	x, err := tapRequest(t.Request.Headers)
	if err != nil {
		return err
	}
	x.Body, x.Size = t.Request.Body.sized(x.Header)
	x.Trailer = tapFields(t.Request.Trailers)
	if a := t.Connection.Remote.Socket; a.Address != "" {
		x.Conn = hashOf(a.Address + ":" + strconv.Itoa(a.Port))
	}
	if x.Response, err = tapResponse(t.Response.Headers); err != nil {
		return err
	}
	at := e.when(t.Request.Received)
	if r := x.Response; r != nil {
		r.Body, r.Size = t.Response.Body.sized(r.Header)
		r.Trailer = tapFields(t.Response.Trailers)
		if !t.Response.Received.IsZero() && !t.Request.Received.IsZero() {
			r.FirstByte = max(0, t.Response.Received.Sub(t.Request.Received))
			r.Duration = r.FirstByte
		}
	}
	e.to.window.push(x, at, 0)
	return nil
}

// when is the time of a trace, made up where it has none.
func (e *envoyTap) when(received time.Time) int64 {
	if y := received.Year(); y > 1970 && y < 2200 {
		return received.UnixNano()
	}
	return e.beat.tick()
}

// segment adds a part to its exchange, which waits in the window for the others. It returns the cause of an error.
func (e *envoyTap) segment(s *tapSegment) (string, error) {
	id := string(s.TraceID)
	if s.RequestHeaders != nil {
		x, err := tapRequest(s.RequestHeaders.Headers)
		if err != nil {
			return LostEntry, err
		}
		e.streamed[id], e.ids[x] = &tapStream{x: x}, id
		e.to.window.push(x, e.beat.tick(), 0)
		return "", nil
	}
	t := e.streamed[id]
	if t == nil {
		return LostPart, fmt.Errorf("trace %s has no request before this", shorten(id))
	}
	return LostEntry, e.part(t, s)
}

func (e *envoyTap) part(t *tapStream, s *tapSegment) (err error) {
	x := t.x
	switch {
	case s.RequestBody != nil:
		x.Body, x.Size = e.grown(t, x.Body, x.Size, s.RequestBody)
	case s.RequestTrailers != nil:
		x.Trailer = tapFields(s.RequestTrailers.Headers)
	case s.ResponseHeaders != nil:
		x.Response, err = tapResponse(s.ResponseHeaders.Headers)
	case x.Response == nil:
		return errors.New("a part of a response that has not begun")
	case s.ResponseBody != nil:
		x.Response.Body, x.Response.Size = e.grown(t, x.Response.Body, x.Response.Size, s.ResponseBody)
	case s.ResponseTrailers != nil:
		x.Response.Trailer = tapFields(s.ResponseTrailers.Headers)
	}
	return err
}

// grown appends a chunk, up to the limit of a message.
func (e *envoyTap) grown(t *tapStream, body []byte, whole int64, chunk *tapBody) ([]byte, int64) {
	b := chunk.bytes()
	whole += int64(len(b))
	if chunk.Truncated {
		whole++
	}
	if t.held += len(b); t.held > entryMax {
		return body, whole
	}
	e.to.window.grow(len(b))
	return append(body, b...), whole
}

// sized returns the body and the size it had; of a truncated one the header tells, or it had at
// least one byte more.
func (b *tapBody) sized(h replay.Header) ([]byte, int64) {
	body := b.bytes()
	if !b.Truncated {
		return body, int64(len(body))
	}
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil || n <= int64(len(body)) {
		n = int64(len(body)) + 1
	}
	return body, n
}

func tapRequest(headers []tapHeader) (*replay.Exchange, error) {
	x := &replay.Exchange{Header: tapFields(headers)}
	for _, h := range headers {
		switch strings.ToLower(h.Key) {
		case ":method":
			x.Method = h.value()
		case ":path":
			x.Target = h.value()
		case ":authority", "host":
			x.Host = h.value()
		}
	}
	if p := tapFieldsOf(headers, "x-envoy-original-path"); p != "" { // before the proxy rewrote it
		x.Target = p
	}
	x.Header.Del("Host")
	if x.Method == "" || !isToken(x.Method) || x.Target == "" {
		return nil, fmt.Errorf("a request of method %q and path %q", shorten(x.Method), shorten(x.Target))
	}
	return x, nil
}

// tapResponse returns nil for a trace that holds none.
func tapResponse(headers []tapHeader) (*replay.Response, error) {
	if len(headers) == 0 {
		return nil, nil
	}
	status, err := strconv.Atoi(tapFieldsOf(headers, ":status"))
	if err != nil || status < 100 || status > 999 {
		return nil, fmt.Errorf("a response of status %q", shorten(tapFieldsOf(headers, ":status")))
	}
	return &replay.Response{Status: status, Header: tapFields(headers)}, nil
}

func (h tapHeader) value() string {
	if h.Value == "" && len(h.Raw) > 0 {
		return string(h.Raw)
	}
	return h.Value
}

func tapFieldsOf(headers []tapHeader, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.Key, name) {
			return h.value()
		}
	}
	return ""
}

// tapFields leaves pseudo header lines out, and what Envoy added for its own use.
func tapFields(headers []tapHeader) replay.Header {
	var fields replay.Header
	for _, h := range headers {
		if h.Key != "" && h.Key[0] != ':' {
			fields = append(fields, replay.Field{Name: h.Key, Value: h.value()})
		}
	}
	return fields
}
