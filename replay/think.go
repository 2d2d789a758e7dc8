package replay

// With the pace "think" a user acts as people do: reads the answer, thinks, and goes on. Each request is due so long after
// the end of the one before as it was recorded, so that a slow system is asked less, and a fast one more. It closes
// the loop that a player otherwise keeps open: latencies then say less about what users would have waited.

// listen takes a shot from the feed. It becomes due when the session has nothing else to do before it.
func (s *shard) listen(x *shot) {
	if x.sess.talking {
		x.sess.line.push(x)
		return
	}
	x.sess.talking = true
	s.plan(x)
}

// rest notes that the session has no request in flight, and plans its next one.
func (s *shard) rest(sess *session) {
	if !s.e.think || sess.open != nil {
		return
	}
	sess.ended, sess.talking = s.clock.now(), sess.line.len() > 0
	if sess.talking {
		s.plan(sess.line.pop())
	}
}

// plan sets the due time of a shot: as recorded for the first one of its session. What would be due after the end of the
// run never is.
func (s *shard) plan(x *shot) {
	if x.sess.ended > 0 {
		x.due = max(x.sess.ended+x.think, s.clock.now())
	}
	if s.e.length == 0 || x.due < s.e.length {
		s.due.push(x)
	}
}
