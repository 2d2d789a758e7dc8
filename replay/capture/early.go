package capture

import (
	"bytes"
	"fmt"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// Bounds of what is held of responses whose requests have not come.
const (
	earlyHeld  = 4096
	earlyBytes = 16 << 20
)

// earlyResponse is a record of a response that came before its request.
type earlyResponse struct {
	head    gorHeader
	payload []byte
	place   string // where it stands
	taken   bool
}

// early holds responses until their requests come, in the order in which they came. goreplay writes a message when it takes it for
// complete: a request on a connection that stays open may be written seconds after its response.
type early struct {
	held  []*earlyResponse
	byID  map[string][]*earlyResponse
	bytes int
}

// hold keeps a copy of a response. What there is no room for then is returned, oldest first.
func (e *early) hold(h gorHeader, payload []byte, place string) (forgotten []*earlyResponse) {
	r := &earlyResponse{head: h, payload: bytes.Clone(payload), place: place}
	e.held = append(e.held, r)
	e.byID[h.id] = append(e.byID[h.id], r)
	e.bytes += len(r.payload)
	for len(e.held) > earlyHeld || e.bytes > earlyBytes {
		forgotten = append(forgotten, e.forget()...)
	}
	return forgotten
}

// expire returns what has waited since before a time.
func (e *early) expire(before int64) (forgotten []*earlyResponse) {
	for len(e.held) > 0 && (e.held[0].taken || e.held[0].head.ns < before) {
		forgotten = append(forgotten, e.forget()...)
	}
	return forgotten
}

// forget lets go of the oldest, and returns it unless its request came.
func (e *early) forget() []*earlyResponse {
	r := e.held[0]
	e.held[0], e.held = nil, e.held[1:]
	if r.taken {
		return nil
	}
	e.bytes -= len(r.payload)
	if rest := e.byID[r.head.id][1:]; len(rest) > 0 {
		e.byID[r.head.id] = rest
	} else {
		delete(e.byID, r.head.id)
	}
	return []*earlyResponse{r}
}

// take returns the responses that wait for a request, in their order.
func (e *early) take(id string) []*earlyResponse {
	waiting := e.byID[id]
	delete(e.byID, id)
	for _, r := range waiting {
		r.taken = true
		e.bytes -= len(r.payload)
	}
	return waiting
}

// beforeItsRequest takes the first record of b, a response whose request is not known, and returns how many bytes it had.
func (g *gor) beforeItsRequest(h gorHeader, b []byte) int {
	payload := b[h.size:]
	m, err := parseGor(h, new(replay.Exchange), payload)
	if at := swallowed(payload, m, err); at >= 0 {
		payload = payload[:at]
	}
	g.orphan(g.early.hold(h, payload, g.place()))
	return h.size + len(payload)
}

// reunite joins the responses that came before a request to it, and gives up on those that have waited for too long.
func (g *gor) reunite(h gorHeader) {
	for _, r := range g.early.take(h.id) {
		x := g.pending[h.id]
		m, err := parseGor(r.head, x, r.payload)
		if err != nil {
			g.to.lose(LostMessage, r.place, err)
			continue
		}
		g.response(r.head, x, m)
	}
	g.orphan(g.early.expire(h.ns - recordSpan))
}

// orphan counts responses without request.
func (g *gor) orphan(rs []*earlyResponse) {
	for _, r := range rs {
		g.to.lose(LostOrphan, r.place, fmt.Errorf("no request with the id %s within %s of it", shorten(r.head.id), time.Duration(recordSpan)))
	}
}
