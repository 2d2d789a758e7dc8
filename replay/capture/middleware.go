package capture

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// A Middleware is a program that sees traffic on its way, by the protocol of goreplay's --middleware: each message is a line
// on its standard input, the hex digits of a record of a .gor file; lines of this form on its standard output take the
// place of what it was shown. What it does not give back is left out.
//
//	Show, Answer -> queue -> standard input -> program -> standard output -> Back
//
// It never makes anybody wait who shows it something: the queue has bounds. Its methods may be called from several
// goroutines.
type Middleware struct {
	o     MiddlewareOptions
	child *child
	in    chan question
	back  chan replay.Shown
	over  chan struct{} // closed when the program says no more
	quit  chan struct{} // closed when nobody takes what comes back any more
	seed  maphash.Seed
	done  sync.WaitGroup

	mu       sync.Mutex
	finished bool // in is closed
	deaf     bool // the program does not read any more
	ended    bool // the program says no more
	failed   bool // and that not because it had done its work
	queued   int64
	held     int64             // bytes of exchanges that are waited for
	ids      map[string]*shown // the newest with this id
	waiting  []*shown          // in the order of showing, from the first that is waited for
	known    []*shown          // in the order of showing, as far as ids are kept
	sign     time.Time         // of life: the program read, or gave back
	account  gameday.Detour
	quitting sync.Once
}

var _ replay.Middleware = (*Middleware)(nil)

// MiddlewareOptions say how a Middleware works. Command must be set.
type MiddlewareOptions struct {
	Command   string      // program and arguments, split at blanks as goreplay does: no shell reads it
	Stderr    io.Writer   // takes what the program says there; nil discards it
	Start     time.Time   // wall time of offset zero of the exchanges
	Responses bool        // what it gives back of recorded responses counts too: an exchange is back when both parts are
	Problem   func(error) // told, from another goroutine, of each line that is no message; may be nil
}

// Bounds of a Middleware.
const (
	questionsMax = 8192     // messages that the program has not read
	questionsMem = 64 << 20 // bytes of them, and of exchanges that are waited for
	idsMax       = 1 << 16  // ids that are kept, so that what comes late or twice is known
	hexLineMax   = 2 * gorRecordMax
	sweepPeriod  = 20 * time.Millisecond
	graceMax     = 5 * time.Second // without a sign of life after the end of its input
)

// question is a message on its way to the program: a record that is ready, or an answer.
type question struct {
	text   []byte // one line or two
	answer *replay.Answered
	size   int64
}

// shown is an exchange that the program was shown.
type shown struct {
	id       string
	x        *replay.Exchange // nil when it is not waited for any more
	sum      uint64           // of its request, as it was shown
	until    time.Time
	size     int64
	request  bool             // it is back
	answered bool             // its response is
	response *replay.Response // that came back
	expired  bool             // it was given up
}

// StartMiddleware starts the program. The caller calls Close.
func StartMiddleware(o MiddlewareOptions) (*Middleware, error) {
	c, err := startChild(o.Command, o.Stderr)
	if err != nil {
		return nil, fmt.Errorf("start middleware: %w", err)
	}
	m := &Middleware{
		o: o, child: c, seed: maphash.MakeSeed(), ids: make(map[string]*shown), sign: time.Now(),
		in: make(chan question, questionsMax), back: make(chan replay.Shown, 256), over: make(chan struct{}), quit: make(chan struct{}),
	}
	m.done.Go(m.tell)
	m.done.Go(m.hear)
	m.done.Go(m.sweep)
	return m, nil
}

// Show hands over an exchange with its recorded response. See replay.Middleware.
func (m *Middleware) Show(x *replay.Exchange, until time.Time) (cause string) {
	request := requestPayload(x, nil)
	e := &shown{id: gorID(x), x: x, sum: maphash.Bytes(m.seed, request), until: until, size: int64(bodies(x))}
	at := m.o.Start.Add(x.At)
	text := hexLine(nil, gorHead('1', e.id, at, x.Upload), request)
	if r := x.Response; r != nil {
		text = hexLine(text, gorHead('2', e.id, at.Add(r.FirstByte), r.Duration-r.FirstByte), responsePayload(x, nil))
	}
	return m.ask(question{text: text, size: int64(len(text))}, e)
}

