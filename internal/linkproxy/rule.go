package linkproxy

import (
	"math/rand/v2"
	"time"
)

// Peer is one end of a connection.
type Peer struct{ Service, Zone, Instance string }

// Match selects peers. Empty fields match everything.
type Match struct{ Service, Zone, Instance string }

func (m Match) matches(p Peer) bool {
	return (m.Service == "" || m.Service == p.Service) &&
		(m.Zone == "" || m.Zone == p.Zone) &&
		(m.Instance == "" || m.Instance == p.Instance)
}

// Direction says which way data travels on a connection.
type Direction int

// The directions. Both is the zero value: a rule without a direction means both.
const (
	Both     Direction = iota
	Request            // from caller to callee
	Response           // from callee to caller
)

func (d Direction) covers(other Direction) bool { return d == Both || d == other }

func (d Direction) String() string {
	switch d {
	case Request:
		return "request"
	case Response:
		return "response"
	}
	return "both"
}

// Rule is a condition of the network between the callers and callees that it matches. Zero fields
// change nothing; rules that match the same connection add up.
type Rule struct {
	From, To  Match
	Direction Direction

	Latency   time.Duration // added to each chunk, one way
	Jitter    time.Duration // uniform in [-Jitter, +Jitter], from the seed
	Bandwidth int64         // bytes per second, at least 1,000; 0 is no limit
	BlackHole bool          // accept and swallow
	Reset     bool          // answer the first bytes with RST
	SlowClose time.Duration // hold the end of the stream back
	Cut       bool          // refuse new connections and reset established ones, whatever the direction
}

func (r Rule) matches(from, to Peer) bool { return r.From.matches(from) && r.To.matches(to) }

// shape is all that happens to one direction of one connection. The zero shape is plain.
type shape struct {
	latency, jitter time.Duration
	bandwidth       int64
	blackHole       bool
	reset           bool
	slowClose       time.Duration
}

// lossy reports whether bytes that entered never come out: the stream cannot go on after them.
func (s shape) lossy() bool { return s.blackHole || s.reset }

// late reports whether chunks are held back.
func (s shape) late() bool { return s.latency > 0 || s.jitter > 0 }

// toxic reports whether there is more to do than to hold chunks back.
func (s shape) toxic() bool { return s.bandwidth > 0 || s.blackHole || s.reset || s.slowClose > 0 }

// delay returns how long the next chunk is held back. The random numbers are those of one direction of one connection, so
// that a run repeats from its seed.
func (s *shape) delay(r *rand.Rand) time.Duration {
	if s.jitter <= 0 {
		return s.latency
	}
	return max(0, s.latency-s.jitter+time.Duration(r.Int64N(2*int64(s.jitter)+1)))
}

// inFlight bounds the chunks that are held back at a time: one a millisecond and some to spare, up to 1,024.
func (s *shape) inFlight() int {
	return min(1024, 64+int((s.latency+s.jitter)/time.Millisecond))
}

func (s *shape) add(r Rule) {
	s.latency += r.Latency
	s.jitter += r.Jitter
	if r.Bandwidth > 0 && (s.bandwidth == 0 || r.Bandwidth < s.bandwidth) {
		s.bandwidth = r.Bandwidth
	}
	s.blackHole = s.blackHole || r.BlackHole
	s.reset = s.reset || r.Reset
	s.slowClose = max(s.slowClose, r.SlowClose)
}

// condition is what the rules in force make of one connection.
type condition struct {
	request, response shape
	cut               bool
}

// conditionOf folds the standing latency and every matching rule.
func conditionOf(rules []Rule, standing time.Duration, from, to Peer) condition {
	c := condition{request: shape{latency: standing}, response: shape{latency: standing}}
	for _, r := range rules {
		if !r.matches(from, to) {
			continue
		}
		c.cut = c.cut || r.Cut
		if r.Direction.covers(Request) {
			c.request.add(r)
		}
		if r.Direction.covers(Response) {
			c.response.add(r)
		}
	}
	return c
}
