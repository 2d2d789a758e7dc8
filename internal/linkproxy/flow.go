package linkproxy

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// flow carries one direction of a connection: by a plain copy, or through a pipe while it has a shape.
type flow struct {
	conn     *conn
	dir      Direction
	src, dst *net.TCPConn

	want atomic.Pointer[shape] // what the rules ask for; nil is plain
	rand *rand.Rand

	rest *chunk // what a loop could not write any more: first of all
	gone bool   // the receiver takes nothing any more

	mu   sync.Mutex // guards pipe against reshaping from outside; the reader alone replaces it
	pipe *pipe      // nil while plain
}

// set makes the flow take shape s: chunks that are held back go on at once, the next ones feel s.
func (f *flow) set(s shape) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.want.Load(); now == nil && s == (shape{}) || now != nil && *now == s {
		return
	}
	var want *shape
	if s != (shape{}) {
		want = &s
	}
	f.want.Store(want)
	if f.pipe != nil {
		f.pipe.flush()
	}
}

// release lets go of what the flow holds back, when the connection is broken.
func (f *flow) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pipe != nil {
		f.pipe.flush()
	}
}

// run copies until the source ends or the connection breaks.
func (f *flow) run() {
	f.writeRest()
	c := newChunk(smallChunk)
	for !f.gone {
		n, err := f.src.Read(c.space)
		if n > 0 {
			c.data = c.space[:n]
			f.conn.link.bytes[f.dir].Add(int64(n))
			more := f.conn.watcher.Pass(f.dir, c.data)
			c = f.forward(c)
			if !more {
				f.conn.hangUp()
			}
		}
		if err != nil {
			c.free()
			f.end(err)
			return
		}
	}
	c.free()
}

func (f *flow) writeRest() {
	for c := f.rest; c != nil; c = c.next {
		if _, err := f.dst.Write(c.data); err != nil {
			f.giveUp()
			break
		}
		f.conn.link.delivered(f.dir, c)
	}
	freeAll(f.rest)
	f.rest = nil
}

// forward takes c over and returns a chunk for the next read.
func (f *flow) forward(c *chunk) *chunk {
	if f.current() != f.want.Load() {
		f.reshape()
	}
	size := c.following()
	if f.pipe != nil {
		f.pipe.send(c)
		return newChunk(size)
	}
	if _, err := f.dst.Write(c.data); err != nil {
		f.giveUp()
	}
	if size != len(c.space) {
		c.free()
		c = newChunk(size)
	}
	return c
}

// giveUp is called when the receiver takes nothing any more. What it said before goes on, such as the refusal of a body that is
// still being sent; then both sides are reset. That is not waited for when it is held back: it could be for ever.
func (f *flow) giveUp() {
	f.gone = true
	f.conn.severed.Store(true)
	if f.conn.up.want.Load() != nil || f.conn.down.want.Load() != nil {
		f.conn.abort()
	}
}

func (f *flow) current() *shape {
	if f.pipe == nil {
		return nil
	}
	return f.pipe.shape
}

// reshape empties the pipe and builds the one that is wanted now.
func (f *flow) reshape() {
	if f.pipe != nil {
		f.pipe.finish()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pipe = nil
	if want := f.want.Load(); want != nil {
		f.pipe = newPipe(want, f.rand, &socket{conn: f.dst, abort: f.conn.abort, delayed: f.conn.link.delays[f.dir].add})
	}
}

// end passes the end of the source on: a FIN as a FIN, anything worse as a reset.
func (f *flow) end(err error) {
	switch {
	case f.conn.severed.Load():
		f.abort()
		return
	case errors.Is(err, io.EOF):
		if !f.conn.watcher.End(f.dir) {
			f.conn.hangUp()
		}
	case errors.Is(err, os.ErrDeadlineExceeded): // hung up
	default:
		f.abort()
		return
	}
	if f.current() != f.want.Load() {
		f.reshape() // a shape that came while the stream was idle still governs its end
	}
	if f.pipe != nil {
		f.pipe.end()
		return
	}
	_ = f.dst.CloseWrite() // fails only when the other side is gone already
}

// abort resets both sides.
func (f *flow) abort() {
	f.conn.abort()
	if f.pipe != nil {
		f.pipe.finish()
	}
}
