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
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// Handler returns a handler that does what next does, and records it into t: inside the process,
// after TLS. Where connections matter, give the server Tap.ConnContext.
func Handler(next http.Handler, t *Tap) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !t.takes(r) {
			next.ServeHTTP(w, r)
			return
		}
		v := t.visit(w, r)
		defer v.finish() // also when next panics to break the connection
		next.ServeHTTP(v, v.request)
		if v.talk == nil {
			v.complete = true
		}
	})
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
	expected  int64         // bytes of the response body; -1 when the head does not say
	finished  bool          // handed to the queue
	complete  bool          // the handler returned
	broken    bool          // the client did not take the response
	talk      *conversation // the connection was switched to another protocol
	silent    bool          // the upstream gave no response: what is written comes from the proxy
}

type visitKey struct{}

func (t *Tap) visit(w http.ResponseWriter, r *http.Request) *visit {
	now := time.Now()
	v := &visit{ResponseWriter: w, tap: t, began: now, response: held{tap: t, began: now}, expected: -1}
	v.x = &replay.Exchange{
		Conn:   connOf(r),
		Seq:    t.seq.Add(1) - 1,
		At:     now.Sub(t.o.Start),
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto,
		Header: headerOf(r.Header, r.TransferEncoding),
	}
	v.request = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	if r.Body != nil && r.Body != http.NoBody {
		kind := r.Header.Get("Content-Type")
		v.body = &teeBody{ReadCloser: r.Body, held: held{tap: t, began: now, beats: beatsOf(kind, false)}, began: now}
		v.request.Body = v.body
		v.response.beats = beatsOf(kind, true)
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
		if status != http.StatusSwitchingProtocols { // which ends with its conversation's begin
			v.expected = v.length()
			v.finishAt(0)
		}
	}
	v.ResponseWriter.WriteHeader(status)
}

// length is how long the response body will be, as far as its head tells.
func (v *visit) length() int64 {
	if v.request.Method == http.MethodHead || v.status == http.StatusNoContent || v.status == http.StatusNotModified {
		return 0
	}
	n, err := strconv.ParseInt(v.header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 || v.header.Has("Trailer") { // the trailer comes behind the last byte
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

// Hijack hands the connection over, as for a WebSocket, whose messages are recorded.
func (v *visit) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(v.ResponseWriter).Hijack()
	if err != nil {
		return c, rw, err
	}
	v.talk, rw = v.converse(c, rw)
	return v.talk, rw, nil
}

// finish hands the exchange to the queue, once.
func (v *visit) finish() {
	if v.talk != nil {
		return // the conversation does that, and may outlive the handler
	}
	if v.status == 0 && v.complete {
		v.WriteHeader(http.StatusOK) // what net/http answers when a handler writes nothing
	}
	v.hand(nil)
}

// hand gives the exchange away, and the talk that it begins.
func (v *visit) hand(talk *Talk) {
	if v.finished {
		return
	}
	v.finished = true
	x := v.x
	if v.body != nil {
		x.Body, x.Size, x.Upload = v.body.take()
		x.Trailer = headerOf(v.request.Trailer, nil)
	}
	body, size := v.response.take()
	if v.body != nil {
		x.Beats = MergeBeats(&v.body.held.said, &v.response.said)
	}
	if v.status != 0 && !v.silent {
		x.Response = &replay.Response{
			Status: v.status, Header: v.header, Body: body, Size: size, Trailer: v.trailer(),
			FirstByte: v.firstByte, Duration: time.Since(v.began),
			Cut: !v.complete || v.broken,
		}
	} else {
		v.tap.queue.release(len(body))
	}
	v.tap.queue.put(parcel{x: x, talk: talk})
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
