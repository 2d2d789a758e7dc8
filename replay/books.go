package replay

import (
	"sync"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// Why a recorded message was never sent, beside what ends requests, too.
const (
	causeScripted = "over limit"                    // too many were waiting
	causeUnknown  = "its handshake was not played"  // being filtered, or before the start
	causeHandset  = "its handshake failed"          // or was never sent
	causeGone     = "the server ended it before"    // without a word
	causeLate     = "the server took nothing more"  // within the timeout
	causeBroken   = "the server broke the protocol" // of WebSockets
	causeCall     = "its call broke off"            // of gRPC
)

// Books account for the messages of conversations. Every goroutine may write in them.
type books struct {
	begun, sent, received, recorded atomic.Int64
	held                            atomic.Int64 // bytes of messages that wait to be sent

	mu             sync.Mutex
	unsent, failed Tally
	late           *hist.Histogram
}

func newBooks() *books { return &books{late: hist.New()} }

// leave counts messages that were never sent.
func (b *books) leave(cause string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unsent.Count(cause, uint64(n))
}

// fail counts a message that was begun and not sent whole.
func (b *books) fail(cause string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed.Count(cause, 1)
}

// send counts a message that was sent so late.
func (b *books) send(late time.Duration) {
	b.sent.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.late.Record(max(late, 0))
}

// report sums up; nil when there were no conversations.
func (b *books) report() *gameday.Messages {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := &gameday.Messages{
		Conversations: b.begun.Load(), Sent: b.sent.Load(), Received: b.received.Load(), Recorded: b.recorded.Load(),
		Unsent: b.unsent, Failed: b.failed,
		LatenessP50: gameday.Duration(b.late.Quantile(0.5)), LatenessP99: gameday.Duration(b.late.Quantile(0.99)),
	}
	if m.Conversations == 0 && b.unsent.Total()+b.failed.Total() == 0 {
		return nil
	}
	return m
}
