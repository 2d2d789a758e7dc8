package capture

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gameday-dev/gameday/replay"
)

const (
	// draftsMax is how many entries that are complete wait behind a WebSocket at most.
	draftsMax = 4096
	// draftBytes is about what an entry takes of memory beside its texts, and fieldBytes what a line of its header does.
	draftBytes, fieldBytes = 1 << 10, 32
)

// A harDraft is an entry that waits to be written: for the messages of its WebSocket, or for entries before it.
type harDraft struct {
	entry  harEntry
	bytes  int
	talks  bool    // messages may still come
	parted [2]bool // client and server have said that they go
}

// Message adds a message to the entry of its exchange, which waits until both sides have said that they go. The error is an ErrUnfit
// when there is no such entry, or the message cannot be written.
func (h *harWriter) Message(m *replay.Message) error {
	d := h.talks[m.Exchange]
	switch {
	case m.Truncated():
		return Unfit{UnfitBody}
	case m.Kind == replay.TextMessage && !utf8.Valid(m.Body):
		return Unfit{replay.LostParse}
	case h.held+len(m.Body) > bytesHeld:
		return Unfit{replay.LostLimit}
	case d == nil:
		return Unfit{LostExchange}
	}
	at := h.o.Start.Add(m.At)
	said := harMessage{Type: "send", Time: math.Round(float64(at.UnixNano())/1e3) / 1e6, Opcode: float64(m.Kind)}
	if m.FromServer {
		said.Type = "receive"
	}
	if said.Data = string(m.Body); m.Kind != replay.TextMessage {
		said.Data = base64Of(m.Body)
	}
	raw, err := json.Marshal(said)
	if err != nil {
		return err
	}
	d.entry.Messages = append(d.entry.Messages, raw)
	d.bytes += len(raw)
	h.held += len(raw)
	if m.Kind == replay.CloseMessage && d.part(m) {
		delete(h.talks, m.Exchange)
		h.settle(d)
	}
	return h.flush()
}

// part notes that one side goes, and reports whether nobody is left. A connection that ended without a word has but one
// message about it.
func (d *harDraft) part(m *replay.Message) bool {
	side := 0
	if m.FromServer {
		side = 1
	}
	d.parted[side] = true
	return d.parted == [2]bool{true, true} || string(m.Body) == abnormal
}

// settle notes that no more messages come.
func (h *harWriter) settle(d *harDraft) {
	d.talks = false
	h.settled++
	h.settledBytes += d.bytes
}

// draft puts the entry of x behind those that wait. A WebSocket that there is no room for is written without its messages.
func (h *harWriter) draft(x *replay.Exchange) error {
	d := &harDraft{entry: h.entry(x), bytes: draftSize(x)}
	if r := x.Response; r != nil && r.Status == http.StatusSwitchingProtocols && strings.EqualFold(x.Header.Get("Upgrade"), "websocket") {
		d.talks, d.entry.ResourceType = h.held < bytesHeld, "websocket"
		if rest, ok := strings.CutPrefix(d.entry.Request.URL, "http"); ok {
			d.entry.Request.URL = "ws" + rest
		}
	}
	h.waiting.PushBack(d)
	h.held += d.bytes
	if d.talks {
		h.talks[x.Seq] = d
	} else {
		h.settle(d)
	}
	return h.flush()
}

// draftSize is about what the entry of x takes of memory. The target is in it twice: as such, and as its parameters.
func draftSize(x *replay.Exchange) int {
	n := draftBytes + bodies(x) + 2*len(x.Target)
	headers := []replay.Header{x.Header}
	if x.Response != nil {
		headers = append(headers, x.Response.Header)
	}
	for _, h := range headers {
		for _, f := range h {
			n += fieldBytes + len(f.Name) + len(f.Value)
		}
	}
	return n
}

// flush writes the entries that nothing is waited for, in their order. When too much waits, all that are complete are
// written, before the WebSockets that go on: readers put entries in order.
func (h *harWriter) flush() error {
	over := h.settled > draftsMax || h.settledBytes > bytesHeld/2
	for at := h.waiting.Front(); at != nil; {
		d, next := at.Value.(*harDraft), at.Next()
		switch {
		case !d.talks:
			if err := h.write(d); err != nil {
				return err
			}
			h.waiting.Remove(at)
			h.settled--
			h.settledBytes -= d.bytes
			h.held -= d.bytes
		case !over:
			return nil
		}
		at = next
	}
	return nil
}
