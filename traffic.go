package gameday

import (
	"context"
	"time"
)

// Class is how one replayed request ended, as its client saw it.
type Class string

// The classes. Only ok and degraded are successes.
const (
	ClassOK       Class = "ok"
	ClassDegraded Class = "degraded" // answered with a declared fallback
	ClassRejected Class = "rejected" // turned away on purpose: 429, or 503 with Retry-After
	ClassError    Class = "error"    // 5xx, or broken on the way
	ClassTimeout  Class = "timeout"  // no answer in time
)

// Classes lists the classes in the order of reports.
var Classes = [...]Class{ClassOK, ClassDegraded, ClassRejected, ClassError, ClassTimeout}

// Why a request was skipped, where the system under test had a hand in it. All other reasons lie in the recording or
// in the plan, and are the same however the system does.
const (
	SkipNoValue = "no live value" // it needs a value of an earlier answer of its session, which failed
	SkipBusy    = "busy session"  // its session was still waiting, and the plan says drop
)

// SkipUnsafe is why a request was skipped whose method has effects, when the plan does not allow them.
const SkipUnsafe = "unsafe method"

// Slice is what happened to the requests of one flow that were due in one second of the run.
type Slice struct {
	Second  int              `json:"second"` // since the start of the run
	Flow    string           `json:"flow"`   // "other" for what no flow matches
	Due     int64            `json:"due"`
	Sent    int64            `json:"sent"`
	Skipped int64            `json:"skipped,omitempty"` // not sent on purpose
	Skips   map[string]int64 `json:"skips,omitempty"`   // the same by cause: SkipNoValue, SkipBusy, SkipUnsafe ...
	Unsent  int64            `json:"unsent,omitempty"`  // due, but never sent
	Late    int64            `json:"late,omitempty"`    // sent later than the plan's bound
	Classes map[Class]int64  `json:"classes"`
	Codes   map[int]int64    `json:"codes,omitempty"`
	BytesIn int64            `json:"bytes_in,omitempty"`

	// Failures counts what was sent and is no success by its cause, of which there are not many: "status 500", "grpc status 14",
	// "timeout", "connection refused" ...
	Failures map[string]int64 `json:"failures,omitempty"`

	Timings
}

// Timings are four distributions of the same requests, as HdrHistogram V2 compressed encodings in microseconds. Lateness is
// the generator's own doing, Wait and Service are the system's, and Latency is what a user felt: from due to done.
type Timings struct {
	Latency  []byte `json:"latency,omitempty"`  // due to last byte of the answer
	Service  []byte `json:"service,omitempty"`  // first byte sent to last byte of the answer
	Lateness []byte `json:"lateness,omitempty"` // due to taken in hand by the generator
	Wait     []byte `json:"wait,omitempty"`     // taken in hand to first byte sent: for an earlier answer of its session, or for a connection
}

// WorstRequest is a request worth showing.
type WorstRequest struct {
	At      Duration `json:"at"` // due
	Flow    string   `json:"flow"`
	Session string   `json:"session"` // pseudonym
	Method  string   `json:"method"`
	Path    string   `json:"path"`
	Code    int      `json:"code,omitempty"`
	Class   Class    `json:"class"`
	Latency Duration `json:"latency"`
	Service Duration `json:"service"`
	Error   string   `json:"error,omitempty"`
	Trace   string   `json:"trace,omitempty"`
}

// Ack is an effect that the system acknowledged to a client.
type Ack struct {
	At   Duration `json:"at"`
	Flow string   `json:"flow"`
	ID   string   `json:"id"`
}

// Fidelity says how truthfully the load was offered.
type Fidelity struct {
	Due           int64             `json:"due"`
	Sent          int64             `json:"sent"`
	Skipped       map[string]int64  `json:"skipped,omitempty"`    // by cause
	Filtered      map[string]uint64 `json:"filtered,omitempty"`   // exchanges of the tape that a filter left out, by rule: they were never due
	ShapeOnly     int64             `json:"shape_only,omitempty"` // exchanges of which the tape has no headers and no bodies, being from a log
	Unsent        int64             `json:"unsent"`
	Unresolved    int64             `json:"unresolved"`              // requests that needed a live value which never came
	UnresolvedBy  map[string]int64  `json:"unresolved_by,omitempty"` // requests skipped for want of a live value, by why it was missing: those that follow from a failure, too
	LockedOut     map[string]int64  `json:"locked_out,omitempty"`    // requests that were denied, or lacked a live value, in sessions of which one was skipped as unsafe that the recording answered with values for later ones: by the flow of that one
	Retries       int64             `json:"retries"`                 // extra requests by habit
	LatenessP50   Duration          `json:"lateness_p50"`            // of sending against the due time
	LatenessP99   Duration          `json:"lateness_p99"`
	LatenessMax   Duration          `json:"lateness_max"`
	LimitedSecond int               `json:"limited_seconds"` // seconds in which the generator, not the system, set the limits
	Seconds       int               `json:"seconds"`
	Connections   int64             `json:"connections"`        // opened
	Waited        int64             `json:"waited,omitempty"`   // requests that were due before an earlier answer of their session, and waited for it
	Spilled       int64             `json:"spilled,omitempty"`  // requests that did not wait, and went over another connection: those that did neither are skipped as SkipBusy
	Resent        int64             `json:"resent,omitempty"`   // requests that were sent once more: their connection broke before any answer, or the server had not looked at them
	Unheld        int64             `json:"unheld,omitempty"`   // requests that went over another connection than those before them of the same recorded one
	Senders       map[string]int64  `json:"senders,omitempty"`  // requests by how they were sent
	Messages      *Messages         `json:"messages,omitempty"` // of WebSockets and streams; nil when there were none
	Shifted       map[string]int64  `json:"shifted,omitempty"`  // recorded times that were moved to the present, by kind
	OwnCPU        float64           `json:"own_cpu"`            // cores used by the harness process

	Timings                      // of all requests
	Spacing    float64           `json:"spacing"`              // Kolmogorov-Smirnov distance of the times between requests, as due and as offered; 0 to 1
	Mix        float64           `json:"mix"`                  // total variation distance of the shares of flows, as due and as sent; 0 to 1
	GC         Duration          `json:"gc,omitempty"`         // pauses of the generator for garbage collection
	PortsLeft  *int              `json:"ports_left,omitempty"` // free ephemeral ports at the worst moment; nil where nobody tells
	Closed     *Closed           `json:"closed,omitempty"`     // the pauses that were shortened; nil when none may be
	Capped     *Capped           `json:"capped,omitempty"`     // what the rate cap did; nil without one
	Middleware *Detour           `json:"middleware,omitempty"` // what became of requests on their way through a middleware; nil without one
	Curve      []GeneratorSecond `json:"curve,omitempty"`      // second by second, in order

	Problems []string `json:"problems,omitempty"` // why the offered load is not what was planned; any makes the run inconclusive
}

