package capture

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gameday-dev/gameday/replay"
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
	case d == nil:
		return Unfit{LostExchange}
	case m.Truncated():
		return Unfit{UnfitBody}
	case m.Kind == replay.TextMessage && !utf8.Valid(m.Body):
		return Unfit{replay.LostParse}
	case h.held+len(m.Body) > bytesHeld:
		return Unfit{replay.LostLimit}
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
	if m.Kind == replay.CloseMessage {
		d.part(m)
	}
	if !d.talks {
		delete(h.talks, m.Exchange)
	}
	return h.flush()
}

// part notes that one side goes. A connection that ended without a word has but one message about it.
func (d *harDraft) part(m *replay.Message) {
	side := 0
	if m.FromServer {
		side = 1
	}
	d.parted[side] = true
	d.talks = !(d.parted == [2]bool{true, true} || string(m.Body) == abnormal)
}

// draft puts the entry of x behind those that wait.
func (h *harWriter) draft(x *replay.Exchange) error {
	d := &harDraft{entry: h.entry(x), bytes: bodies(x)}
	if r := x.Response; r != nil && r.Status == http.StatusSwitchingProtocols && strings.EqualFold(x.Header.Get("Upgrade"), "websocket") {
		d.talks, d.entry.ResourceType = true, "websocket"
		if rest, ok := strings.CutPrefix(d.entry.Request.URL, "http"); ok {
			d.entry.Request.URL = "ws" + rest
		}
		h.talks[x.Seq] = d
	}
	h.waiting = append(h.waiting, d)
	h.held += d.bytes
	return h.flush()
}

// flush writes the entries that nothing is waited for, in their order. When too much waits, those behind a WebSocket that goes on
// are written before it: readers put entries in order.
func (h *harWriter) flush() error {
	kept := h.waiting[:0]
	for i, d := range h.waiting {
		if d.talks || len(kept) > 0 && h.held <= bytesHeld/2 {
			kept = append(kept, d)
			continue
		}
		if err := h.write(d); err != nil {
			h.waiting = append(kept, h.waiting[i:]...)
			return err
		}
		h.held -= d.bytes
	}
	clear(h.waiting[len(kept):])
	h.waiting = kept
	return nil
}
