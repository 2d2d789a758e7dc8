package linkproxy

import (
	"math/rand/v2"
	"sync"
	"time"
)

// line holds each chunk back for a latency, counted from when it was read, so that a stream keeps its
// throughput. Chunks keep their order: one that jitter makes due early waits for those before it.
//
// One goroutine writes what is due, all of it at a time. Its timer is set by the sender when nothing was
// held, and by itself otherwise, so that a chunk costs one wake-up, when it is due. One that is not delayed
// costs none: the sender writes it.
type line struct {
	shape *shape
	rand  *rand.Rand
	write func(*chunk)  // takes a list over
	timer *time.Timer   // wakes the goroutine
	done  chan struct{} // closed when it has ended

	mu          sync.Mutex
	room        *sync.Cond // the line is no longer full
	first, last *chunk     // what is held
	held        int        // chunks from first to last
	idle        bool       // the goroutine neither holds nor writes anything
	loose       bool       // hold nothing back any more
	over        bool       // nothing comes any more
}

// newLine starts a line with the latency and jitter of s in front of write, which one goroutine calls at a time.
func newLine(s *shape, r *rand.Rand, write func(*chunk)) *line {
	l := &line{
		shape: s, rand: r, write: write,
		timer: time.NewTimer(time.Hour), done: make(chan struct{}), idle: true,
	}
	l.timer.Stop()
	l.room = sync.NewCond(&l.mu)
	go l.run()
	return l
}

// send takes c over; it blocks while the line is full.
func (l *line) send(c *chunk) {
	c.due = c.read.Add(l.shape.delay(l.rand))
	l.mu.Lock()
	for l.held >= l.shape.inFlight() {
		l.room.Wait()
	}
	wait := time.Until(c.due)
	if l.idle && (l.loose || wait <= 0) {
		l.mu.Unlock()
		l.write(c)
		return
	}
	if l.first == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
	l.held++
	if l.idle {
		l.idle = false
		l.timer.Reset(wait)
	}
	l.mu.Unlock()
}

// flush lets everything that is held go on at once, and holds nothing back any more. It returns before
// that is done.
func (l *line) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loose = true
	if !l.idle {
		l.timer.Reset(0)
	}
}

// end waits until everything that is held has gone on in its time. Nothing may be sent after it.
func (l *line) end() {
	l.mu.Lock()
	l.over = true
	if l.idle {
		l.timer.Reset(0)
	}
	l.mu.Unlock()
	<-l.done
}

func (l *line) run() {
	defer close(l.done)
	for range l.timer.C {
		list, over := l.due()
		for ; list != nil; list, over = l.due() {
			l.write(list)
		}
		if over {
			return
		}
	}
}

// due takes what is due out of the line. When that is nothing it sets the timer for the next chunk, or
// says whether the line is over when there is none.
func (l *line) due() (list *chunk, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.idle = true
		return nil, l.over
	}
	now := time.Now()
	var last *chunk
	for c := l.first; c != nil && (l.loose || !c.due.After(now)); c = c.next {
		last = c
		l.held--
	}
	if last == nil {
		l.timer.Reset(l.first.due.Sub(now))
		return nil, false
	}
	list, l.first, last.next = l.first, last.next, nil
	l.room.Signal()
	return list, false
}