// Messages is what became of the messages of conversations that the recording has: those that the client said in it are
// Sent, Failed or Unsent, each in one of them.
type Messages struct {
	Conversations int64             `json:"conversations"` // begun
	Sent          int64             `json:"sent"`
	Failed        map[string]uint64 `json:"failed,omitempty"` // begun, and not sent whole, by cause
	Unsent        map[string]uint64 `json:"unsent,omitempty"` // by cause
	Received      int64             `json:"received"`         // from the server
	Recorded      int64             `json:"recorded"`         // that the recorded server had said up to where the conversations came
	LatenessP50   Duration          `json:"lateness_p50"`     // of sending, against the recorded distance from the handshake
	LatenessP99   Duration          `json:"lateness_p99"`
}

// Detour is what became of the requests that a middleware was shown. Those that it did not give back are among the skipped.
type Detour struct {
	Shown    int64    `json:"shown"`              // before they were due; of copies of a session, one
	Returned int64    `json:"returned"`           // in time to be sent
	Late     int64    `json:"late,omitempty"`     // of these: after they were due
	LateMax  Duration `json:"late_max,omitempty"` // the latest
	Added    int64    `json:"added,omitempty"`    // requests that it made itself, or gave back once more
	Expired  int64    `json:"expired,omitempty"`  // messages that came back when they were not waited for any more
	Garbled  int64    `json:"garbled,omitempty"`  // lines that are no message
	Unshown  int64    `json:"unshown,omitempty"`  // answers that it was too slow to be shown
}

// Closed is what the bound on pauses did to the schedule.
type Closed struct {
	Longest Duration `json:"longest"` // that a pause may be
	Pauses  int64    `json:"pauses"`  // that were longer
	By      Duration `json:"by"`      // by how much they were shortened, all together
}

// Capped is what a rate cap did to the schedule.
type Capped struct {
	Rate      float64  `json:"rate"`                // requests per second
	By        string   `json:"by"`                  // slow or thin
	Requests  int64    `json:"requests"`            // that came later than planned, or were left out
	Sessions  int64    `json:"sessions,omitempty"`  // that were left out
	Stretched Duration `json:"stretched,omitempty"` // by how much the replay took longer
	Over      int      `json:"over,omitempty"`      // seconds in which the sessions that were let in still sent more
}

// GeneratorSecond is one second of the run as the load generator saw itself.
type GeneratorSecond struct {
	Second   int      `json:"second"`            // since the start of the run
	Due      int64    `json:"due"`               // requests that were due in it, without what was skipped
	Sent     int64    `json:"sent"`              // requests whose first byte left in it, whenever they were due
	InFlight int64    `json:"in_flight"`         // at most
	Lateness Duration `json:"lateness"`          // p99 of taking in hand against the due time
	CPU      float64  `json:"cpu"`               // cores used by the harness process
	Steal    float64  `json:"steal,omitempty"`   // share of the machine that the hypervisor kept for others
	GC       Duration `json:"gc,omitempty"`      // pauses for garbage collection
	Limited  string   `json:"limited,omitempty"` // why the generator set the limits in this second: "late", "no connection", "no room"
}

// Traffic is everything recorded about the replayed load.
type Traffic struct {
	Slices   []Slice        `json:"slices"`
	Worst    []WorstRequest `json:"worst"`
	Acks     []Ack          `json:"-"` // kept in a file of its own
	Fidelity Fidelity       `json:"fidelity"`
	Diff     *Diff          `json:"diff,omitempty"` // of the answers, if they were compared
}

// Load offers traffic to the system under test. It knows nothing of faults.
type Load interface {
	// Run offers the load from start on, and blocks until the planned length has passed and every request
	// has ended, or ctx is cancelled; then it returns what was done until then, with a nil error. Slices go
	// to sink, each once, in the order of seconds, as soon as no request of that second is open.
	Run(ctx context.Context, start time.Time, sink func(Slice)) (Traffic, error)

	// Collect returns the load's own series at this moment; safe to call while Run works.
	Collector
}