// ask puts a question about e, if there is room for it.
func (m *Middleware) ask(q question, e *shown) (cause string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.finished || m.deaf || m.ended:
		return replay.MiddlewareEnded
	case m.queued+q.size > questionsMem && m.queued > 0 || m.held+e.size > 2*questionsMem && m.held > 0:
		return replay.MiddlewareSlow
	}
	select {
	case m.in <- q:
	default:
		return replay.MiddlewareSlow
	}
	m.queued += q.size
	m.held += e.size
	m.ids[e.id] = e
	m.waiting, m.known = append(m.waiting, e), append(m.known, e)
	return ""
}

// Back yields what came of what was shown. See replay.Middleware.
func (m *Middleware) Back() <-chan replay.Shown { return m.back }

// Answer shows how a request was answered. See replay.Middleware. An answer for which there is no room is counted.
func (m *Middleware) Answer(a *replay.Answered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := question{answer: a, size: int64(len(a.Body))}
	if m.finished || m.deaf || m.ended || len(m.in) > questionsMax/4*3 || m.queued+q.size > questionsMem { // requests come first
		m.account.Unshown++
		return
	}
	select {
	case m.in <- q:
		m.queued += q.size
	default:
		m.account.Unshown++
	}
}

// Finish says that nothing more will be shown: the program reads the end of its input, and Back is closed once it has ended.
// It is killed when for 5 s it reads nothing and gives nothing back.
func (m *Middleware) Finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.finished {
		m.finished, m.sign = true, time.Now()
		close(m.in)
	}
}

// Close finishes, throws away what is still to come back, and waits for the end of the program. The error says how that ended
// if not well.
func (m *Middleware) Close() error {
	m.Finish()
	m.quitting.Do(func() { close(m.quit) })
	patience := time.AfterFunc(graceMax, m.child.kill)
	defer patience.Stop()
	m.done.Wait()
	err := m.child.end()
	if err != nil {
		err = fmt.Errorf("middleware %s: %w", m.child, err)
	}
	return errors.Join(err, m.child.out.Close())
}

// Account adds what only the Middleware knows to the account of what it was shown. See replay.Middleware.
func (m *Middleware) Account(d *gameday.Detour) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d.Expired, d.Garbled, d.Unshown = m.account.Expired, m.account.Garbled, m.account.Unshown
}

// take takes one message that the program said.
func (m *Middleware) take(h gorHeader, payload []byte) {
	m.mu.Lock()
	s, ok := m.answer(h, payload)
	m.mu.Unlock()
	if ok {
		m.give(s)
	}
}

// answer finds what a message means for who waits; ok is false when it means nothing yet. The caller holds the lock.
func (m *Middleware) answer(h gorHeader, payload []byte) (s replay.Shown, ok bool) {
	e := m.ids[h.id]
	switch {
	case h.kind == '3', h.kind == '2' && !m.o.Responses:
		return s, false // of no use to anybody but the program
	case e != nil && e.expired:
		if h.kind == '1' && !e.request {
			e.request = true
			m.account.Expired++
		}
		return s, false
	case h.kind == '2':
		return m.response(e, h, payload)
	case e != nil && e.x != nil && !e.request:
		return m.request(e, h, payload)
	}
	x := new(replay.Exchange) // the program's own, or once more
	if err := m.read(h, x, payload); err != nil {
		m.garbled(err)
		return s, false
	}
	x.At = time.Unix(0, h.ns).Sub(m.o.Start)
	x.Conn, _ = connection(h.id)
	return replay.Shown{X: x, Added: true}, true
}

// request takes a request that came back.
func (m *Middleware) request(e *shown, h gorHeader, payload []byte) (s replay.Shown, ok bool) {
	if maphash.Bytes(m.seed, payload) != e.sum {
		proto, trailer, lacking := e.x.Proto, e.x.Trailer, e.x.Truncated()
		if err := m.read(h, e.x, payload); err != nil {
			m.garbled(err)
			return m.settle(e, replay.MiddlewareGarbled), true
		}
		if proto != "" && proto[:min(len(proto), 7)] != "HTTP/1." { // which is not what it was shown
			e.x.Proto = proto
		}
		if len(e.x.Trailer) == 0 { // nor this
			e.x.Trailer = trailer
		}
		if lacking {
			e.x.Size = max(e.x.Size, int64(len(e.x.Body))+1)
		}
	}
	e.request = true
	return m.whole(e)
}

