package replay

import (
	"context"
	"encoding/binary"
	"maps"
	"net/http"
	"strings"
	"time"
)

// begins reports whether x begins a conversation: a WebSocket that the recorded server agreed to.
func begins(x *Exchange) bool {
	return x.Method == "GET" && x.Response != nil && x.Response.Status == http.StatusSwitchingProtocols && strings.EqualFold(x.Header.Get("Upgrade"), "websocket")
}

// isHandshake reports whether a header belongs to the handshake of the recorded connection. The protocol above it is the
// client's wish.
func isHandshake(name string) bool {
	const prefix = "Sec-WebSocket-"
	return len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) && !strings.EqualFold(name[len(prefix):], "Protocol")
}

// event returns what comes next on the tape: an exchange or a message.
func (f *feed) event() (*Exchange, *Message, error) {
	if c, ok := f.source.(Chronicle); ok {
		return c.NextEvent()
	}
	x, err := f.source.Next()
	return x, nil, err
}

// begins gives the request of x its script, if x begins a conversation.
func (f *feed) begins(x *Exchange, r *request, t *trail, due time.Duration) {
	if r.skip != "" || !f.editor.speaks || !begins(x) {
		return
	}
	if len(f.scripts) >= maxSessions {
		maps.DeleteFunc(f.scripts, func(_ uint64, s *script) bool { return s.ended })
	}
	if len(f.scripts) >= maxSessions {
		r.skip = skipCrowd
		return
	}
	r.script = &script{books: f.books, opened: x, due: due, lesson: &t.lesson, last: new(line)}
	f.scripts[x.Seq] = r.script
}

// hear writes a message into its script. It reports false when nothing further is due in this run.
func (f *feed) hear(ctx context.Context, m *Message) bool {
	s := f.scripts[m.Exchange]
	switch {
	case m.At < f.plan.start:
		return true
	case s == nil:
		if !m.FromServer && m.Kind != CloseMessage {
			f.books.leave(causeUnknown, 1)
		}
		return true
	case s.ended: // what is said behind a close frame is its answer
		return true
	}
	after := time.Duration(float64(m.At-s.opened.At) / f.plan.speed)
	due := s.due + after
	if f.plan.arrivals == nil { // else the tape has a pace of its own
		if f.ends(due) {
			return false
		}
		f.advance(ctx, due)
	}
	if m.Truncated() && !m.FromServer {
		s.lose(skipTruncated)
		return true
	}
	s.add(f.editor.line(m, s, due, after))
	if m.Kind == CloseMessage {
		s.end()
	}
	return true
}

// hangUp ends the scripts of a pass: nobody knows how the conversations went on.
func (f *feed) hangUp() {
	for _, s := range f.scripts {
		s.end()
	}
	f.scripts = nil
}

// line makes the line of m. What the system handed out stands in messages of the client as in requests.
func (e *editor) line(m *Message, s *script, due, after time.Duration) *line {
	l := &line{after: after, fromServer: m.FromServer, kind: m.Kind}
	if m.Kind == CloseMessage {
		l.broken = len(m.Body) >= 2 && binary.BigEndian.Uint16(m.Body) == closeBroken
		l.body = text{part{value: string(m.Body)}}
		return l
	}
	if m.FromServer {
		return l
	}
	said := *s.opened
	said.At, said.Body = m.At, m.Body
	e.hand = inHand{x: &said, due: due, lesson: s.lesson}
	if e.composer.json(m.Body, e.sort, e.edits(&said, nil)) {
		l.body = e.composer.text()
	} else {
		l.body = text{part{value: string(m.Body)}}
	}
	l.size = len(m.Body) + 128
	return l
}
