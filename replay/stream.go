package replay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/internal/grpcwire"
)

// A stream is a gRPC call with several messages on a side. The client's leave at their recorded distances from the due
// time, whatever the server says; what is late leaves at once. Its session goes on meanwhile.
type stream struct {
	beats    []beat        // of the client, in order
	upload   time.Duration // until the client had said everything
	open     bool          // and it did not say that nothing follows
	lasts    time.Duration
	recorded int64 // messages of the server
	left     bool  // the recorded client left before the server had ended
}

// A beat is one message of the client.
type beat struct {
	after time.Duration // the call was due
	size  int
}

// streamOf reads the times of x; nil where it has none, or none that fit its body.
func streamOf(x *Exchange, speed float64) *stream {
	if len(x.Beats) == 0 {
		return nil
	}
	at := func(d time.Duration) time.Duration { return time.Duration(float64(d) / speed) }
	s := &stream{open: x.Upload == 0, left: x.Response == nil || x.Response.Cut}
	left := int64(len(x.Body))
	for _, b := range x.Beats {
		s.lasts = max(s.lasts, at(b.At))
		if b.FromServer {
			s.recorded++
			continue
		}
		if b.Size < 0 || b.Size > left { // before it is added up: a sum of what a tape says may be anything
			return nil
		}
		left -= b.Size
		s.upload = max(s.upload, at(b.At))
		s.beats = append(s.beats, beat{at(b.At), int(b.Size)})
	}
	if left != 0 {
		return nil
	}
	if x.Response != nil {
		s.lasts = max(s.lasts, at(x.Response.Duration))
		s.open = s.open && s.left
	}
	s.upload = max(s.upload, at(x.Upload))
	s.lasts = max(s.lasts, s.upload)
	return s
}

// recite carries a stream. When it is refused the first time the books stay open: it is sent anew.
func (k *courier) recite(ctx context.Context, r *parcel, out *http.Request) (a answer, way string, err error) {
	if !r.again {
		k.books.begun.Add(1)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	speaking, silence := context.WithCancel(ctx)
	said := &recital{ctx: speaking, silence: silence, stream: r.stream, body: out.Body, books: k.books, due: r.due, now: k.now, before: r.said}
	defer func() {
		silence()
		if r.said = said.end(); err == nil || r.again || !errors.Is(err, errRefused) {
			cause := causeGone
			if err != nil {
				cause = causeCall
			}
			k.books.leave(cause, int64(len(r.stream.beats)-r.said))
			k.books.recorded.Add(r.stream.recorded)
		}
	}()
	out.Body, out.ContentLength = said, -1
	out.Header.Del("Content-Length")
	if r.stream.left {
		leave := time.AfterFunc(r.due+r.stream.lasts-k.now(), stop)
		defer leave.Stop()
	}
	heard := listener{books: k.books}
	response, err := k.send(out.WithContext(ctx), r.request)
	if err == nil {
		defer response.Body.Close()
		heard.ReadCloser = response.Body
		response.Body = &heard
		err = readAnswer(&a, response, r.keeps())
	}
	if err != nil && r.stream.left && errors.Is(ctx.Err(), context.Canceled) && (heard.n > 0 || r.stream.recorded == 0) {
		a.status, a.rpc, err = http.StatusOK, r.rpc, nil // it was left when the recorded client left it
	}
	return a, byHTTP2, err
}

// A recital is the body of a stream on its way. The transport reads it on a goroutine of its own, which may outlive the call.
type recital struct {
	ctx     context.Context
	silence func() // ends ctx
	stream  *stream
	body    io.ReadCloser
	books   *books
	due     time.Duration
	now     func() time.Duration
	left    int // bytes of the message under way
	before  int // messages that are on the books

	mu   sync.Mutex
	said int
	over bool
}

// Read returns bytes of one message at most, once it is due.
func (p *recital) Read(b []byte) (int, error) {
	p.mu.Lock()
	said := p.said
	p.mu.Unlock()
	if said == len(p.stream.beats) {
		return 0, p.hold()
	}
	next := p.stream.beats[said]
	if p.left == 0 {
		if err := wait(p.ctx, p.due+next.after-p.now()); err != nil {
			return 0, err
		}
		p.left = next.size
	}
	n, err := io.ReadFull(p.body, b[:min(len(b), p.left)])
	if p.left -= n; p.left == 0 {
		p.whole(next)
	}
	return n, err
}

// hold waits until the client has nothing more to say, or for the end of the call when it never said so.
func (p *recital) hold() error {
	if p.stream.open {
		<-p.ctx.Done()
		return context.Cause(p.ctx)
	}
	if err := wait(p.ctx, p.due+p.stream.upload-p.now()); err != nil {
		return err
	}
	return io.EOF
}

// whole counts a message.
func (p *recital) whole(b beat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said++; !p.over && p.said > p.before {
		p.books.send(p.now() - p.due - b.after)
	}
}

// Close ends a Read that waits: the transport calls it when nothing more is wanted, and waits for Read to return.
func (p *recital) Close() error {
	p.silence()
	return nil
}

// end closes the books, and returns how many messages are on them.
func (p *recital) end() (said int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	return max(p.said, p.before)
}

// A listener counts the messages of an answer as they are read.
type listener struct {
	io.ReadCloser
	books *books
	n     int64

	messages grpcwire.Scanner
}

func (l *listener) Read(b []byte) (int, error) {
	n, err := l.ReadCloser.Read(b)
	l.hear(b[:n])
	return n, err
}

func (l *listener) hear(b []byte) {
	l.messages.Scan(b, func(int64) {
		l.n++
		l.books.received.Add(1)
	})
}
