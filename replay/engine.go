package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// Why a request was never sent.
const (
	causePool    = "no connection was free in time"
	causeSession = "its session was waiting for an earlier answer"
	causeRoom    = "its time was over before there was room for it"
)

// affinity is how long an idle connection is left to the session that used it last, while there is
// another way.
const affinity = 5 * time.Second

// errStopped ends what is in flight when a run is stopped.
var errStopped = errors.New("run stopped")

// An engine is what the shards share: how requests are sent, and who is told what became of them. Its functions may be
// called by all shards at the same time.
type engine struct {
	stamp    *stamp
	timeout  time.Duration
	length   time.Duration // of the run; 0 without one
	busy     string        // policy: wait, spill or drop
	hold     bool          // the recorded connections of sessions
	think    bool          // requests are due so long after the answer before, not as recorded
	retries  int
	gap      time.Duration // between two presses
	maxConns int           // of a shard
	reserved bool          // see Config
	dial     func(context.Context) (net.Conn, error)
	secure   *tls.Config // for the fast path; nil without TLS
	targets  int         // how many there are
	courier  *courier    // for what neither the fast path nor the trunk speaks
	noFrames atomic.Bool // the targets were asked for HTTP/2, and turned it down
	now      func() time.Duration
	ledger   *ledger
	books    *books                                             // of messages
	taken    func(*shot, time.Duration)                         // a shot was taken in hand so late
	observe  func(*shot, gameday.Class, time.Duration)          // live series
	watch    func(*shot, outcome, gameday.Class, time.Duration) // of each answer, which ended then
	ack      func(*shot, string, time.Duration)

	missing   misses   // values, why requests lacked them
	lockedOut misses   // requests, by the flow of the one that was not sent and would have let them in
	backlog   *backlog // handed over, and not taken in hand

	fed atomic.Int64 // all shots due before it have been posted

	opened, waited, spilled, unheld, resent, unresolved, unsent, inFlight, sentTotal atomic.Int64
	sentFast, sentFrames, sentHTTP2, sentNetHTTP, sentSocket                         atomic.Int64
}

// connect opens a connection for the fast path.
func (e *engine) connect(ctx context.Context) (net.Conn, *tlsLink, error) {
	nc, err := e.dial(ctx)
	if err != nil || e.secure == nil {
		return nc, nil, err
	}
	link, err := shake(ctx, nc, e.secure)
	return nc, link, err
}

// senders returns how many requests were sent in which way.
func (e *engine) senders() map[string]int64 {
	ways := make(map[string]int64)
	for way, n := range map[string]*atomic.Int64{byFastPath: &e.sentFast, byFrames: &e.sentFrames, byHTTP2: &e.sentHTTP2, byNetHTTP: &e.sentNetHTTP, bySocket: &e.sentSocket} {
		if n := n.Load(); n > 0 {
			ways[way] = n
		}
	}
	return ways
}
