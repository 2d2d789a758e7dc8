package capture

import (
	"bufio"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gameday-dev/gameday/internal/mark"
	"github.com/gameday-dev/gameday/replay"
)

// A Tap records what passes through http.Handlers. Wrap a service's own handler to capture
// inside the process, after TLS.
type Tap struct {
	o     Options
	queue *queue
	seq   atomic.Uint64
	conns atomic.Uint64
}

// NewTap starts a capture into the recorder. The caller closes the Tap, after the handlers
// it wraps have ended, and then the recorder.
func NewTap(r replay.Recorder, o Options) *Tap {
	o = o.withDefaults()
	return &Tap{o: o, queue: newQueue(r, o)}
}

// Start is the wall time of offset zero.
func (t *Tap) Start() time.Time { return t.o.Start }

// Counts is the ledger so far.
func (t *Tap) Counts() replay.Counts { return t.queue.ledger() }

// Close waits until everything captured is recorded, and returns the first error of the
// recorder. What ends later counts as lost.
func (t *Tap) Close() error { return t.queue.close() }

type connKey struct{}

// ConnContext numbers connections; it is made for http.Server.ConnContext. Without it
// connections are told apart by the address of the client.
func (t *Tap) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, t.conns.Add(1))
}

// Wrap returns a handler that does what next does, and records it.
func (t *Tap) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rule := t.leftOut(r); rule != "" {
			t.queue.filtered(rule)
			next.ServeHTTP(w, r)
			return
		}
		v := t.visit(w, r)
		defer v.finish() // also when next panics to break the connection
		next.ServeHTTP(v, v.request)
		v.complete = true
	})
}

// leftOut returns the rule by which a request is not captured; "" when it is.
func (t *Tap) leftOut(r *http.Request) string {
	switch {
	case !t.o.Replays && mark.Coloured(r.Header):
		return RuleReplayed
	case t.o.Filter != nil && !t.o.Filter(r):
		return ruleFilter
	}
	return ""
}

// visit is one exchange under way. The transport may still read the request body on a
// goroutine of its own when the handler has returned, so its fields are under a lock.
type visit struct {
	http.ResponseWriter
	tap     *Tap
	began   time.Time
	request *http.Request
	x       *replay.Exchange
	body    *teeBody

	status    int
	header    replay.Header
	firstByte time.Duration
	response  held
	expected  int64 // bytes of the response body; -1 when the head does not say
	finished  bool  // handed to the queue
	complete  bool  // the handler returned
	broken    bool  // the client did not take the response
	upgraded  bool
	silent    bool // the upstream gave no response: what is written comes from the proxy
}

type visitKey struct{}

func (t *Tap) visit(w http.ResponseWriter, r *http.Request) *visit {
	now := time.Now()
	v := &visit{ResponseWriter: w, tap: t, began: now, response: held{tap: t}, expected: -1}
	v.x = &replay.Exchange{
		Conn:   connOf(r),
		Seq:    t.seq.Add(1) - 1,
		At:     now.Sub(t.o.Start),
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto,
		Header: headerOf(r.Header, r.TransferEncoding),
	}
	v.request = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	if r.Body != nil && r.Body != http.NoBody {
		v.body = &teeBody{ReadCloser: r.Body, held: held{tap: t}, began: now}
		v.request.Body = v.body
	}
	return v
}

func connOf(r *http.Request) uint64 {
	if n, ok := r.Context().Value(connKey{}).(uint64); ok {
		return n
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, r.RemoteAddr)
	return h.Sum64() | 1
}

