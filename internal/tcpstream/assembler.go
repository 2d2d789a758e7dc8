package tcpstream

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Direction is one of the two streams of a connection.
type Direction uint8

// The directions.
const (
	ToServer Direction = iota
	ToClient
)

// A Conn is one TCP connection.
type Conn struct {
	ID             uint64 // from 1, in the order of appearance
	Client, Server netip.AddrPort
	Opened         bool // its SYN was captured; otherwise it was picked up in the middle
}

// A Segment is the next stretch of a stream.
type Segment struct {
	Direction Direction
	At        int64 // time of the packet that carried it, ns since 1970
	Offset    int64 // in the stream; 0 is the first byte, or the first one picked up
	Acked     int64 // offset in the other stream up to which the sender had received when it sent this
	Data      []byte
}

// A Gap is a stretch of a stream that was not captured.
type Gap struct {
	Direction Direction
	At        int64 // when it was given up
	Offset    int64
	Bytes     int64
	Cause     GapCause
}

// A GapCause says why bytes are missing.
type GapCause string

// The causes.
const (
	GapMissed  GapCause = "packet not captured"
	GapSnapped GapCause = "packet cut by the snap length"
	GapLimit   GapCause = "reassembly over its memory limit"
)

// End says how a stream ended.
type End uint8

// The ends.
const (
	Closed  End = iota // FIN
	Reset              // RST
	Expired            // idle for too long, displaced, or the same ports were used anew
	Stopped            // the capture ended
)

// A Handler takes the two streams of one connection. Each byte of a stream comes once, as data or within a gap, in
// order. Data is valid during the call. End comes once for each direction, and nothing after it.
type Handler interface {
	Data(s Segment)
	Gap(g Gap)
	End(d Direction, at int64, how End)
}

// Options bound an Assembler. Only Open is needed.
type Options struct {
	// Open is called with each new connection.
	Open func(c Conn) Handler
	// Ports, when there are any, are those of the servers; other connections are ignored. Without them
	// the server is who was connected to, or, where that was not seen, who has the lower port.
	Ports []uint16
	// VXLAN, when it is given, is the UDP port of tunnels in which connections are looked for too. Those of each
	// virtual network are told apart.
	VXLAN uint16
	// Patience is how long bytes that were acknowledged may be late before they count as missed. 0 means 1 s.
	Patience time.Duration
	// Retransmit is how long bytes that were not acknowledged are waited for. 0 means 30 s.
	Retransmit time.Duration
	// Idle is how long a connection without packets is remembered. 0 means 5 min.
	Idle time.Duration
	// ConnsMax bounds connections; the longest idle ones are given up. 0 means 65,536.
	ConnsMax int
	// HeldMax and ConnHeldMax bound, in bytes, what waits to be put in order, in all and per
	// connection. 0 means 64 MiB and 8 MiB.
	HeldMax, ConnHeldMax int
}

func (o Options) withDefaults() Options {
	o.Patience = cmp.Or(max(o.Patience, 0), time.Second)
	o.Retransmit = cmp.Or(max(o.Retransmit, 0), 30*time.Second)
	o.Idle = cmp.Or(max(o.Idle, 0), 5*time.Minute)
	o.ConnsMax = cmp.Or(max(o.ConnsMax, 0), 1<<16)
	o.HeldMax = cmp.Or(max(o.HeldMax, 0), 64<<20)
	o.ConnHeldMax = cmp.Or(max(o.ConnHeldMax, 0), 8<<20)
	return o
}

// closedKept is how long a connection that has ended is remembered, so that a late copy of its packets is not
// taken for a new one.
const closedKept = 2 * time.Second

// sweepEvery is how often, in the time of the packets, all connections are looked at.
const sweepEvery = 250 * time.Millisecond

// Stats accounts for everything an Assembler was given. Delivered, Duplicate, Early, Discarded and what is still held
// add up to all payload bytes of used packets.
type Stats struct {
	Packets uint64          // in all
	Ignored [reasons]uint64 // of them, by Reason
	Conns   uint64

	Delivered uint64 // bytes handed to a Handler
	Duplicate uint64 // bytes captured again: retransmissions
	Early     uint64 // bytes before the point at which a stream was picked up
	Discarded uint64 // bytes behind the end of a stream, or out of any window

	Missing uint64 // bytes of gaps
	Cut     uint64 // bytes that packets had on the wire and the capture did not keep; some may have come again
}

// An Assembler puts captured packets in order. It is used by one goroutine.
type Assembler struct {
	o       Options
	decoder decoder
	conns   map[flow]*conn
	last    *conn // of the packet before: the next one is often of the same
	stats   Stats
	held    int
	clock   int64 // latest time of a packet
	swept   int64
}

// flow is a connection's key: the same for both directions.
type flow struct {
	a, b endpoint
	net  uint32
}

