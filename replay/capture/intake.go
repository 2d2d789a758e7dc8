package capture

import (
	"net/http"
	"net/url"

	"github.com/gameday-dev/gameday/internal/mark"
	"github.com/gameday-dev/gameday/replay"
)

// An Intake takes exchanges that somebody else put together, from packets for example, and does with them what its Tap does
// with those that it sees: leaves out, redacts, names the session, samples, records, and keeps the ledger.
// Its methods may be called from several goroutines; with Options.Wait, from one.
type Intake struct{ *Tap }

// NewIntake starts a capture into the recorder. The caller closes the Intake, and then the recorder.
func NewIntake(r replay.Recorder, o Options) Intake { return Intake{NewTap(r, o)} }

// Reserve asks for memory to hold n more bytes of a body. What is granted goes back with Put or Release.
func (i Intake) Reserve(n int) bool { return i.queue.reserve(n) }

// Release gives back memory of bodies that are not put.
func (i Intake) Release(n int) { i.queue.release(n) }

// Put takes an exchange, whose bodies were reserved, and owns it from then on.
func (i Intake) Put(x *replay.Exchange) { i.put(parcel{x: x}) }

// A Lender uses exchanges again.
type Lender interface {
	// Returned is called, once and on any goroutine, when nothing refers to what was lent any more.
	Returned()
}

// Lend is Put for an exchange that goes back when it is recorded. Not all do: one that something else is done with never comes
// back.
func (i Intake) Lend(x *replay.Exchange, by Lender) { i.put(parcel{x: x, lender: by}) }

func (i Intake) put(e parcel) {
	x := e.x
	if rule := i.spares(x); rule != "" {
		i.queue.release(bodies(x))
		i.queue.filtered(rule)
		return
	}
	i.queue.put(e)
}

// Converse is Put for an exchange whose response switched the connection. It returns what records what is said from then on; nil when
// that is no WebSocket, or is not captured.
func (i Intake) Converse(x *replay.Exchange) *Talk {
	talk := newTalk(i.Tap, x.Seq)
	talk.agree(x.Response.Status, x.Response.Header)
	if !talk.speaks || i.spares(x) != "" {
		i.Put(x)
		return nil
	}
	i.queue.put(parcel{x: x, talk: talk})
	return talk
}

// LeaveOut counts one exchange as left out by a rule.
func (i Intake) LeaveOut(rule string) { i.queue.filtered(rule) }

// Lose counts g.Lost exchanges under the cause of the gap, and notes the gap. It may be a gap of which nobody knows what
// was lost in it.
func (i Intake) Lose(g replay.Gap) { i.queue.miss(g) }

// Account replaces what is known of packets and their bytes. The Intake keeps the tallies.
func (i Intake) Account(packets, bytes replay.Tally) {
	i.queue.mu.Lock()
	defer i.queue.mu.Unlock()
	i.queue.counts.Packets, i.queue.counts.Bytes = packets, bytes
}

// Err is the first error of the recorder so far.
func (i Intake) Err() error {
	i.queue.mu.Lock()
	defer i.queue.mu.Unlock()
	return i.queue.err
}

// spares returns the rule by which an exchange is not captured; "" when it is.
func (i Intake) spares(x *replay.Exchange) string {
	if i.o.Filter == nil {
		if !i.o.Replays && mark.Coloured(httpHeader(x.Header, mayColour)) {
			return RuleReplayed
		}
		return ""
	}
	target, err := url.ParseRequestURI(x.Target)
	if err != nil {
		target = &url.URL{Path: x.Target} // odd, but a filter sees it
	}
	return i.leftOut(&http.Request{
		Method: x.Method, URL: target, RequestURI: x.Target, Host: x.Host, Proto: x.Proto,
		Header: httpHeader(x.Header, nil), Body: http.NoBody, ContentLength: x.Size,
	})
}

// mayColour is true for the headers that say that a request is replayed.
func mayColour(name string) bool {
	return named(name, mark.Colour) || named(name, mark.Header) || named(name, "Tracestate") || named(name, "Baggage")
}

// httpHeader returns fields in the form of net/http: all, or those with the names chosen.
func httpHeader(fields replay.Header, chosen func(name string) bool) http.Header {
	var h http.Header
	for _, f := range fields {
		if chosen != nil && !chosen(f.Name) {
			continue
		}
		name := http.CanonicalHeaderKey(f.Name)
		if h == nil {
			h = make(http.Header)
		}
		h[name] = append(h[name], f.Value)
	}
	return h
}
