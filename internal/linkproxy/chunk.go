package linkproxy

import (
	"sync"
	"time"
)

// chunk is what one read brought, and the buffer it came into. Whoever holds a chunk frees it or hands it on.
type chunk struct {
	space []byte // all of the buffer; nil when data lies elsewhere
	data  []byte

	read time.Time // when; set for chunks that are delayed
	due  time.Time // not to be written before
	next *chunk    // in a list of chunks, in the order of the stream
}

// Most requests fit the small size; a stream of full reads earns the large one until it runs short, so
// that thousands of idle connections cost little memory.
const (
	smallChunk = 4 << 10
	largeChunk = 64 << 10
)

var (
	smallChunks = sync.Pool{New: func() any { return &chunk{space: make([]byte, smallChunk)} }}
	largeChunks = sync.Pool{New: func() any { return &chunk{space: make([]byte, largeChunk)} }}
)

func newChunk(size int) *chunk {
	if size == largeChunk {
		return largeChunks.Get().(*chunk)
	}
	return smallChunks.Get().(*chunk)
}

func (c *chunk) free() {
	*c = chunk{space: c.space}
	switch len(c.space) {
	case smallChunk:
		smallChunks.Put(c)
	case largeChunk:
		largeChunks.Put(c)
	}
}

// following returns the size that fits the read after this one.
func (c *chunk) following() int {
	if n := len(c.data); n == len(c.space) || len(c.space) == largeChunk && n >= smallChunk {
		return largeChunk
	}
	return smallChunk
}

// freeAll frees a list.
func freeAll(list *chunk) {
	for list != nil {
		next := list.next
		list.free()
		list = next
	}
}
