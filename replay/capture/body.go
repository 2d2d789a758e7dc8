package capture

import (
	"io"
	"sync"
	"time"
)

// held keeps the first bytes of a body, within the limits of the capture.
type held struct {
	tap  *Tap
	b    []byte
	size int64
	full bool

	began time.Time // of the exchange; for beats
	beats *Beats    // notes when messages were whole; nil for what has none
	said  Beats     // what it noted
}

// keep returns how many of the bytes it kept: the first ones.
func (h *held) keep(b []byte) int {
	h.size += int64(len(b))
	if h.beats != nil {
		h.beats.Feed(b, time.Since(h.began))
	}
	if h.full {
		return 0
	}
	if room := h.tap.o.BodyMax - int64(len(h.b)); int64(len(b)) > room {
		b, h.full = b[:room], true
	}
	if !h.tap.queue.reserve(len(b)) {
		h.full = true
		return 0
	}
	h.b = append(h.b, b...)
	return len(b)
}

// take ends keeping, and hands over what was kept and how much there was.
func (h *held) take() ([]byte, int64) {
	h.full = true
	if h.beats != nil {
		h.said, h.beats = *h.beats, nil
	}
	return h.b, h.size
}

// teeBody is a body on its way. Whoever reads it may do so on a goroutine of its own that
// outlives the exchange.
type teeBody struct {
	io.ReadCloser
	began time.Time

	mu    sync.Mutex
	held  held
	took  time.Duration // until the end was read
	eof   bool          // the end was read, whatever it was
	whole bool          // and it was io.EOF
}

func (t *teeBody) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held.keep(b[:n])
	if err != nil && !t.eof {
		t.eof, t.whole, t.took = true, err == io.EOF, time.Since(t.began)
	}
	return n, err
}

// ended reports whether the body was read to its end.
func (t *teeBody) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.eof
}

func (t *teeBody) take() (b []byte, size int64, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, size = t.held.take()
	return b, size, t.took
}
