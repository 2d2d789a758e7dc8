package passive

import (
	"net/http"
	"slices"
	"time"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// waitingMax bounds the requests of one connection that wait for their responses; further ones are recorded without.
const waitingMax = 4096

// conn reads both streams of a connection and joins responses to their requests: in order, for HTTP/1 has
// nothing else. Where something is missing, it goes by what the client had received when it sent a request: a client
// that waits for each response sends its next request when it has all of the response before, so
// the next response begins exactly there.
type conn struct {
	c        *collector
	tcp      tcpstream.Conn
	req, res reader
	waiting  []*exchange   // requests whose response has not begun, oldest first
	up       *exchange     // whose request is being read
	down     *exchange     // whose response is being read; nil when it belongs to none that is known
	interim  bool          // the response being read is followed by another: 100 Continue
	talk     *capture.Talk // after the connection was switched to a WebSocket
	h2       *h2conn       // after it turned out to speak HTTP/2

	carried bool // there were bytes
	spoke   bool // and a message among them
	ended   bool // one direction

	headless bool // the last request broke off in its head, and is lost

	firstAcked int64 // of the first request; -1 before it
	gap        bool  // requests may be missing before the next one
	gaps       bool  // there was such a gap
	pipelined  bool  // the client did not wait
	unsure     bool  // responses may be missing before the next one
	unpaired   bool  // nothing can be said any more about what belongs to what
}

// exchange is one under way.
type exchange struct {
	x              *replay.Exchange
	began          int64 // ns since 1970
	acked          int64 // how much of the server's stream the client had received
	afterGap       bool  // requests may be missing before it
	request, reply body
	asked, settled bool   // the request is over; so is its response, or nobody waits for it any more
	lost           string // why it is lost, if it is

	// What is recorded lies here too: it comes and goes with what is known of it.
	record   replay.Exchange // x
	response replay.Response // of x, if it has one

	from *spares // where it goes when it is recorded; nil when it is not used again
}

// begin begins one that is not used again.
func (k *conn) begin(first place) *exchange {
	e := new(exchange)
	k.start(e, first)
	return e
}

func (k *conn) start(e *exchange, first place) {
	e.x, e.began, e.acked = &e.record, first.at, first.acked
	e.x.At = k.c.since(first.at)
}

func newConn(c *collector, tcp tcpstream.Conn) *conn {
	k := &conn{c: c, tcp: tcp, firstAcked: -1}
	k.req = reader{out: (*requests)(k), tally: &c.tally, requests: true, why: fateMidStream}
	k.res = reader{out: (*responses)(k), tally: &c.tally, why: fateMidStream}
	if tcp.Opened {
		k.req.state, k.res.state = idle, idle
	}
	return k
}

// Data reads the next stretch of one stream.
func (k *conn) Data(s tcpstream.Segment) {
	if !k.spoke && k.h2 == nil {
		k.sniff(s)
	}
	k.carried = true
	k.reader(s.Direction).data(s)
}

// Gap notes that a stretch is missing.
func (k *conn) Gap(g tcpstream.Gap) {
	at := k.c.since(g.At)
	k.c.in.Lose(replay.Gap{From: at, To: at, Cause: string(g.Cause)})
	r := k.reader(g.Direction)
	if k.talk != nil && r.state == switched {
		k.talk.Miss(g.Direction == tcpstream.ToClient)
	}
	if k.h2 != nil {
		k.h2.sides[g.Direction].miss(g.Bytes, g.At)
	}
	r.gap(g.Bytes)
}

// busy reports whether an exchange is under way. What is said after a switch to another protocol is none.
func (k *conn) busy() bool {
	if k.h2 != nil {
		return len(k.h2.streams) > 0
	}
	return k.up != nil || k.down != nil || len(k.waiting) > 0 || k.req.underway()
}

// say takes bytes of another protocol, which took over.
func (k *conn) say(fromServer bool, at int64, b []byte) {
	if k.h2 != nil {
		k.h2.read(fromServer, at, b)
		return
	}
	if k.talk == nil {
		k.c.tally.skip(fateSwitched, len(b))
		return
	}
	k.talk.Say(fromServer, k.c.since(at), b)
}

// End ends what is under way in one direction.
func (k *conn) End(d tcpstream.Direction, at int64, how tcpstream.End) {
	if k.talk != nil {
		k.talk.Cease(d == tcpstream.ToClient)
		if how == tcpstream.Closed || how == tcpstream.Reset {
			k.talk.End(d == tcpstream.ToClient, k.c.since(at))
		}
	}
	if k.h2 != nil {
		k.h2.end(d, at, how)
	}
	if d == tcpstream.ToServer {
		k.endRequests(at, how)
	} else {
		k.endResponses(how)
	}
	if k.ended && k.carried && !k.spoke {
		k.c.foreign(at)
	}
	k.ended = true
}

func (k *conn) reader(d tcpstream.Direction) *reader {
	if d == tcpstream.ToServer {
		return &k.req
	}
	return &k.res
}

func (k *conn) endRequests(at int64, how tcpstream.End) {
	why := LostBroken
	if how == tcpstream.Stopped {
		why = LostStopped
	}
	switch e := k.up; {
	case e != nil:
		refused := e.settled && e.x.Response != nil && e.x.Size > e.request.size // answered before the body was sent
		k.ask(e, at)
		if !refused {
			e.lost = why
		}
		k.emit(e)
	case k.req.underway():
		k.c.lose(at, why)
		k.spoke, k.headless = true, true
	}
	k.req.drop()
	k.req.state = switched
}

func (k *conn) endResponses(how tcpstream.End) {
	if e := k.down; e != nil {
		e.x.Response.Cut = k.res.state != untilClose || how != tcpstream.Closed
		k.settle(e)
	}
	k.giveUp(len(k.waiting))
	k.unpaired = true
	k.res.drop()
	k.res.state = switched
}

// ask notes that the request is over.
func (k *conn) ask(e *exchange, at int64) {
	e.asked = true
	e.x.Upload = max(time.Duration(at-e.began), 0)
	k.up = nil
}

// settle notes that the response is over.
func (k *conn) settle(e *exchange) {
	r := e.x.Response
	r.Body, r.Size = e.reply.bytes(), e.reply.size
	r.Duration = max(time.Duration(k.res.now.at-e.began), r.FirstByte)
	e.settled = true
	k.down = nil
	k.emit(e)
}

// giveUp records the first n waiting requests without a response.
func (k *conn) giveUp(n int) {
	for _, e := range k.waiting[:n] {
		e.settled = true
		k.emit(e)
	}
	k.waiting = slices.Delete(k.waiting, 0, n)
}

// doubt is called when responses may be missing, or the client is seen not to wait: with both, nobody can say what belongs
// to what.
func (k *conn) doubt() {
	if k.unsure && k.pipelined && !k.unpaired {
		k.unpaired = true
		k.giveUp(len(k.waiting))
	}
}

// emit hands over an exchange when both of its sides are over.
func (k *conn) emit(e *exchange) {
	if !e.asked || !e.settled {
		return
	}
	if e.lost != "" {
		e.request.drop(k.c.in)
		e.reply.drop(k.c.in)
		k.c.in.Lose(replay.Gap{From: e.x.At, To: e.x.At, Lost: 1, Cause: e.lost})
		return
	}
	e.x.Body, e.x.Size = e.request.bytes(), max(e.x.Size, e.request.size)
	if r := e.x.Response; r != nil && r.Status == http.StatusSwitchingProtocols {
		k.talk = k.c.in.Converse(e.x)
		return
	}
	if e.from == nil {
		k.c.in.Put(e.x)
		return
	}
	k.c.in.Lend(e.x, e) // which is not ours any more
}

// await puts a request behind those that wait for their responses.
func (k *conn) await(e *exchange) {
	k.spoke = true
	if k.firstAcked < 0 {
		k.firstAcked = e.acked
	}
	e.afterGap, k.gap = k.gap, false
	if n := len(k.waiting); n > 0 {
		if k.unsure && !k.pipelined && e.acked > k.waiting[n-1].acked {
			k.giveUp(n) // the client has their responses, and went on
		} else {
			k.pipelined = true
			k.doubt()
		}
	}
	if k.unpaired || len(k.waiting) == waitingMax {
		e.settled = true
		return
	}
	k.waiting = append(k.waiting, e)
}

// match takes out the request that a response belongs to which begins at an offset of the server's stream. It
// returns nil when there is none, or when it could be another.
func (k *conn) match(offset int64) *exchange {
	sent, exact, exactly := 0, 0, 0 // requests sent when the response began, and when exactly so much had come back
	for sent < len(k.waiting) && k.waiting[sent].acked <= offset {
		if k.waiting[sent].acked == offset {
			exact, exactly = sent, exactly+1
		}
		sent++
	}
	switch {
	case sent == 0:
		return nil
	case !k.unsure && !k.waiting[0].afterGap:
		exact = 0
	case exactly == 1:
	case k.unsure && len(k.waiting) == 1 && !k.waiting[0].afterGap && !k.gap:
		exact = 0
	default:
		return nil
	}
	k.giveUp(exact)
	e := k.waiting[0]
	k.waiting = slices.Delete(k.waiting, 0, 1)
	k.unsure = false
	return e
}
