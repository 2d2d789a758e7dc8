package capture

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// An archive is an importer of HTTP archives, whose WebSockets have messages: in the _webSocketMessages of an entry, as
// Chrome writes them.
type archive struct {
	*importer
	har   *har
	ahead *replay.Exchange // read, and not yet handed on
	end   error
}

var _ replay.Chronicle = (*archive)(nil)

// Next returns the next exchange to who does not want the messages.
func (a *archive) Next() (*replay.Exchange, error) {
	x, err := a.importer.Next()
	for _, m := range a.har.said { // those of exchanges that have not gone out are still held
		a.har.saidBytes -= weigh(m)
	}
	a.har.said = nil
	return x, err
}

// NextEvent returns the next exchange or message.
func (a *archive) NextEvent() (*replay.Exchange, *replay.Message, error) {
	if a.ahead == nil && a.end == nil {
		a.ahead, a.end = a.importer.Next()
	}
	if m := a.har.earliest(a.ahead); m != nil {
		return nil, m, nil
	}
	x := a.ahead
	if a.ahead = nil; x == nil {
		return nil, nil, a.end
	}
	return x, nil, nil
}

// A harMessage is a message of a WebSocket. Its time is in seconds since 1970; binary data is in base64.
type harMessage struct {
	Type   string  `json:"type"` // send or receive
	Time   float64 `json:"time"`
	Opcode float64 `json:"opcode"`
	Data   string  `json:"data"`
}

// messages keeps the messages of an entry until its exchange goes out. What cannot be used is counted.
func (h *har) messages(x *replay.Exchange, from []json.RawMessage) {
	var all []*replay.Message
	for i, raw := range from {
		var m *replay.Message
		var said harMessage
		err := json.Unmarshal(raw, &said)
		if err == nil {
			m, err = said.message()
		}
		switch {
		case err != nil:
			h.to.counts.MessagesLost.Count(replay.LostParse, 1)
			h.to.tell(h.json.place(), fmt.Errorf("_webSocketMessages[%d]: %w", i, err))
		case m == nil:
		case h.saidBytes+weigh(m) > bytesHeld:
			h.to.counts.MessagesLost.Count(replay.LostLimit, 1)
		default:
			h.saidBytes += weigh(m)
			all = append(all, m)
		}
	}
	if len(all) > 0 {
		h.talks[x] = all
	}
}

// message returns nil for what belongs to the connection. At is since 1970.
func (m harMessage) message() (*replay.Message, error) {
	kind := replay.MessageKind(m.Opcode)
	switch {
	case m.Type != "send" && m.Type != "receive":
		return nil, fmt.Errorf("type %q: want send or receive", shorten(m.Type))
	case m.Opcode == opPing || m.Opcode == opPong:
		return nil, nil
	case float64(kind) != m.Opcode || kind == opContinuation || reserved(kind):
		return nil, fmt.Errorf("opcode %v is no message's", m.Opcode)
	case m.Time < 0 || m.Time > yearMax:
		return nil, fmt.Errorf("time %v is out of range", m.Time)
	}
	encoding := ""
	if kind != replay.TextMessage {
		encoding = "base64"
	}
	body, err := harText(m.Data, encoding)
	if err != nil {
		return nil, err
	}
	return &replay.Message{
		At: time.Duration(math.Round(m.Time*1e6)) * time.Microsecond, FromServer: m.Type == "receive", Kind: kind, Body: body, Size: int64(len(body)),
	}, nil
}

const yearMax = 7258118400 // seconds until 2200

// speak puts the messages of an exchange that goes out in order of time with those of others.
func (h *har) speak(x *replay.Exchange) {
	all, ok := h.talks[x]
	if !ok {
		return
	}
	delete(h.talks, x)
	for _, m := range all {
		m.Exchange, m.Session = x.Seq, x.Session
		m.At = max(m.At-time.Duration(h.to.window.zero), x.At)
	}
	h.to.counts.Messages += uint64(len(all))
	h.said = append(h.said, all...)
	slices.SortStableFunc(h.said, func(m, n *replay.Message) int { return cmp.Compare(m.At, n.At) })
}

// earliest takes out the first message, if it is earlier than an exchange.
func (h *har) earliest(x *replay.Exchange) *replay.Message {
	if len(h.said) == 0 || x != nil && x.At <= h.said[0].At {
		return nil
	}
	m := h.said[0]
	h.said[0] = nil
	h.said = h.said[1:]
	h.saidBytes -= weigh(m)
	return m
}

// weigh is what a message takes of memory.
func weigh(m *replay.Message) int { return 128 + len(m.Body) }