// headerOf lists header lines by name: net/http has already lost their order.
func headerOf(h http.Header, transfer []string) replay.Header {
	fields := make(replay.Header, 0, len(h)+len(transfer))
	for name, values := range h {
		for _, v := range values {
			fields = append(fields, replay.Field{Name: name, Value: v})
		}
	}
	for _, v := range transfer {
		fields = append(fields, replay.Field{Name: "Transfer-Encoding", Value: v})
	}
	slices.SortStableFunc(fields, func(a, b replay.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// WriteHeader notes the response's head when it goes out.
func (v *visit) WriteHeader(status int) {
	if v.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		v.status = status
		v.firstByte = time.Since(v.began)
		v.header = headerOf(v.Header(), nil)
		v.expected = v.length()
		v.finishAt(0)
	}
	v.ResponseWriter.WriteHeader(status)
}

// length is how long the response body will be, as far as its head tells.
func (v *visit) length() int64 {
	if v.request.Method == http.MethodHead || v.status == http.StatusNoContent || v.status == http.StatusNotModified {
		return 0
	}
	n, err := strconv.ParseInt(v.header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// Write passes bytes on and keeps what fits of them.
func (v *visit) Write(b []byte) (int, error) {
	if v.status == 0 {
		v.WriteHeader(http.StatusOK)
	}
	if !v.finished {
		v.response.keep(b)
		v.finishAt(v.response.size)
	}
	n, err := v.ResponseWriter.Write(b)
	v.broken = v.broken || err != nil && !errors.Is(err, http.ErrBodyNotAllowed)
	return n, err
}

// finishAt hands the exchange to the queue before the last bytes of the response go out, where
// it is known which are the last. So a client cannot ask the next thing before what it learnt
// from this answer is known here: its session, above all.
func (v *visit) finishAt(sent int64) {
	if sent == v.expected && (v.body == nil || v.body.ended()) {
		v.complete = true
		v.finish()
	}
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// Hijack hands the connection over, as for a WebSocket: what follows is not recorded.
func (v *visit) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(v.ResponseWriter).Hijack()
	if err == nil {
		v.upgraded = true
		v.firstByte = time.Since(v.began)
	}
	return c, rw, err
}

// finish hands the exchange to the queue, once.
func (v *visit) finish() {
	if v.status == 0 && v.complete && !v.upgraded {
		v.WriteHeader(http.StatusOK) // what net/http answers when a handler writes nothing
	}
	if v.finished {
		return
	}
	v.finished = true
	x := v.x
	if v.body != nil {
		x.Body, x.Size, x.Upload = v.body.take()
		x.Trailer = headerOf(v.request.Trailer, nil)
	}
	if v.upgraded {
		v.status, v.header = http.StatusSwitchingProtocols, headerOf(v.Header(), nil)
	}
	body, size := v.response.take()
	if v.status != 0 && !v.silent {
		x.Response = &replay.Response{
			Status: v.status, Header: v.header, Body: body, Size: size, Trailer: v.trailer(),
			FirstByte: v.firstByte, Duration: time.Since(v.began),
			Cut: !v.complete || v.broken,
		}
	} else {
		v.tap.queue.release(len(body))
	}
	v.tap.queue.put(x)
}

// trailer collects what a handler sets after the head, in both ways that net/http knows.
func (v *visit) trailer() replay.Header {
	var fields replay.Header
	for _, line := range v.Header()["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			for _, value := range v.Header().Values(strings.TrimSpace(name)) {
				fields = append(fields, replay.Field{Name: strings.TrimSpace(name), Value: value})
			}
		}
	}
	for name, values := range v.Header() {
		if plain, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			for _, value := range values {
				fields = append(fields, replay.Field{Name: plain, Value: value})
			}
		}
	}
	slices.SortStableFunc(fields, func(a, b replay.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// noResponse says that what is about to be written does not come from the captured system.
func noResponse(r *http.Request) {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		v.silent = true
	}
}

// held keeps the first bytes of a body, within the limits of the capture.
type held struct {
	tap  *Tap
	b    []byte
	size int64
	full bool
}

func (h *held) keep(b []byte) {
	h.size += int64(len(b))
	if h.full {
		return
	}
	if room := h.tap.o.BodyMax - int64(len(h.b)); int64(len(b)) > room {
		b, h.full = b[:room], true
	}
	if !h.tap.queue.reserve(len(b)) {
		h.full = true
		return
	}
	h.b = append(h.b, b...)
}

func (h *held) take() ([]byte, int64) {
	h.full = true
	return h.b, h.size
}

// teeBody is the request body on its way to the handler.
type teeBody struct {
	io.ReadCloser
	began time.Time

	mu     sync.Mutex
	held   held
	upload time.Duration
	eof    bool
}

func (t *teeBody) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held.keep(b[:n])
	if err != nil && !t.eof {
		t.eof, t.upload = true, time.Since(t.began)
	}
	return n, err
}

// ended reports whether the body was read to its end.
func (t *teeBody) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.eof
}

func (t *teeBody) take() ([]byte, int64, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, size := t.held.take()
	return b, size, t.upload
}
