package replay

import (
	"strings"
	"time"
)

// An occasion is when a request was under way on the tape: from when it was sent to the end of its answer, as far as that is known.
type occasion struct {
	sent, answered time.Duration
	line           uint64 // the connection of HTTP/1, on which one is answered after the other; 0 where that is not known
}

func occasionOf(x *Exchange) occasion {
	o := occasion{sent: x.At, answered: x.At}
	if x.Response != nil {
		o.answered += x.Response.Duration
	}
	if strings.HasPrefix(x.Proto, "HTTP/1") {
		o.line = x.Conn
	}
	return o
}

// overlaps reports whether the sender of o did not wait for the answer of p, which it had asked before: as browsers and
// services do, that have several requests under way. One that is sent behind another on the same line has to stay there.
func (o occasion) overlaps(p occasion) bool {
	return o.sent < p.answered && (o.line == 0 || o.line != p.line)
}

// opens makes x one of those that its session waits for.
func (sess *session) opens(x *shot) { x.beside, sess.open = sess.open, x }

// closes undoes opens.
func (sess *session) closes(x *shot) {
	for at := &sess.open; *at != nil; at = &(*at).beside {
		if *at == x {
			*at, x.beside = x.beside, nil
			return
		}
	}
}
