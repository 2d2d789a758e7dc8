package linkproxy

import (
	"math/rand/v2"
	"time"
)

// pipe does to one direction of one connection what a shape asks for: a line for its latency, a chain of
// toxics for the rest.
//
//	reader -> line -> chain -> socket
//
// Its goroutines all end with finish or end.
type pipe struct {
	shape  *shape
	line   *line  // nil without latency
	chain  *chain // nil when latency is all
	socket *socket
}

func newPipe(s *shape, r *rand.Rand, to *socket) *pipe {
	p := &pipe{shape: s, socket: to}
	write := to.write
	if toxics := toxicsOf(s); len(toxics) > 0 {
		p.chain = newChain(toxics, s.lossy(), to)
		write = p.chain.write
	}
	if s.late() {
		p.line = newLine(s, r, write)
	}
	return p
}

// send takes c over; it blocks while the pipe is full.
func (p *pipe) send(c *chunk) {
	c.read = time.Now()
	if p.chain != nil {
		p.chain.entered.Store(true)
	}
	if p.line != nil {
		p.line.send(c)
		return
	}
	p.chain.write(c)
}

// flush lets everything that the pipe holds back go on at once, and makes the pipe transparent. It returns
// before that is done.
func (p *pipe) flush() {
	if p.line != nil {
		p.line.flush()
	}
	if p.chain != nil {
		p.chain.flush()
	}
}

// finish empties the pipe without delay and waits until it is gone. The connection lives on.
func (p *pipe) finish() {
	p.flush()
	if p.line != nil {
		p.line.end()
	}
	if p.chain != nil {
		p.chain.finish()
	}
}

// end passes the end of the source through the pipe and waits until it came out.
func (p *pipe) end() {
	if p.line != nil {
		p.line.end()
	}
	if p.chain != nil {
		p.chain.end()
		return
	}
	p.socket.end()
}
