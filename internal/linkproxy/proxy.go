package linkproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config describes the network that a proxy stands in. The zero value knows no caller by name and has
// no distances.
type Config struct {
	// Identify names the owner of a source address. Callers are unknown when nil.
	Identify func(netip.Addr) Peer
	// Latency is the standing one-way latency between two peers. None when nil.
	Latency func(from, to Peer) time.Duration
	// Seed fixes the jitter of every connection.
	Seed uint64
	// MaxConns bounds the connections open at a time; each costs two file descriptors. 8,000 when 0.
	MaxConns int

	goroutines bool // carry all connections, as where there is no epoll
}

// Backend is a process that can be reached through the proxy.
type Backend struct {
	Peer
	Public  netip.AddrPort // where callers dial
	Private netip.AddrPort // where the process listens
}

// Entry is a front door: a port whose connections go round robin to the backends that Backends returns.
type Entry struct {
	Name     string
	Listen   netip.AddrPort
	Backends func() []Backend // those in health now; called once per connection
}

// Proxy forwards connections by the rules in force. Its methods may be called from several goroutines.
type Proxy struct {
	config Config
	stats  *stats
	wg     sync.WaitGroup
	stop   context.CancelFunc
	loops  []*loop         // carry connections in turn; none where the system has no epoll
	ctx    context.Context // ends dials when the proxy closes; no request's context lives that long

	mu        sync.Mutex
	closed    bool
	rules     []Rule
	conns     map[*conn]struct{}
	listeners map[netip.AddrPort]*net.TCPListener
	opened    map[linkKey]uint64 // connections so far, which number the next one
	carried   uint64             // connections so far, which choose a loop in turn
	turns     atomic.Uint64
}

// New returns a proxy that forwards nothing yet. Close it to end its goroutines.
func New(config Config) *Proxy {
	if config.Identify == nil {
		config.Identify = func(netip.Addr) Peer { return Peer{} }
	}
	if config.Latency == nil {
		config.Latency = func(_, _ Peer) time.Duration { return 0 }
	}
	if config.MaxConns == 0 {
		config.MaxConns = 8000
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Proxy{
		config: config, stats: newStats(), ctx: ctx, stop: stop,
		conns:     map[*conn]struct{}{},
		listeners: map[netip.AddrPort]*net.TCPListener{},
		opened:    map[linkKey]uint64{},
	}
	if !config.goroutines {
		p.loops = newLoops()
	}
	return p
}

// newLoops returns a loop for every other processor that Go uses. There are fewer, or none, where the system has not enough
// descriptors, or no epoll: goroutines can do all that loops do.
func newLoops() []*loop {
	var all []*loop
	for range (runtime.GOMAXPROCS(0) + 1) / 2 {
		l, err := newLoop()
		if err != nil {
			break
		}
		all = append(all, l)
	}
	return all
}

// Open starts to listen on the backend's public port. A port that is open already stays open.
func (p *Proxy) Open(b Backend) error {
	return p.listen(b.Public, func(netip.AddrPort) func(Peer) (Backend, bool) {
		return func(Peer) (Backend, bool) { return b, true }
	})
}

// OpenEntry starts to listen at a front door and returns its address, with the port filled in when
// e.Listen leaves it to the system.
func (p *Proxy) OpenEntry(e Entry) (netip.AddrPort, error) {
	var at netip.AddrPort
	err := p.listen(e.Listen, func(bound netip.AddrPort) func(Peer) (Backend, bool) {
		at = bound
		return func(from Peer) (Backend, bool) { return p.next(from, e.Backends()) }
	})
	return at, err
}

// next takes turns among the backends that no rule cuts off from the caller.
func (p *Proxy) next(from Peer, backends []Backend) (Backend, bool) {
	turn := p.turns.Add(1)
	p.mu.Lock()
	rules := p.rules
	p.mu.Unlock()
	for i := range backends {
		b := backends[(turn+uint64(i))%uint64(len(backends))]
		if !conditionOf(rules, 0, from, b.Peer).cut {
			return b, true
		}
	}
	return Backend{}, false
}

// Shut stops listening on a public port, so that callers are refused by the kernel itself. Established
// connections live on until either side ends them.
func (p *Proxy) Shut(public netip.AddrPort) {
	p.mu.Lock()
	l := p.listeners[public]
	delete(p.listeners, public)
	p.mu.Unlock()
	if l != nil {
		_ = l.Close() // its accept loop ends
	}
}

// SetRules replaces the rules, for established connections too. It returns when all of them have been
// told.
func (p *Proxy) SetRules(rules []Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = slices.Clone(rules)
	for c := range p.conns {
		c.apply(p.condition(c.from, c.to))
	}
}

func (p *Proxy) condition(from, to Peer) condition {
	return conditionOf(p.rules, p.config.Latency(from, to), from, to)
}

// Close stops listening, resets every connection and waits until all goroutines have ended.
func (p *Proxy) Close() {
	p.stop()
	p.mu.Lock()
	p.closed = true
	loops := p.loops
	p.loops = nil // of which somebody closes each once
	for at, l := range p.listeners {
		_ = l.Close()
		delete(p.listeners, at)
	}
	for c := range p.conns {
		c.abort()
	}
	p.mu.Unlock()
	p.wg.Wait()
	for _, l := range loops {
		l.stop()
	}
}

// listen opens a port and serves it with the choice of backend that choose makes for its address.
func (p *Proxy) listen(at netip.AddrPort, choose func(netip.AddrPort) func(Peer) (Backend, bool)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("listen on %s: %w", at, net.ErrClosed)
	}
	if p.listeners[at] != nil {
		return nil
	}
	l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return fmt.Errorf("listen on %s: %w", at, err)
	}
	bound := l.Addr().(*net.TCPAddr).AddrPort()
	p.listeners[bound] = l
	pick := choose(bound)
	p.wg.Go(func() { p.accept(l, pick) })
	return nil
}

