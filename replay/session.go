package replay

import (
	"sync"
	"time"
)

// A session is one user as the system under test sees it: a recorded session, or a copy of one. Its
// requests keep their order. All but the identity belongs to the thread of its shard.
type session struct {
	name   string // pseudonym, for people
	who    identity
	single bool   // one request of which nobody knows who sent it
	copied bool   // it is not the recorded one
	home   uint64 // chooses the shard: the same for all that share bindings
	bound  *bindings

	open    *shot            // in flight, or about to be pressed again; the others are behind it
	queue   fifo[*shot]      // due, and waiting for the answers before them
	line    fifo[*shot]      // not yet due: the user waits for an answer, or thinks
	talking bool             // one of its requests is due or in flight
	ended   time.Duration    // the last of them
	conn    *conn            // last used
	conns   map[uint64]*conn // by recorded connection, where they are held; nil for one that was lost
	refused bool             // something that later requests need a value of was not sent, or failed
	unasked string           // what the first request admits that was not sent for its effects; "" when there was none
}

// bindings are live values by recorded value. Copies of single requests share those of their session.
type bindings struct {
	live    values
	missing values // why there is none
}

func (b *bindings) set(recorded, now string) {
	if _, known := b.live.get(recorded); known || len(b.live) < maxKnown {
		b.live.put(recorded, now)
	} else {
		b.miss(recorded, missLimit)
	}
}

// A shot is one request of one session, at its time.
type shot struct {
	due     time.Duration
	seq     uint64 // breaks ties of due
	req     *request
	sess    *session
	trace   trace
	attempt int   // 0, or how often it was pressed again
	out     int64 // bytes, once it was sent
	resent  bool
	lines   *follower     // of the conversation that it begins; nil when it begins none
	loose   bool          // its session does not wait for it
	beside  *shot         // another one in its session's list of those that are open
	begun   bool          // its messages are in the hands of a call, which accounts for them
	said    int           // messages that are on the books: a server that did nothing with them was told
	think   time.Duration // after the end of the request before it, where the plan says so

	taken, had, sent, first time.Duration // as in its record
}

// shots keeps those that have ended for those to come: one per request would be garbage.
var shots = sync.Pool{New: func() any { return new(shot) }}

// newShot returns an empty shot.
func newShot() *shot { return shots.Get().(*shot) }

// drop keeps x for later, which nobody may use any more.
func (x *shot) drop() {
	*x = shot{} // or it would hold its request and its session
	shots.Put(x)
}

// shotBytes is about what a shot takes in memory without its request: itself, its place in queues, and its record.
const shotBytes = 512

// weight returns about how many bytes x holds. Copies share their request with the recorded one.
func (x *shot) weight() int64 {
	if x.sess.copied {
		return shotBytes
	}
	return shotBytes + x.req.weight
}

// refuse notes that what follows in the session may lack a value for a reason that is on the record.
func (x *shot) refuse(why string) {
	if len(x.req.captures) > 0 {
		x.sess.refused = true
		x.withhold(nil, why)
	}
}

// render appends the bytes to be sent.
func (x *shot) render(to []byte, st *stamp) []byte {
	start := len(to)
	to, _ = x.req.write(to, st, tag{x.seq, x.due, x.trace}, x.sess.who, x.sess.bound.live)
	x.out = int64(len(to) - start)
	return to
}

// record returns the account of x, to be completed.
func (x *shot) record() record {
	return record{
		due: x.due, taken: x.taken, had: x.had, sent: x.sent, first: x.first,
		again: x.attempt > 0, flow: x.req.flow, out: x.out,
		method: x.req.method, path: x.req.path, session: x.sess.name, trace: x.trace,
	}
}

// before orders shots by due time, and then as they were planned.
func (x *shot) before(y *shot) bool { return x.due < y.due || x.due == y.due && x.seq < y.seq }
