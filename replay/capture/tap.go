package capture

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gameday-dev/gameday/internal/mark"
	"github.com/gameday-dev/gameday/replay"
)

// A Tap records what passes through Handler, RoundTripper, a Proxy or Calls, into one recorder.
// It may be used by several goroutines.
type Tap struct {
	o        Options
	queue    *queue
	sampler  *sampler
	gate     *gate
	governor *governor
	seq      atomic.Uint64
	conns    atomic.Uint64

	mu            sync.Mutex
	conversations map[*conversation]struct{}
}

// NewTap starts a capture into the recorder. The caller closes the Tap, after everything that
// it watches has ended, and then the recorder.
func NewTap(r replay.Recorder, o Options) *Tap {
	o = o.withDefaults()
	t := &Tap{o: o, sampler: newSampler(o.Sample), gate: new(gate), conversations: make(map[*conversation]struct{})}
	t.queue = newQueue(r, o, t.sampler, t.gate)
	t.governor = newGovernor(t, o.Budget)
	return t
}

// Start is the wall time of offset zero.
func (t *Tap) Start() time.Time { return t.o.Start }

// BodyMax is how many bytes of a body are kept.
func (t *Tap) BodyMax() int64 { return t.o.BodyMax }

// Counts is the ledger so far.
func (t *Tap) Counts() replay.Counts { return t.queue.ledger() }

// Status is how a capture is doing.
type Status struct {
	Counts  replay.Counts
	Waiting int     // exchanges and messages behind which the recorder is
	Held    int64   // bytes of bodies in flight and waiting
	Sample  float64 // share of sessions that is recorded now
	Stopped string  // why nothing is recorded now; "" when something is
}

// Status returns how the capture is doing now.
func (t *Tap) Status() Status {
	return Status{
		Counts: t.Counts(), Waiting: len(t.queue.in), Held: t.queue.held.Load(),
		Sample: t.sampler.rate(), Stopped: t.gate.cause(),
	}
}

// Stop ends recording at once, whatever passes and whatever waits to be recorded: the traffic
// goes on as if there were no capture, and what arrives counts as lost by the cause, until
// Resume is called with the same cause. It is the kill switch.
func (t *Tap) Stop(cause string) { t.gate.shut(cause) }

// Resume ends a Stop.
func (t *Tap) Resume(cause string) { t.gate.open(cause) }

// Close waits until everything captured is recorded, and returns the first error of the
// recorder. What ends later counts as lost.
func (t *Tap) Close() error {
	t.governor.close()
	return t.queue.close()
}

// admit says whether an exchange is to be recorded, as far as that is known when it begins;
// lines returns the header lines of a name. What is left out is counted.
func (t *Tap) admit(lines func(name string) []string) bool {
	if cause := t.gate.cause(); cause != "" {
		t.queue.lose(cause, time.Since(t.o.Start))
		return false
	}
	if t.sampler.idle() {
		return true
	}
	s := &t.queue.sessions.Sessions
	for _, credential := range [2]string{cookieIn(lines("Cookie"), s.Cookie), credentialIn(lines(s.Header))} {
		if t.sampler.leftOut(credential) {
			t.queue.sampledOut(time.Since(t.o.Start))
			return false
		}
	}
	return true
}

// takes is admit for a request of net/http.
func (t *Tap) takes(r *http.Request) bool {
	if rule := t.leftOut(r); rule != "" {
		t.queue.filtered(rule)
		return false
	}
	return t.admit(r.Header.Values)
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

type connKey struct{}

// ConnContext numbers connections; it is made for http.Server.ConnContext. Without it
// connections are told apart by the address of the client.
func (t *Tap) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, t.conns.Add(1))
}

// talk notes that a conversation goes on, until the function it returns is called.
func (t *Tap) talk(c *conversation) (over func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conversations[c] = struct{}{}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.conversations, c)
	}
}

// hangUp closes the connections of all conversations: they have no end of their own.
func (t *Tap) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conversations {
		_ = c.Conn.Close() // what is left of it is of no use to anybody
	}
}
