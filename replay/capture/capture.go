// Package capture turns traffic into exchanges: live through a Tap or a reverse Proxy, and from
// what other tools recorded, .gor files and access logs.
//
//	client -> Proxy -> service          .gor file, access log
//	            '-> queue -> redact -> sessions -> Recorder     '-> Source
//
// Capturing never slows or breaks what it watches: bodies are streamed, the queue has a
// bound, and what does not fit is counted by cause in the ledger. Importers are
// replay.Sources in the order of time; what they cannot read they report by file and place,
// and count.
package capture

import (
	"errors"
	"net/http"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// Options bound and shape a live capture. The zero value works and redacts nothing.
type Options struct {
	// Source names the capture in the ledger; empty means "tap" or "proxy".
	Source string
	// Start is offset zero of the exchanges; zero means now. It belongs into the metadata
	// of the tape.
	Start time.Time
	// Redact removes secrets in place before anything else sees the exchange. It runs
	// behind the queue, on one goroutine. An exchange it panics on is lost, and counted.
	Redact func(*replay.Exchange)
	// Filter, when set, chooses what is captured; the rest counts as filtered.
	Filter func(*http.Request) bool
	// Rules, when set, filter and change what passed Filter. They come before redaction, so they see credentials, and
	// belong to the capture from now on. What they leave out counts as filtered, by rule.
	Rules *replay.Rules
	// Middleware, when set, is shown what is left, redacted, and decides what of it is recorded; what comes back is redacted once
	// more. It was started with Responses, and belongs to the capture, which closes it. Its end ends recording, and
	// is an error. It does not go together with Wait.
	Middleware *Middleware
	// Replays captures replayed requests too. They are left out otherwise, whoever sends them: a capture that ran
	// beside a replay would feed the next one.
	Replays bool
	// Sessions says how to tell who asks.
	Sessions Sessions
	// BodyMax is how many bytes of a body are kept; the rest is passed on, and the exchange
	// counts as truncated. 0 means 8 MiB.
	BodyMax int64
	// QueueMax and MemoryMax bound what the recorder may be behind: exchanges waiting, and
	// bytes of bodies held by those in flight and waiting. 0 means 8192, and 64 MiB.
	QueueMax  int
	MemoryMax int64
	// Sample is the share of sessions that is recorded: 0.1 is one of ten. 0 means all.
	Sample float64
	// Budget bounds what recording takes from the machine.
	Budget Budget
	// Wait makes the traffic wait for the recorder, so that nothing is dropped: for what is read from a file.
	Wait bool
}

const (
	defaultBodyMax   = 8 << 20
	defaultQueueMax  = 8192
	defaultMemoryMax = 64 << 20
)

func (o Options) withDefaults() Options {
	if o.Source == "" {
		o.Source = "tap"
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	if o.BodyMax <= 0 {
		o.BodyMax = defaultBodyMax
	}
	if o.QueueMax <= 0 {
		o.QueueMax = defaultQueueMax
	}
	if o.MemoryMax <= 0 {
		o.MemoryMax = defaultMemoryMax
	}
	if o.Sample <= 0 || o.Sample > 1 {
		o.Sample = 1
	}
	return o
}

// errDeserted is the error of a capture whose middleware has ended before it.
var errDeserted = errors.New("the middleware has ended, and nothing is recorded without it")

// RuleReplayed is the rule, in Counts.Filtered, of requests that say that they are replayed.
const RuleReplayed = "replayed"

// ruleFilter is the rule, in Counts.Filtered, of what Options.Filter left out.
const ruleFilter = "filter"

// Causes in Counts.Lost of a live capture.
const (
	LostQueueFull = "queue full"         // the recorder was too far behind
	LostWrite     = "recorder failed"    // the recorder returned an error
	LostRedaction = "redaction panicked" // nothing unredacted is stored
	LostClosed    = "capture closed"     // it ended after the capture did
	LostExchange  = "exchange left out"  // a message whose exchange is not on the tape

	LostUnfinished = "message broken off" // a message of which the rest never came
)
