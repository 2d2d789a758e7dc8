package passive

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gameday-dev/gameday/internal/linkproxy"
	"github.com/gameday-dev/gameday/internal/tcpstream"
)

// A passage is one connection through a Relay. It reads what passes.
type passage struct {
	relay  *Relay
	conn   *conn
	passed [2]int64 // bytes, by direction
	ended  [2]bool  // by direction
	broken bool     // nothing is read any more: that failed
	hangUp context.CancelFunc
}

var _ linkproxy.Watcher = (*passage)(nil)

// open begins a passage, which ends with Close.
func (r *Relay) open(hangUp context.CancelFunc) *passage {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	p := &passage{relay: r, conn: newConn(r.collector, tcpstream.Conn{ID: r.opened, Opened: true}), hangUp: hangUp}
	r.passages[p] = struct{}{}
	p.settle() // for the capture may have ended since it was accepted
	return p
}

// Pass reads what one side says, before the other hears it: when a client has an answer, what it learnt from it is known here.
// It hangs up behind the last exchange of a capture that ends, before the client can ask for more.
func (p *passage) Pass(d linkproxy.Direction, data []byte) bool {
	return !p.read(func(at int64) {
		to := towards(d)
		p.conn.Data(tcpstream.Segment{Direction: to, At: at, Offset: p.passed[to], Acked: p.passed[1-to], Data: data})
		p.passed[to] += int64(len(data))
	})
}

// End notes that one side says no more.
func (p *passage) End(d linkproxy.Direction) bool {
	return !p.read(func(at int64) { p.end(towards(d), at, tcpstream.Closed) })
}

// Idle reports whether no exchange is under way: one may have begun since it was said that this one hangs up.
func (p *passage) Idle() bool {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	return p.idle()
}

// Close ends what was broken off.
func (p *passage) Close() {
	r := p.relay
	p.read(func(at int64) {
		how := tcpstream.Reset
		if r.ending && p.conn.talk == nil { // a WebSocket ends when it is hung up, as both sides see it
			how = tcpstream.Stopped
		}
		for to, ended := range p.ended {
			if !ended {
				p.end(tcpstream.Direction(to), at, how)
			}
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.passages, p)
}

func (p *passage) end(to tcpstream.Direction, at int64, how tcpstream.End) {
	p.ended[to] = true
	p.conn.End(to, at, how)
}

func towards(d linkproxy.Direction) tcpstream.Direction {
	if d == linkproxy.Request {
		return tcpstream.ToServer
	}
	return tcpstream.ToClient
}

// read does something with what passes, now. What fails in it, a filter of the caller's for example, is not to break the
// traffic: the connection passes unread from then on. It reports whether the connection is to end.
func (p *passage) read(do func(at int64)) (over bool) {
	r := p.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.broken {
		return p.settle()
	}
	at := time.Now().UnixNano()
	defer func() {
		if why := recover(); why != nil {
			p.broken = true
			r.collector.lose(at, LostReading)
			if r.failed == nil {
				r.failed = fmt.Errorf("read what passes: panic: %v", why)
			}
		}
		over = p.settle()
	}()
	do(at)
	return // what is known behind it
}

// settle hangs up when the capture ends and nothing is under way here, and reports whether that is so. The relay's mutex is held.
func (p *passage) settle() (over bool) {
	over = p.relay.ending && p.idle()
	if over {
		p.hangUp()
	}
	return over
}

func (p *passage) idle() bool { return p.broken || !p.conn.busy() }

const noService = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

// lingerMax is how long a client that was refused may take to end: who closes before all was read takes the answer back.
const lingerMax = time.Second

// refuse answers the first request of a client whose service cannot be reached, as other reverse proxies do. It is recorded
// without an answer.
func (p *passage) refuse(ctx context.Context, client *net.TCPConn) {
	defer p.Close()
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(graceMax)) // fails only when the client is gone
	defer context.AfterFunc(ctx, func() { _ = client.SetDeadline(time.Unix(1, 0)) })()
	b := make([]byte, 4<<10)
	for answered := false; ; {
		switch asked, http1 := p.asked(); {
		case answered || !asked:
		case !http1:
			return
		default:
			answered = true
			_, _ = io.WriteString(client, noService) // who does not take it is gone
			_ = client.CloseWrite()
			_ = client.SetReadDeadline(time.Now().Add(lingerMax))
		}
		n, err := client.Read(b)
		if n > 0 {
			p.Pass(linkproxy.Request, b[:n])
		}
		if err == io.EOF {
			p.End(linkproxy.Request)
		}
		if err != nil {
			return
		}
	}
}

// asked reports whether the client waits for an answer, and whether one of HTTP/1.
func (p *passage) asked() (asked, http1 bool) {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	if p.conn.h2 != nil {
		return true, false
	}
	up := p.conn.up
	return len(p.conn.waiting) > 0 && (up == nil || up.x.Header.Get("Expect") != ""), true
}
