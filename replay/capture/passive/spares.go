package passive

import (
	"sync"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// spares are exchanges that were recorded, to be used again: there need be as many as are under way, and not as many as there
// are requests. They are taken on one goroutine and come back on another.
type spares struct{ pool sync.Pool }

func (s *spares) take() *exchange {
	e, ok := s.pool.Get().(*exchange)
	if !ok {
		e = new(exchange)
	}
	e.from = s
	return e
}

var _ capture.Lender = (*exchange)(nil)

// Returned makes it one to be used again: of what it held a little room is left.
func (e *exchange) Returned() {
	from := e.from
	*e = exchange{
		record: replay.Exchange{Header: emptied(e.record.Header)}, response: replay.Response{Header: emptied(e.response.Header)},
		request: e.request.emptied(), reply: e.reply.emptied(),
	}
	from.pool.Put(e)
}

// The room that is left: of most requests, and of answers that are small.
const (
	fieldsKept = 128
	bodyKept   = 512
)

func emptied(h replay.Header) replay.Header {
	if cap(h) > fieldsKept {
		return nil
	}
	clear(h[:cap(h)]) // their texts can go
	return h[:0]
}

func (b *body) emptied() body {
	if cap(b.kept) > bodyKept {
		return body{}
	}
	return body{kept: b.kept[:0]}
}
