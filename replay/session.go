package replay

import "time"

// A session is one user as the system under test sees it: a recorded session, or a copy of one. Its
// requests keep their order. All but the identity is guarded by the engine's lock.
type session struct {
	name   string // pseudonym, for people
	who    identity
	single bool // one request of which nobody knows who sent it
	bound  *bindings

	busy    int     // requests in flight, or about to be pressed again
	queue   []*shot // due, and waiting for the answers before them
	conn    *conn   // last used
	refused bool    // something that later requests need a value of was not sent, or failed
}

// bindings are live values by recorded value. Copies of single requests share those of their session.
type bindings struct{ live map[string]string }

func (b *bindings) set(recorded, now string) {
	if b.live == nil {
		b.live = make(map[string]string)
	}
	if _, known := b.live[recorded]; known || len(b.live) < maxKnown {
		b.live[recorded] = now
	}
}

// A shot is one request of one session, at its time.
type shot struct {
	due     time.Duration
	seq     uint64 // breaks ties of due
	req     *request
	sess    *session
	trace   trace
	attempt int    // 0, or how often it was pressed again
	raw     []byte // ready to be sent; nil while live values may yet come
	sent    time.Duration
	resent  bool
}

// refuse notes that what follows in the session may lack a value for a reason that is on the record. Called
// with the engine's lock.
func (s *shot) refuse() {
	if len(s.req.captures) > 0 {
		s.sess.refused = true
	}
}

// render makes the bytes, if that is still to be done, and reports whether live values were missing.
func (s *shot) render(st *stamp) (unresolved bool) {
	if s.raw != nil {
		return false
	}
	raw, missing := s.req.write(make([]byte, 0, s.req.size()), st, tag{s.seq, s.due, s.trace}, s.sess.who, s.sess.bound.live)
	s.raw = raw
	return missing > 0
}

// record returns the account of s, to be completed.
func (s *shot) record() record {
	return record{
		due: s.due, sent: s.sent, again: s.attempt > 0, flow: s.req.flow, out: int64(len(s.raw)),
		method: s.req.method, path: s.req.path, session: s.sess.name, trace: s.trace,
	}
}

// before orders shots by due time, and then as they were planned.
func (s *shot) before(t *shot) bool { return s.due < t.due || s.due == t.due && s.seq < t.seq }