// response takes a response that came back.
func (m *Middleware) response(e *shown, h gorHeader, payload []byte) (s replay.Shown, ok bool) {
	if e == nil || e.x == nil || e.x.Response == nil || e.answered {
		m.garbled(errors.New("a response to no request that is waited for"))
		return s, false
	}
	msg, err := parseGor(h, e.x, payload)
	if err != nil {
		m.garbled(err)
		return s, false
	}
	was, r := e.x.Response, msg.response()
	r.Trailer, r.FirstByte, r.Duration, r.Cut = was.Trailer, was.FirstByte, was.Duration, was.Cut
	r.Size += max(0, was.Size-int64(len(was.Body))) // what was cut off stays so
	e.answered, e.response = true, r
	return m.whole(e)
}

// whole settles an exchange that is back in all its parts.
func (m *Middleware) whole(e *shown) (s replay.Shown, ok bool) {
	if !e.request || m.o.Responses && e.x.Response != nil && !e.answered {
		return s, false
	}
	return m.settle(e, ""), true
}

// read makes a payload the request of x.
func (m *Middleware) read(h gorHeader, x *replay.Exchange, payload []byte) error {
	msg, err := parseGor(h, x, payload)
	if err == nil && msg.size > int64(len(msg.body)) {
		err = fmt.Errorf("the body has %d bytes, and Content-Length says %d", len(msg.body), msg.size)
	}
	if err != nil {
		return err
	}
	msg.request(x)
	return nil
}

// settle ends the wait for e. The caller holds the lock.
func (m *Middleware) settle(e *shown, cause string) replay.Shown {
	x := e.x
	e.x = nil
	m.held -= e.size
	m.sign = time.Now()
	if m.o.Responses && cause == "" {
		x.Response = e.response
	}
	return replay.Shown{X: x, Cause: cause}
}

// garbled counts a line that is no message. The caller holds the lock.
func (m *Middleware) garbled(err error) {
	m.account.Garbled++
	if m.o.Problem != nil {
		m.o.Problem(fmt.Errorf("middleware: %w", err))
	}
}

// give hands on what came back.
func (m *Middleware) give(s replay.Shown) {
	select {
	case m.back <- s:
	case <-m.quit:
	}
}

// sweep gives up what does not come back, until the program has ended.
func (m *Middleware) sweep() {
	tick := time.NewTicker(sweepPeriod)
	defer tick.Stop()
	for open := true; open; {
		var given []replay.Shown
		select {
		case <-m.over:
			given, open = m.expire(time.Time{}), false
		case now := <-tick.C:
			given = m.expire(now)
		}
		for _, s := range given {
			m.give(s)
		}
	}
	close(m.back)
}

// expire settles what was to be back by now, and the oldest when too much is waited for; at the end of the program, all.
func (m *Middleware) expire(now time.Time) (given []replay.Shown) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.oldest(); e != nil && (m.ended || m.held > questionsMem || !now.Before(e.until)); e = m.oldest() {
		cause := replay.KeptByMiddleware
		switch {
		case e.request: // and only its response was kept
			cause = ""
		case m.failed:
			cause = replay.MiddlewareEnded
		}
		e.expired = true
		given = append(given, m.settle(e, cause))
	}
	for len(m.known) > idsMax && m.known[0].x == nil {
		if e := m.known[0]; m.ids[e.id] == e {
			delete(m.ids, e.id)
		}
		m.known = m.known[1:]
	}
	if m.finished && !m.ended && now.Sub(m.sign) > graceMax {
		m.child.kill()
	}
	return given
}

// oldest returns the exchange that is waited for the longest; nil when none is. The caller holds the lock.
func (m *Middleware) oldest() *shown {
	for len(m.waiting) > 0 && m.waiting[0].x == nil {
		m.waiting = m.waiting[1:]
	}
	if len(m.waiting) == 0 {
		return nil
	}
	return m.waiting[0]
}
