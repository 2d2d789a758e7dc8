package replay

import (
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// A record is what became of one request. Times are offsets from the start of the run, in this order; 0 where it did
// not come so far. Between them lie what Nighthawk, too, keeps apart: the generator's own lateness (due to taken),
// waiting for an earlier answer or for a connection, and its making (taken to sent), and service (sent to done). What
// the user felt is due to done.
type record struct {
	due   time.Duration
	taken time.Duration // in hand: what comes later is not the generator's doing
	had   time.Duration // a connection, which may still have to be made
	sent  time.Duration // first byte of the request; the first time, when it was sent again over another connection
	first time.Duration // first bytes of the answer read; 0 where net/http does not tell
	done  time.Duration // last byte of the answer, or the end of waiting for it
	own   time.Duration // that the client itself took for the messages of a stream, as recorded: nobody waits in it

	fate  fate
	again bool // pressed again by habit: not due by the tape
	flow  int
	code  int
	class gameday.Class
	out   int64 // bytes of the whole request
	in    int64 // bytes of the body of the answer

	method, path, session string
	trace                 trace
	cause                 string // of a skip, of being unsent, or of a failure
	failure               string // the same of a failure, from a short list
}

type fate uint8

const (
	sent    fate = iota
	skipped      // by policy
	unsent       // due, but there was no way to send it in time
)

func (r *record) latency() time.Duration  { return r.done - r.due - r.own }
func (r *record) service() time.Duration  { return r.done - r.sent - r.own }
func (r *record) lateness() time.Duration { return r.taken - r.due }
func (r *record) wait() time.Duration     { return r.sent - r.taken }

// worst returns r as it is shown to people.
func (r *record) worst(flow string) gameday.WorstRequest {
	return gameday.WorstRequest{
		At: gameday.Duration(r.due), Flow: flow, Session: r.session, Method: r.method, Path: r.path,
		Code: r.code, Class: r.class, Latency: gameday.Duration(r.latency()), Service: gameday.Duration(r.service()),
		Error: r.cause, Trace: r.trace.id(),
	}
}

// worse orders records by how much they are worth showing: failures first, then the slowest.
func (r *record) worse(s *record) bool {
	if a, b := succeeded(r.class), succeeded(s.class); a != b {
		return b
	}
	return r.latency() > s.latency()
}
