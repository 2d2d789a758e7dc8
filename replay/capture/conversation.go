package capture

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A conversation is a client's connection after it was switched to another protocol. It passes
// all bytes as they are. The head of the response that switches it is part of the exchange;
// what follows is recorded message by message when it is a WebSocket, and else not at all.
type conversation struct {
	net.Conn
	visit *visit
	talk  *Talk
	early io.Reader // what net/http had read already of what follows the request; may be nil
	over  func()

	opening sync.Mutex
	head    []byte // of the response, as far as it was written
	handed  bool   // the exchange was recorded, or given up
	opened  atomic.Bool
	left    atomic.Bool // the client was gone first
}

const switchHeadMax = 64 << 10

// converse takes over a connection that a handler hijacked.
func (v *visit) converse(c net.Conn, rw *bufio.ReadWriter) (*conversation, *bufio.ReadWriter) {
	talk := &conversation{Conn: c, visit: v, talk: newTalk(v.tap, v.x.Seq)}
	talk.over = v.tap.talk(talk)
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Peek(n) // that many are there
		talk.early = bytes.NewReader(bytes.Clone(early))
	}
	if v.status == http.StatusSwitchingProtocols { // the handler had net/http write the head
		talk.open(v.header)
	}
	return talk, bufio.NewReadWriter(bufio.NewReader(talk), bufio.NewWriter(talk))
}

// Read passes on what the client says.
func (c *conversation) Read(b []byte) (n int, err error) {
	if c.early != nil {
		if n, err = c.early.Read(b); n == 0 {
			c.early, err = nil, nil
		}
	}
	if n == 0 && err == nil {
		n, err = c.Conn.Read(b)
	}
	if c.opened.Load() {
		c.talk.Say(false, c.now(), b[:n])
	}
	if err != nil {
		c.left.Store(true)
	}
	return n, err
}

// Write passes on what the server says. The exchange is recorded before the client can know of it.
func (c *conversation) Write(b []byte) (int, error) {
	said := b
	if !c.opened.Load() {
		said = c.watchHead(b)
	}
	if c.opened.Load() {
		c.talk.Say(true, c.now(), said)
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		c.left.Store(true)
	}
	return n, err
}

// CloseWrite ends one direction, where the connection can.
func (c *conversation) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close ends the conversation.
func (c *conversation) Close() error {
	c.over()
	c.opening.Lock()
	c.giveUp() // when it ends before the head was written
	if c.opened.Load() {
		c.talk.Cease(false)
		c.talk.Cease(true)
		c.talk.End(!c.left.Load(), c.now())
	}
	c.opening.Unlock()
	return c.Conn.Close()
}

// now is the time on the axis of the capture.
func (c *conversation) now() time.Duration { return time.Since(c.visit.tap.o.Start) }

// giveUp records the exchange without what could not be read of its response. The caller holds the lock.
func (c *conversation) giveUp() {
	if !c.handed {
		c.handed, c.head = true, nil
		c.visit.hand(c.talk)
	}
}

// watchHead collects the head of the response and returns what follows it.
func (c *conversation) watchHead(b []byte) (rest []byte) {
	c.opening.Lock()
	defer c.opening.Unlock()
	if c.handed {
		return nil
	}
	before := len(c.head)
	c.head = append(c.head, b...)
	end := bytes.Index(c.head, []byte("\r\n\r\n"))
	if end < 0 {
		if len(c.head) > switchHeadMax {
			c.giveUp()
		}
		return nil
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(c.head[:end+4])), c.visit.request)
	if err != nil {
		c.giveUp()
		return nil
	}
	rest = b[end+4-before:]
	c.head = nil
	c.visit.status = resp.StatusCode
	c.open(headerOf(resp.Header, nil))
	return rest
}

// open records the exchange. From here on messages follow.
func (c *conversation) open(h replay.Header) {
	v := c.visit
	v.header, v.complete = h, true
	v.firstByte = time.Since(v.began)
	c.talk.agree(v.status, h)
	c.handed = true
	v.hand(c.talk)
	c.opened.Store(true)
}
