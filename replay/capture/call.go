package capture

import (
	"strings"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A Call is one exchange under way that is not seen as net/http's: a call of an RPC library,
// say. Its methods may be called from several goroutines and do nothing on a nil Call, which
// is what an exchange has that is left out.
type Call struct {
	tap   *Tap
	began time.Time

	mu       sync.Mutex
	x        *replay.Exchange
	request  held
	response held
	first    time.Duration
	ended    bool
}

// Begin starts an exchange. The caller fills in what it knows of the request but Seq and At,
// and leaves x to the Call. It returns nil when the exchange is left out by sampling, or while
// the capture is stopped.
func (t *Tap) Begin(x *replay.Exchange) *Call {
	if !t.admit(func(name string) []string { return valuesOf(x.Header, name) }) {
		return nil
	}
	now := time.Now()
	x.Seq, x.At = t.seq.Add(1)-1, now.Sub(t.o.Start)
	kind := x.Header.Get("Content-Type")
	return &Call{
		tap: t, began: now, x: x,
		request:  held{tap: t, began: now, beats: beatsOf(kind, false)},
		response: held{tap: t, began: now, beats: beatsOf(kind, true)},
	}
}

func valuesOf(h replay.Header, name string) (v []string) {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			v = append(v, f.Value)
		}
	}
	return v
}

// Request adds bytes to the body of the request.
func (c *Call) Request(b []byte) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.request.keep(b)
	}
}

// Sent notes that nothing follows in the request. Only the first time counts.
func (c *Call) Sent() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.x.Upload == 0 && !c.ended {
		c.x.Upload = time.Since(c.began)
	}
}

// Miss notes that a part of the request or response cannot be shown: the exchange counts as truncated.
func (c *Call) Miss() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.request.size++
}

// Response adds bytes to the body of the response.
func (c *Call) Response(b []byte) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.response.keep(b)
	if c.first == 0 {
		c.first = time.Since(c.began)
	}
}

// End hands the exchange to the recorder. r says how it was answered, without body and times;
// nil means that it was not. Only the first End counts.
func (c *Call) End(r *replay.Response) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	c.x.Body, c.x.Size = c.request.take()
	body, size := c.response.take()
	c.x.Beats = MergeBeats(&c.request.said, &c.response.said)
	if r == nil {
		c.tap.queue.release(len(body))
	} else {
		r.Body, r.Size, r.Duration = body, size, time.Since(c.began)
		r.FirstByte = c.first
		if c.first == 0 {
			r.FirstByte = r.Duration
		}
		c.x.Response = r
	}
	c.tap.queue.put(parcel{x: c.x})
}
