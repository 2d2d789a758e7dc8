package replay

import (
	"sync"
	"time"
)

// maxScripted bounds the bytes of messages that were read and that somebody has still to send.
const maxScripted = 64 << 20

// A script is what was said in a recorded conversation, as far as the tape has been read. The feed writes it, a little
// ahead of time; the recorded session and each copy of it follow it at a pace of their own. What all have passed is
// forgotten.
type script struct {
	books  *books
	opened *Exchange     // the handshake
	due    time.Duration // of the handshake
	lesson *lesson       // of its session; the feed's, as the two above

	mu        sync.Mutex
	last      *line
	followers int
	gone      map[string]int64 // followers that left before the end, by cause
	ended     bool
	more      chan struct{} // closed when the script goes on; nil while nobody waits
}

// A line is one message of a script.
type line struct {
	after      time.Duration // the handshake was due
	fromServer bool
	kind       MessageKind
	body       text // of the client
	broken     bool // no message: the connection broke off here, of kind CloseMessage
	size       int

	followers int // that have it still before them
	next      *line
}

// counts reports whether the client is to send l, and that it is a message.
func (l *line) counts() bool { return !l.fromServer && l.kind != CloseMessage }

// add appends a line, unless too much is waiting already.
func (s *script) add(l *line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.counts() {
		for cause, n := range s.gone {
			s.books.leave(cause, n)
		}
	}
	if s.followers == 0 {
		return
	}
	if s.books.held.Add(int64(l.size)) > maxScripted {
		s.books.held.Add(-int64(l.size))
		if l.counts() {
			s.books.leave(causeScripted, int64(s.followers))
		}
		return
	}
	l.followers = s.followers
	s.last.next, s.last = l, l
	s.wake()
}

// lose counts a message of the client that cannot be sent, for everybody.
func (s *script) lose(cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.leave(cause, int64(s.followers))
	for cause, n := range s.gone {
		s.books.leave(cause, n)
	}
}

// end says that no line follows.
func (s *script) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.wake()
}

// wake has those look who wait. The caller holds the lock.
func (s *script) wake() {
	if s.more != nil {
		close(s.more)
		s.more = nil
	}
}

// follow returns a follower of what is said from now on.
func (s *script) follow() *follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followers++
	return &follower{script: s, at: s.last}
}

// A follower is somebody's place in a script. One goroutine at a time uses it.
type follower struct {
	script *script
	at     *line
	owes   bool // at is held for it
	left   bool
}

// next returns the line that follows; nil with a channel to wait for when it is not known yet, and nil alone at the end.
func (f *follower) next() (l *line, more <-chan struct{}) {
	s := f.script
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.at.next == nil {
		if s.ended {
			return nil, nil
		}
		if s.more == nil {
			s.more = make(chan struct{})
		}
		return nil, s.more
	}
	s.pass(f)
	f.at, f.owes = f.at.next, true
	return f.at, nil
}

// pass lets go of the line that f is at. The caller holds the lock.
func (s *script) pass(f *follower) {
	if f.owes {
		s.drop(f.at)
	}
	f.owes = false
}

// drop forgets a line that nobody needs any more. The caller holds the lock.
func (s *script) drop(l *line) {
	if l.followers--; l.followers == 0 {
		s.books.held.Add(-int64(l.size))
	}
}

// leave ends following: what the client would have said from here on is unsent for the cause. Without a cause it was
// never to be sent. Only the first call counts.
func (f *follower) leave(cause string) {
	if f == nil || f.left {
		return
	}
	s := f.script
	s.mu.Lock()
	defer s.mu.Unlock()
	f.left = true
	s.followers--
	s.pass(f)
	var rest int64
	for l := f.at.next; l != nil; l = l.next {
		s.drop(l)
		if l.counts() {
			rest++
		}
	}
	if cause == "" {
		return
	}
	s.books.leave(cause, rest)
	if !s.ended {
		if s.gone == nil {
			s.gone = make(map[string]int64)
		}
		s.gone[cause]++
	}
}
