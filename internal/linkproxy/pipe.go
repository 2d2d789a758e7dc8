package linkproxy

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// pipe is a chain of toxics for one direction of one connection:
//
//	in -> latency -> bandwidth -> ... -> writer -> dst
//
// The reader of the connection writes to in; everything behind it runs in goroutines of the pipe, which
// all end after finish or end.
type pipe struct {
	shape *shape
	in    *stream.ChanWriter
	stubs []*toxics.ToxicStub
	chain []toxics.Toxic

	wrote   atomic.Bool // data entered: a lossy pipe has then spoilt the stream
	eof     atomic.Bool // the source has ended: pass that on
	once    sync.Once
	flushed chan struct{} // closed by flush
	written chan struct{} // closed when the writer has ended
	wg      sync.WaitGroup
}

// newPipe builds the chain and starts it. The writer calls abort when dst fails or the stream is spoilt.
func newPipe(s *shape, r *rand.Rand, dst *net.TCPConn, abort func(), delayed func(time.Duration)) *pipe {
	p := &pipe{shape: s, chain: chainOf(s, r), flushed: make(chan struct{}), written: make(chan struct{})}
	next := make(chan *stream.StreamChunk, bufferOf(p.chain[0]))
	p.in = stream.NewChanWriter(next)
	for i, toxic := range p.chain {
		size := 0
		if i+1 < len(p.chain) {
			size = bufferOf(p.chain[i+1])
		}
		out := make(chan *stream.StreamChunk, size)
		stub := toxics.NewToxicStub(next, out)
		p.stubs = append(p.stubs, stub)
		p.run(stub, toxic)
		next = out
	}
	p.wg.Go(func() {
		defer close(p.written)
		p.write(next, dst, abort, delayed)
	})
	p.wg.Go(p.loosen)
	return p
}

func chainOf(s *shape, r *rand.Rand) []toxics.Toxic {
	var chain []toxics.Toxic
	if s.latency > 0 || s.jitter > 0 {
		chain = append(chain, &latency{base: s.latency, jitter: s.jitter, rand: r})
	}
	if s.bandwidth > 0 {
		// Toxiproxy counts in thousands of bytes per second; a rate of 0 would be no limit.
		chain = append(chain, &toxics.BandwidthToxic{Rate: max(1, s.bandwidth/1000)})
	}
	if s.slowClose > 0 {
		chain = append(chain, &toxics.SlowCloseToxic{Delay: s.slowClose.Milliseconds()})
	}
	if s.reset {
		chain = append(chain, &toxics.ResetToxic{})
	}
	if s.blackHole {
		chain = append(chain, &toxics.TimeoutToxic{})
	}
	return chain
}

func bufferOf(t toxics.Toxic) int {
	if b, ok := t.(toxics.BufferedToxic); ok {
		return b.GetBufferSize()
	}
	return 0
}

// run runs the toxic until it is interrupted or its stream ends. What still comes in after that is
// thrown away, so that nobody upstream is stuck.
func (p *pipe) run(stub *toxics.ToxicStub, toxic toxics.Toxic) {
	p.wg.Go(func() {
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

// send hands data to the chain; it blocks while the chain is full.
func (p *pipe) send(data []byte) {
	p.wrote.Store(true)
	_, _ = p.in.Write(data) // copies, and never fails
}

// flush lets everything that the chain holds back go on at once, and makes the chain transparent. It
// returns before that is done.
func (p *pipe) flush() { p.once.Do(func() { close(p.flushed) }) }

// loosen replaces each toxic by one that does nothing, once flush asks for it.
func (p *pipe) loosen() {
	select {
	case <-p.flushed:
	case <-p.written:
		return
	}
	for i, stub := range p.stubs {
		if !stub.InterruptToxic() {
			continue
		}
		if c, ok := p.chain[i].(toxics.CleanupToxic); ok && p.wrote.Load() {
			c.Cleanup(stub) // closes the stub: bytes were lost
			p.wg.Go(func() { discard(stub.Input) })
			continue
		}
		p.run(stub, &toxics.NoopToxic{})
	}
}

// finish empties the chain without delay and waits until it is gone. The connection lives on.
func (p *pipe) finish() {
	p.flush()
	_ = p.in.Close()
	p.wg.Wait()
}

// end passes the end of the source through the chain and waits until it came out.
func (p *pipe) end() {
	p.eof.Store(true)
	_ = p.in.Close()
	p.wg.Wait()
}

func (p *pipe) write(chunks <-chan *stream.StreamChunk, dst *net.TCPConn, abort func(), delayed func(time.Duration)) {
	broken := false
	for chunk := range chunks {
		if broken {
			continue
		}
		if _, err := dst.Write(chunk.Data); err != nil {
			broken = true
			abort()
			continue
		}
		delayed(time.Since(chunk.Timestamp))
	}
	switch {
	case broken:
	case p.shape.lossy() && p.wrote.Load():
		abort()
	case p.eof.Load():
		_ = dst.CloseWrite() // fails only when the other side is gone already
	}
}