func flowOf(p *packet) flow {
	if less(p.src, p.dst) {
		return flow{p.src, p.dst, p.net}
	}
	return flow{p.dst, p.src, p.net}
}

func less(a, b endpoint) bool {
	if a.port != b.port {
		return a.port < b.port
	}
	return string(a.addr[:]) < string(b.addr[:])
}

// New returns an Assembler that calls o.Open.
func New(o Options) *Assembler {
	return &Assembler{o: o.withDefaults(), decoder: decoder{vxlan: o.VXLAN}, conns: make(map[flow]*conn)}
}

// Stats is the account so far.
func (a *Assembler) Stats() Stats {
	s := a.stats
	s.Ignored[Fragment] += a.decoder.fragments.lost
	return s
}

// Packet takes one captured frame, of which data holds the first of wire bytes, in the order of capture. It
// keeps no reference to data.
func (a *Assembler) Packet(at time.Time, link LinkType, data []byte, wire int) {
	a.stats.Packets++
	now := at.UnixNano()
	var p packet
	switch why := a.useful(now, link, data, wire, &p); why {
	case used:
		a.tick(now)
	case pending:
		a.tick(now)
		return
	default:
		a.stats.Ignored[why]++
		return
	}
	key := flowOf(&p)
	c := a.last
	if c == nil || c.key != key {
		c = a.conns[key]
	}
	if c != nil && c.reopens(&p) {
		a.forget(c, Expired)
		c = nil
	}
	if c == nil {
		if p.flags&flagSYN == 0 && len(p.data) == 0 {
			return // the tail of a connection that is over, or an idle one: nothing to pick up yet
		}
		c = a.open(key, &p)
	}
	a.last = c
	c.packet(&p, now)
}

func (a *Assembler) useful(now int64, link LinkType, data []byte, wire int, p *packet) Reason {
	a.decoder.now = now
	if why := a.decoder.decode(link, data, wire, p); why != used {
		return why
	}
	if len(a.o.Ports) > 0 && !slices.Contains(a.o.Ports, p.src.port) && !slices.Contains(a.o.Ports, p.dst.port) {
		return OtherPort
	}
	return used
}

func (a *Assembler) open(key flow, p *packet) *conn {
	if len(a.conns) >= a.o.ConnsMax {
		a.displace()
	}
	a.stats.Conns++
	c := &conn{a: a, id: a.stats.Conns, key: key, opened: p.flags&flagSYN != 0}
	server := p.dst
	c.client = p.src
	if !a.fromClient(p) {
		c.client, server = p.dst, p.src
	}
	a.conns[key] = c
	c.handler = a.o.Open(Conn{ID: c.id, Client: c.client.addrPort(), Server: server.addrPort(), Opened: c.opened})
	return c
}

func (a *Assembler) fromClient(p *packet) bool {
	if p.flags&flagSYN != 0 {
		return p.flags&flagACK == 0
	}
	to, from := slices.Contains(a.o.Ports, p.dst.port), slices.Contains(a.o.Ports, p.src.port)
	if to != from {
		return to
	}
	return p.dst.port <= p.src.port
}

// Advance tells that the time is at least at, when no packet says so.
func (a *Assembler) Advance(at time.Time) { a.tick(at.UnixNano()) }

func (a *Assembler) tick(now int64) {
	a.clock = max(a.clock, now)
	if a.clock-a.swept < int64(sweepEvery) {
		return
	}
	a.swept = a.clock
	a.decoder.fragments.expire(a.clock)
	var over, waiting []*conn
	for _, c := range a.conns {
		idle := a.o.Idle
		if c.done {
			idle = closedKept
		}
		switch {
		case a.clock-c.last >= int64(idle):
			over = append(over, c)
		case c.waits():
			waiting = append(waiting, c)
		}
	}
	for _, c := range inOrder(over) {
		a.forget(c, Expired)
	}
	for _, c := range inOrder(waiting) {
		c.settle(a.clock)
	}
}

// inOrder makes what a map yields the same each time.
func inOrder(conns []*conn) []*conn {
	slices.SortFunc(conns, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
	return conns
}

func (a *Assembler) forget(c *conn, how End) {
	c.end(how)
	delete(a.conns, c.key)
	if a.last == c {
		a.last = nil
	}
}

// displace gives up the eighth of the connections that was idle for longest.
func (a *Assembler) displace() {
	all := make([]*conn, 0, len(a.conns))
	for _, c := range a.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *conn) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.id, b.id)) })
	for _, c := range all[:max(len(all)/8, 1)] {
		a.forget(c, Expired)
	}
}

// Close ends all connections that are open. The Assembler is empty then and can go on.
func (a *Assembler) Close() {
	all := make([]*conn, 0, len(a.conns))
	for _, c := range a.conns {
		all = append(all, c)
	}
	for _, c := range inOrder(all) {
		a.forget(c, Stopped)
	}
	a.decoder.fragments.close()
}
