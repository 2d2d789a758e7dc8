package linkproxy

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// chain is a chain of toxics:
//
//	in -> bandwidth -> ... -> socket
//
// What is written goes to in; everything behind it runs in goroutines of the chain, which all end after
// finish or end.
type chain struct {
	in     chan<- *stream.StreamChunk
	stubs  []*toxics.ToxicStub
	toxics []toxics.Toxic
	lossy  bool // bytes that entered never come out
	socket *socket

	entered atomic.Bool // data entered: a lossy chain has then spoilt the stream
	eof     atomic.Bool // the source has ended: pass that on
	once    sync.Once
	flushed chan struct{} // closed by flush
	written chan struct{} // closed when the writer has ended
	wg      sync.WaitGroup
}

// newChain starts a chain. It aborts the connection when the stream is spoilt.
func newChain(all []toxics.Toxic, lossy bool, to *socket) *chain {
	c := &chain{toxics: all, lossy: lossy, socket: to, flushed: make(chan struct{}), written: make(chan struct{})}
	in := make(chan *stream.StreamChunk)
	c.in = in
	next := in
	for _, toxic := range all {
		out := make(chan *stream.StreamChunk)
		stub := toxics.NewToxicStub(next, out)
		c.stubs = append(c.stubs, stub)
		c.run(stub, toxic)
		next = out
	}
	c.wg.Go(func() {
		defer close(c.written)
		c.deliver(next)
	})
	c.wg.Go(c.loosen)
	return c
}

// toxicsOf returns what a shape asks for beside latency.
func toxicsOf(s *shape) []toxics.Toxic {
	var all []toxics.Toxic
	if s.bandwidth > 0 {
		// Toxiproxy counts in thousands of bytes per second; a rate of 0 would be no limit.
		all = append(all, &toxics.BandwidthToxic{Rate: max(1, s.bandwidth/1000)})
	}
	if s.slowClose > 0 {
		all = append(all, &toxics.SlowCloseToxic{Delay: s.slowClose.Milliseconds()})
	}
	if s.reset {
		all = append(all, &toxics.ResetToxic{})
	}
	if s.blackHole {
		all = append(all, &toxics.TimeoutToxic{})
	}
	return all
}

// run runs the toxic until it is interrupted or its stream ends. What still comes in after that is
// thrown away, so that nobody upstream is stuck.
func (c *chain) run(stub *toxics.ToxicStub, toxic toxics.Toxic) {
	c.wg.Go(func() {
		stub.Run(&toxics.ToxicWrapper{Toxic: toxic, Toxicity: 1})
		if stub.Closed() {
			discard(stub.Input)
		}
	})
}

func discard(chunks <-chan *stream.StreamChunk) {
	for range chunks {
	}
}

// write takes a list over; it blocks while the chain is full.
func (c *chain) write(list *chunk) {
	for one := list; one != nil; one = one.next {
		c.in <- &stream.StreamChunk{Data: bytes.Clone(one.data), Timestamp: one.read}
	}
	freeAll(list)
}

// flush lets everything that the chain holds back go on at once, and makes the chain transparent. It
// returns before that is done.
func (c *chain) flush() { c.once.Do(func() { close(c.flushed) }) }

// loosen replaces each toxic by one that does nothing, once flush asks for it.
func (c *chain) loosen() {
	select {
	case <-c.flushed:
	case <-c.written:
		return
	}
	for i, stub := range c.stubs {
		if !stub.InterruptToxic() {
			continue
		}
		if cleaner, ok := c.toxics[i].(toxics.CleanupToxic); ok && c.entered.Load() {
			cleaner.Cleanup(stub) // closes the stub: bytes were lost
			c.wg.Go(func() { discard(stub.Input) })
			continue
		}
		c.run(stub, &toxics.NoopToxic{})
	}
}

// finish empties the chain without delay and waits until it is gone. The connection lives on.
func (c *chain) finish() {
	c.flush()
	close(c.in)
	c.wg.Wait()
}

// end passes the end of the source through the chain and waits until it came out.
func (c *chain) end() {
	c.eof.Store(true)
	close(c.in)
	c.wg.Wait()
}

// deliver writes what comes out of the chain, and its end.
func (c *chain) deliver(chunks <-chan *stream.StreamChunk) {
	for one := range chunks {
		c.socket.write(&chunk{data: one.Data, read: one.Timestamp})
	}
	switch {
	case c.socket.broken:
	case c.lossy && c.entered.Load():
		c.socket.abort()
	case c.eof.Load():
		c.socket.end()
	}
}
