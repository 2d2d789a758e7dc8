package capture

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A Talk records what is said on a connection that was switched to a WebSocket, message by message, behind the exchange that
// switched it.
type Talk struct {
	tap            *Tap
	exchange       uint64 // its number
	speaks         bool   // it is a WebSocket
	client, server frames
	parted         atomic.Bool // a close frame was seen
	out            atomic.Bool // its exchange was not recorded, so its messages are not

	// Used by the recording goroutine alone.
	session                string
	away                   *absence // its exchange is with the middleware
	fromClient, fromServer inflater
}

func newTalk(t *Tap, exchange uint64) *Talk {
	talk := &Talk{tap: t, exchange: exchange}
	talk.client = frames{talk: talk}
	talk.server = frames{talk: talk, fromServer: true}
	return talk
}

// agree notes what the response that switched the connection says. Of anything but a WebSocket nothing is recorded.
func (t *Talk) agree(status int, h replay.Header) {
	deflate, known := extensionsOf(h.Get("Sec-WebSocket-Extensions"))
	t.fromClient = inflater{forget: deflate.clientForgets}
	t.fromServer = inflater{forget: deflate.serverForgets}
	t.speaks = status == http.StatusSwitchingProtocols && strings.EqualFold(h.Get("Upgrade"), "websocket") && known
}

// Say takes the next bytes of one direction, which passed at a time since the start of the capture.
func (t *Talk) Say(fromServer bool, at time.Duration, b []byte) {
	if !t.speaks {
		return
	}
	f := t.direction(fromServer)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.feed(b, at)
}

// Miss notes that bytes of one direction are missing: the rest of it cannot be read.
func (t *Talk) Miss(fromServer bool) {
	f := t.direction(fromServer)
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.speaks && !f.lost {
		f.lose(replay.LostGap)
	}
}

// Cease notes that nothing more comes of one direction. A message of which the rest never came is lost. Only the first Cease
// of a direction counts.
func (t *Talk) Cease(fromServer bool) {
	f := t.direction(fromServer)
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.speaks && !f.lost {
		f.cease()
	}
}

func (t *Talk) direction(fromServer bool) *frames {
	if fromServer {
		return &t.server
	}
	return &t.client
}

// abnormal is the status that RFC 6455 keeps for connections that end without a close frame: none ever has it.
const abnormal = "\x03\xee" // 1006

// End notes that the connection is ending, and by whom. When nobody announced it, it is recorded as a close frame that was
// never sent. Only the first End counts. What the other side may still say ends with Cease.
func (t *Talk) End(byServer bool, at time.Duration) {
	if !t.speaks || t.parted.Swap(true) || t.out.Load() {
		return
	}
	if !t.tap.queue.reserve(len(abnormal)) {
		t.tap.queue.loseMessage(replay.LostLimit)
		return
	}
	t.tap.queue.put(parcel{talk: t, m: &said{Message: replay.Message{
		Exchange: t.exchange, At: at, FromServer: byServer, Kind: replay.CloseMessage, Body: []byte(abnormal), Size: int64(len(abnormal)),
	}}})
}

// said is a message on its way to the recorder.
type said struct {
	replay.Message
	packed bool   // by permessage-deflate
	nth    uint64 // of the packed ones of its direction, from 0
}

// unpack decompresses a message, on the recording goroutine; false means that it cannot be.
func (t *Talk) unpack(m *said) bool {
	if !m.packed {
		return true
	}
	in := &t.fromClient
	if m.FromServer {
		in = &t.fromServer
	}
	plain, err := in.message(m)
	if err != nil {
		return false
	}
	m.Body, m.Size = plain, int64(len(plain))
	return true
}
