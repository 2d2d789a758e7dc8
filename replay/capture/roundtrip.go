package capture

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// RoundTripper returns a transport that does what next does, and records what a program asks
// of others into t. A nil next is http.DefaultTransport. The exchange is recorded when the
// response body was read to its end or closed; one that switches to a WebSocket at once, and then each message.
func RoundTripper(next http.RoundTripper, t *Tap) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return roundTripper{next, t}
}

type roundTripper struct {
	next http.RoundTripper
	tap  *Tap
}

func (rt roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if !rt.tap.takes(r) {
		return rt.next.RoundTrip(r)
	}
	trip := rt.tap.trip(r)
	resp, err := rt.next.RoundTrip(trip.request(r))
	if err != nil {
		trip.end(true)
		return resp, err
	}
	trip.response(resp)
	return resp, nil
}

// trip is one exchange of a client under way.
type trip struct {
	tap   *Tap
	began time.Time
	x     *replay.Exchange
	sent  *http.Request

	mu   sync.Mutex
	body *teeBody // of the request

	answer *http.Response
	reply  *teeBody
	first  time.Duration
	talk   *Talk // that the answer begins
	once   sync.Once
}

func (t *Tap) trip(r *http.Request) *trip {
	now := time.Now()
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	return &trip{tap: t, began: now, sent: r, x: &replay.Exchange{
		Seq: t.seq.Add(1) - 1, At: now.Sub(t.o.Start),
		Method: method, Target: r.URL.RequestURI(), Host: host, Proto: r.Proto,
		Header: headerOf(r.Header, r.TransferEncoding),
	}}
}

// request returns the request with a body that is watched; the caller's own is not ours to change.
func (t *trip) request(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	sent := r.WithContext(r.Context())
	sent.Body = t.watch(r.Body)
	if r.GetBody != nil { // a transport that tries again sends it anew
		sent.GetBody = func() (io.ReadCloser, error) {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			return t.watch(body), nil
		}
	}
	return sent
}

// watch starts the request body, anew when there was one.
func (t *trip) watch(body io.ReadCloser) *teeBody {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.body != nil {
		b, _, _ := t.body.take()
		t.tap.queue.release(len(b))
	}
	t.body = &teeBody{ReadCloser: body, held: t.held(false), began: t.began}
	return t.body
}

// held keeps the body of one side.
func (t *trip) held(fromServer bool) held {
	return held{tap: t.tap, began: t.began, beats: beatsOf(t.sent.Header.Get("Content-Type"), fromServer)}
}

// response watches the answer go by.
func (t *trip) response(resp *http.Response) {
	t.first = time.Since(t.began)
	t.answer = resp
	t.x.Proto = resp.Proto
	t.reply = &teeBody{ReadCloser: resp.Body, held: t.held(true), began: t.began}
	if conn, switched := resp.Body.(io.ReadWriteCloser); switched { // the caller speaks another protocol from here on
		talk := newTalk(t.tap, t.x.Seq)
		talk.agree(resp.StatusCode, headerOf(resp.Header, nil))
		if talk.speaks {
			t.talk, resp.Body = talk, &dialogue{ReadWriteCloser: conn, tap: t.tap, talk: talk}
		}
		t.end(false)
		return
	}
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		t.end(false)
		return
	}
	resp.Body = &watched{t}
}

// end hands the exchange to the queue, once. cut says that the answer was not read whole.
func (t *trip) end(cut bool) {
	t.once.Do(func() {
		x := t.x
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.body != nil {
			x.Body, x.Size, x.Upload = t.body.take()
			x.Trailer = headerOf(t.sent.Trailer, nil)
		}
		if resp := t.answer; resp != nil {
			body, size, _ := t.reply.take()
			x.Response = &replay.Response{
				Status: resp.StatusCode, Header: headerOf(resp.Header, resp.TransferEncoding), Trailer: headerOf(resp.Trailer, nil),
				Body: body, Size: size, FirstByte: t.first, Duration: time.Since(t.began), Cut: cut,
			}
		}
		if t.body != nil && t.reply != nil {
			x.Beats = MergeBeats(&t.body.held.said, &t.reply.held.said)
		}
		t.tap.queue.put(parcel{x: x, talk: t.talk})
	})
}

// watched is the body of an answer that ends its trip.
type watched struct{ trip *trip }

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.trip.reply.Read(b)
	if err != nil {
		w.trip.end(err != io.EOF)
	}
	return n, err
}

// Close ends the exchange: what was not read by then is missing.
func (w *watched) Close() error {
	err := w.trip.reply.Close()
	w.trip.end(true)
	return err
}
