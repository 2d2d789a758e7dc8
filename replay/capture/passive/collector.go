package passive

import (
	"time"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// Causes in Counts.Lost besides those of replay.
const (
	LostBroken  = "request broken off" // its sender went away
	LostStopped = "capture stopped"    // while the request was on its way
	LostReading = "reading panicked"   // in a filter of the caller's, for example; nothing more of the connection is read
)

// Rules in Counts.Filtered besides those of capture.
const (
	RuleForeign = "connection not HTTP"                      // nobody asked for it: no port was named
	RuleBefore  = "response to a request before the capture" // the connection was open already
	RuleUnasked = "response without a request"               // a server says that it closes an idle connection
)

// collector is what the connections of a capture share.
type collector struct {
	in      capture.Intake
	start   int64 // ns since 1970
	bodyMax int64
	named   bool // the ports of the servers were named
	tally   tally
	lines   *lines
	spares  spares
	seq     uint64
}

// next numbers exchanges.
func (c *collector) next() uint64 {
	c.seq++
	return c.seq - 1
}

// since returns an offset on the axis of the capture.
func (c *collector) since(at int64) time.Duration { return time.Duration(at - c.start) }

// lose counts an exchange of which nothing else is known.
func (c *collector) lose(at int64, why string) {
	c.in.Lose(replay.Gap{From: c.since(at), To: c.since(at), Lost: 1, Cause: why})
}

// foreign counts a connection that never carried a message.
func (c *collector) foreign(at int64) {
	if c.named {
		c.lose(at, replay.LostParse)
	} else {
		c.in.LeaveOut(RuleForeign)
	}
}

// account hands on what became of packets and bytes.
func (c *collector) account(s tcpstream.Stats) { c.in.Account(packets(s), c.tally.bytes(s)) }
