package linkproxy

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
)

// flow carries one direction of a connection: by a plain copy, or through a pipe while it has a shape.
type flow struct {
	conn     *conn
	dir      Direction
	src, dst *net.TCPConn
	seen     func([]byte) // looks at the bytes as the source sent them

	want atomic.Pointer[shape] // what the rules ask for; nil is plain
	rand *rand.Rand

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
	buf := newBuffer()
	defer buf.free()
	for {
		n, err := f.src.Read(buf.bytes)
		if n > 0 {
			f.conn.link.bytes[f.dir].Add(int64(n))
			f.seen(buf.bytes[:n])
			if f.forward(buf.bytes[:n]) != nil {
				f.conn.abort() // the next read says so
			}
			buf.fit(n)
		}
		if err != nil {
			f.end(err)
			return
		}
	}
}

func (f *flow) forward(data []byte) error {
	if f.current() != f.want.Load() {
		f.reshape()
	}
	if f.pipe != nil {
		f.pipe.send(data)
		return nil
	}
	_, err := f.dst.Write(data)
	return err
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
		f.pipe = newPipe(want, f.rand, f.dst, f.conn.abort, f.conn.link.delays[f.dir].add)
	}
}

// end passes the end of the source on: a FIN as a FIN, anything worse as a reset.
func (f *flow) end(err error) {
	if !errors.Is(err, io.EOF) {
		f.conn.abort()
		if f.pipe != nil {
			f.pipe.finish()
		}
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

// Most requests fit the small size; a stream of full reads earns the large one until it runs short, so
// that thousands of idle connections cost little memory.
const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

type buffer struct {
	bytes []byte
	small []byte
	large *[largeBuffer]byte
}

func newBuffer() *buffer {
	small := make([]byte, smallBuffer)
	return &buffer{bytes: small, small: small}
}

// fit chooses the size for the next read from that of the last.
func (b *buffer) fit(n int) {
	switch {
	case b.large == nil && n == smallBuffer:
		b.large = largeBuffers.Get().(*[largeBuffer]byte)
		b.bytes = b.large[:]
	case b.large != nil && n < smallBuffer:
		b.free()
	}
}

func (b *buffer) free() {
	if b.large != nil {
		largeBuffers.Put(b.large)
		b.large = nil
		b.bytes = b.small
	}
}
