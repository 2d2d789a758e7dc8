package replay

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// A chat is a WebSocket that is open: the client says what the script has at the recorded distances from the handshake's
// due time, whatever the server says. What is late is said at once; the order stays. A session goes on meanwhile.
type chat struct {
	e     *engine
	sock  *websocket
	lines *follower
	who   identity
	live  values
	due   time.Duration // of the handshake
}

// converse begins the conversation of x on c: the handshake is its request, and what follows has books of its own.
func (s *shard) converse(c *conn, x *shot) {
	patience, stop := context.WithTimeout(context.Background(), x.due+s.e.timeout-s.e.now())
	c.cancel, c.away = stop, true
	raw := x.render(make([]byte, 0, x.req.size()), s.e.stamp)
	s.wg.Go(func() {
		sock, a, err := s.e.upgrade(patience, x.req, raw)
		late := err != nil && errors.Is(patience.Err(), context.DeadlineExceeded)
		stop()
		s.e.sentSocket.Add(1)
		o := outcome{answer: a, err: err, began: true, at: s.e.now(), late: late, dead: sock == nil, kept: sock != nil}
		o.look(x.req)
		s.onThread(func() {
			if c.cancel = nil; c.gone {
				if sock != nil {
					sock.conn.Close()
				}
				return
			}
			if sock != nil {
				t := &chat{e: s.e, sock: sock, lines: x.lines, who: x.sess.who, due: x.due}
				x.lines = nil // it is the chat's now
				t.live = slices.Clone(x.sess.bound.live)
				s.chat(c, t)
			}
			s.done(c, x, o)
		})
	})
}

// chat lets t talk, and holds c for it, until its end.
func (s *shard) chat(c *conn, t *chat) {
	ctx, stop := context.WithCancel(context.Background())
	c.cancel = stop
	s.chats++
	s.e.books.begun.Add(1)
	s.wg.Go(func() {
		t.run(ctx)
		stop()
		s.onThread(func() {
			s.chats--
			if !c.gone {
				c.cancel = nil
				s.remove(c)
				s.drain(c.pool)
			}
		})
	})
}

// parting bounds what a conversation takes that is broken off.
const parting = time.Second

// run talks until the script or the connection ends, or ctx does.
func (t *chat) run(ctx context.Context) {
	unwatch := context.AfterFunc(ctx, func() { _ = t.sock.conn.SetDeadline(time.Now().Add(parting)) })
	defer unwatch()
	ctx, stop := context.WithCancelCause(ctx)
	var listener sync.WaitGroup
	listener.Go(func() { stop(t.sock.listen(func() { t.e.books.received.Add(1) }, t.e.timeout)) })
	last, err := t.speak(ctx)
	switch {
	case err == nil:
		t.lines.leave("")
		t.part(ctx, last)
	case errors.Is(err, context.Canceled):
		t.lines.leave(skipStopped)
		_ = t.sock.close(closeAway, time.Now().Add(parting))
	default:
		t.lines.leave(causeOf(err))
	}
	t.sock.conn.Close()
	listener.Wait()
	stop(nil)
}

// speak says the lines, and returns the one that ended the conversation; nil when the script ended without. An error is
// what broke it off.
func (t *chat) speak(ctx context.Context) (last *line, err error) {
	for {
		l, more := t.lines.next()
		switch {
		case l == nil && more == nil:
			return nil, nil
		case l == nil:
			select {
			case <-more:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		due := t.due + l.after
		if t.e.length > 0 && due >= t.e.length {
			return nil, nil
		}
		if err := wait(ctx, due-t.e.now()); err != nil {
			if l.counts() {
				t.e.books.leave(causeOf(err), 1)
			}
			return nil, err
		}
		switch {
		case l.kind == CloseMessage:
			return l, nil
		case l.fromServer:
			t.e.books.recorded.Add(1)
		default:
			if err := t.say(ctx, l, due); err != nil {
				return nil, err
			}
		}
	}
}

// say sends one message.
func (t *chat) say(ctx context.Context, l *line, due time.Duration) error {
	b, _ := l.body.append(nil, t.who, t.live)
	now := t.e.now()
	err := t.sock.write(byte(l.kind), b, time.Now().Add(t.e.timeout))
	switch {
	case err == nil:
		t.e.books.send(now - due)
	case errors.Is(err, net.ErrClosed): // it answered the server's close frame, and tells so now
		<-ctx.Done()
		err = context.Cause(ctx)
		t.e.books.leave(causeOf(err), 1)
	default:
		t.e.books.fail(causeOf(err))
	}
	return err
}

// part ends the connection as the recording does: by a close frame of the client or of the server, or without one.
func (t *chat) part(ctx context.Context, last *line) {
	if last != nil && last.broken {
		return
	}
	if last != nil && last.fromServer { // it has the first word
		_ = wait(ctx, t.e.timeout)
		if ctx.Err() != nil {
			return
		}
	}
	status := []byte(nil)
	if last != nil && !last.fromServer {
		status, _ = last.body.append(nil, t.who, t.live)
	}
	if len(status) < 2 || len(status) > maxControl {
		status = binary.BigEndian.AppendUint16(nil, closeNormal)
	}
	if t.sock.write(byte(CloseMessage), status, time.Now().Add(t.e.timeout)) == nil {
		_ = wait(ctx, t.e.timeout)
	}
}

// wait waits, or returns why ctx ended before.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