func (p *Proxy) accept(l *net.TCPListener, pick func(Peer) (Backend, bool)) {
	for {
		c, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, most likely: give connections time to end.
			select {
			case <-time.After(10 * time.Millisecond):
			case <-p.ctx.Done():
			}
			continue
		}
		p.wg.Go(func() { p.serve(c, pick) })
	}
}

// serve forwards one accepted connection until it ends.
func (p *Proxy) serve(caller *net.TCPConn, pick func(Peer) (Backend, bool)) {
	source := caller.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	from := p.config.Identify(source)
	to, ok := pick(from)
	if !ok {
		p.stats.link(from, to.Peer).refused.Add(1)
		reset(caller)
		return
	}
	l := p.stats.link(from, to.Peer)
	if p.refuses(l, from, to.Peer) {
		reset(caller)
		return
	}
	callee, err := dialFrom(p.ctx, source, to.Private)
	if err != nil {
		l.refused.Add(1)
		reset(caller)
		return
	}
	if c, ok := p.admit(from, to.Peer, l, caller, callee, newSniffer(l.count)); ok {
		p.carry(c)
	}
}

// carry forwards a connection until it ends.
func (p *Proxy) carry(c *conn) {
	c.run()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// refuses says whether a connection must not be forwarded at all, and counts why.
func (p *Proxy) refuses(l *link, from, to Peer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.condition(from, to).cut:
		l.cut.Add(1)
	case len(p.conns) >= p.config.MaxConns:
		l.limited.Add(1)
	default:
		return false
	}
	return true
}

// admit registers a connection under the rules of this very moment: they may have changed while its
// callee was dialled, and no later change may miss it. When the proxy is closed it resets the connection.
func (p *Proxy) admit(from, to Peer, l *link, caller, callee *net.TCPConn, w Watcher) (*conn, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		reset(caller)
		reset(callee)
		return nil, false
	}
	p.opened[l.key]++
	c := newConn(from, to, l, caller, callee, w, p.config.Seed^l.key.hash(), p.opened[l.key])
	p.conns[c] = struct{}{}
	cond := p.condition(from, to)
	if n := uint64(len(p.loops)); n > 0 {
		c.relay = p.loops[p.carried%n].carry(c, cond)
		p.carried++
	}
	c.apply(cond)
	return c, true
}
