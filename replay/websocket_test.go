package replay

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/mark"
)

// chronicle is a reel with messages.
type chronicle struct {
	reel
	ms []*Message
}

func (c *chronicle) NextEvent() (*Exchange, *Message, error) {
	if len(c.ms) > 0 && (c.i == len(c.xs) || c.ms[0].At < c.xs[c.i].At) {
		m := *c.ms[0]
		c.ms = c.ms[1:]
		return nil, &m, nil
	}
	x, err := c.Next()
	return x, nil, err
}

func talking(xs []*Exchange, ms ...*Message) func() (Source, error) {
	return func() (Source, error) { return &chronicle{reel{xs: xs}, ms}, nil }
}

// handshake is a recorded handshake.
func handshake(seq uint64, session string, at time.Duration) *Exchange {
	return &Exchange{
		Seq: seq, Session: session, At: at, Method: "GET", Target: "/chat", Proto: "HTTP/1.1",
		Header: Header{
			{"Connection", "Upgrade"},
			{"Upgrade", "websocket"},
			{"Cookie", "sid=" + session},
			{"Sec-WebSocket-Key", "recorded"},
			{"Sec-WebSocket-Extensions", "permessage-deflate"},
			{"Sec-WebSocket-Protocol", "shop.v1"},
			{"Sec-WebSocket-Version", "13"},
		},
		Response: &Response{Status: 101, Header: Header{{"Upgrade", "websocket"}}},
	}
}

const (
	byClient = false
	byServer = true
)

// says is a text message.
func says(seq uint64, at time.Duration, server bool, body string) *Message {
	return &Message{Exchange: seq, At: at, FromServer: server, Kind: TextMessage, Body: []byte(body), Size: int64(len(body))}
}

// closes is the end of a conversation.
func closes(seq uint64, at time.Duration, server bool, status uint16) *Message {
	return &Message{Exchange: seq, At: at, FromServer: server, Kind: CloseMessage, Body: binary.BigEndian.AppendUint16(nil, status), Size: 2}
}

// A peer is the server's side of a WebSocket, in the test's own hand.
type peer struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
	r  *http.Request
}

// read returns the next frame of the client; op 0 at the end.
func (p *peer) read() (op byte, body string) {
	var head [2]byte
	if _, err := io.ReadFull(p.in, head[:]); err != nil {
		return 0, ""
	}
	if head[0]&0xf0 != bitFin || head[1]&bitMask == 0 {
		p.t.Errorf("a client's frame begins with %x: want all of a message, masked", head)
	}
	size := uint64(head[1] &^ bitMask)
	var long [8]byte
	switch size {
	case 126:
		_, _ = io.ReadFull(p.in, long[6:])
		size = binary.BigEndian.Uint64(long[:])
	case 127:
		_, _ = io.ReadFull(p.in, long[:])
		size = binary.BigEndian.Uint64(long[:])
	}
	var mask [4]byte
	_, _ = io.ReadFull(p.in, mask[:])
	b := make([]byte, size)
	if _, err := io.ReadFull(p.in, b); err != nil {
		return 0, ""
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
	return head[0] & 0x0f, string(b)
}

// write sends a frame as it stands: the first byte, and a body.
func (p *peer) write(first byte, body string) {
	b := []byte{first}
	switch n := len(body); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	_, _ = p.nc.Write(append(b, body...))
}

// echo repeats every message, and answers a close frame.
func (p *peer) echo() {
	for {
		switch op, body := p.read(); op {
		case 0:
			return
		case byte(CloseMessage):
			p.write(bitFin|op, body)
			return
		case opPong:
		default:
			p.write(bitFin|op, body)
		}
	}
}

// sockets remembers what clients said.
type sockets struct {
	mu   sync.Mutex
	said map[string][]string // by session: the kinds and messages of the client
}

func (s *sockets) note(session string, op byte, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said == nil {
		s.said = make(map[string][]string)
	}
	s.said[session] = append(s.said[session], fmt.Sprintf("%d %s", op, body))
}

// all returns what was noted.
func (s *sockets) all() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.said)
}

// upgraded switches, and has talk talk until it returns. Other requests are answered with their path.
func upgraded(t *testing.T, talk func(p *peer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, r.URL.Path)
			return
		}
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
		_ = rw.Flush()
		talk(&peer{t, nc, rw.Reader, r})
	}
}

// What the client said is said again, in its order and kind, on a connection that is the session's own.
func TestAWebSocketIsReplayed(t *testing.T) {
	var s sockets
	var requests seen
	url := serve(t, upgraded(t, func(p *peer) {
		requests.note(p.r)
		p.write(bitFin|byte(TextMessage), "welcome")
		p.write(byte(TextMessage), "in two ") // fragments, with a ping between them
		p.write(bitFin|opPing, "are you there")
		p.write(bitFin, "parts")
		for {
			op, body := p.read()
			s.note(p.r.Header.Get("Cookie"), op, body)
			if op == 0 || op == byte(CloseMessage) {
				p.write(bitFin|byte(CloseMessage), body)
				return
			}
		}
	}))
	long := strings.Repeat("long ", 40_000)
	binaryMessage := says(1, 60*time.Millisecond, byClient, "\x00\x01")
	binaryMessage.Kind = BinaryMessage
	traffic, slices := play(t, Config{
		Open: talking([]*Exchange{handshake(1, "ada", 0), get("ada", 50*time.Millisecond, "/meanwhile")},
			says(1, 20*time.Millisecond, byServer, "welcome"), says(1, 40*time.Millisecond, byClient, "one"), binaryMessage,
			says(1, 70*time.Millisecond, byClient, long), closes(1, 90*time.Millisecond, byClient, 1001), closes(1, 95*time.Millisecond, byServer, 1001)),
		Targets: []string{url},
	})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 2, total.Classes[gameday.ClassOK], "the handshake, and what the session asked meanwhile: %+v", traffic.Worst)
	said := s.all()["sid=ada"]
	if i := strings.Index(strings.Join(said, "\n"), "10 are you there"); i < 0 {
		t.Error("the ping was not answered")
	}
	var messages []string
	for _, m := range said {
		if !strings.HasPrefix(m, "10 ") {
			messages = append(messages, m)
		}
	}
	require.Equal(t, []string{"1 one", "2 \x00\x01", "1 " + long, "8 \x03\xe9"}, messages)

	m := traffic.Fidelity.Messages
	require.EqualValues(t, 1, m.Conversations)
	require.EqualValues(t, 3, m.Sent)
	require.EqualValues(t, 2, m.Received)
	require.EqualValues(t, 1, m.Recorded)
	require.Empty(t, m.Unsent)
	require.Empty(t, m.Failed)
	require.EqualValues(t, 1, traffic.Fidelity.Senders[bySocket], "%v", traffic.Fidelity.Senders)

	r := requests.requests[0]
	require.Equal(t, "shop.v1", r.Header.Get("Sec-WebSocket-Protocol"), "the client's wish stays")
	require.Empty(t, r.Header.Get("Sec-WebSocket-Extensions"), "nothing is compressed")
	require.NotEqual(t, "recorded", r.Header.Get("Sec-WebSocket-Key"))
	require.NotEmpty(t, r.Header.Get(mark.Header))
	require.NotEmpty(t, r.Header.Get("Traceparent"))
}

func TestAWebSocketUnderTLS(t *testing.T) {
	url, client := secure(t, true, nil, upgraded(t, (*peer).echo))
	traffic, slices := play(t, Config{
		Open: talking([]*Exchange{handshake(1, "ada", 0)}, says(1, 10*time.Millisecond, byClient, "one"), says(1, 20*time.Millisecond, byClient, "two"),
			closes(1, 30*time.Millisecond, byClient, 1000)),
		Targets: []string{url}, TLS: client,
	})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 1, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 2, traffic.Fidelity.Messages.Sent)
	require.EqualValues(t, 2, traffic.Fidelity.Messages.Received)
}

// Each copy of a session has a conversation of its own, with its own name, and what the system told the session stands in
// its messages.
func TestMessagesAreTheSessionsOwn(t *testing.T) {
	var s sockets
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"token":"live-%s"}`, strings.TrimPrefix(r.Header.Get("Cookie"), "sid="))
			return
		}
		upgraded(t, func(p *peer) {
			for {
				op, body := p.read()
				if op != byte(TextMessage) {
					return
				}
				s.note(p.r.Header.Get("Cookie"), op, body)
			}
		})(w, r)
	})
	login := get("ada", 0, "/login")
	login.Header = Header{{"Cookie", "sid=ada"}}
	login.Response = &Response{Status: 200, Header: Header{{"Content-Type", "application/json"}}, Body: []byte(`{"token":"recorded-1"}`), Size: 22}
	play(t, Config{
		Open: talking([]*Exchange{login, handshake(2, "ada", 50*time.Millisecond)}, says(2, 100*time.Millisecond, byClient, `{"auth":"recorded-1","user":"ada@shop"}`),
			says(2, 120*time.Millisecond, byClient, "no JSON"), closes(2, 140*time.Millisecond, byClient, 1000)),
		Targets: []string{url}, Traffic: gameday.TrafficPlan{Amplify: 2, Identity: []string{"$.user"}},
	})
	require.Equal(t, map[string][]string{
		"sid=ada":    {`1 {"auth":"live-ada","user":"ada@shop"}`, "1 no JSON"},
		"sid=ada-c2": {`1 {"auth":"live-ada-c2","user":"ada@shop-c2"}`, "1 no JSON"},
	}, s.all())
}

// Whatever a server does, each message of the client is sent, failed or unsent, and has a cause.
func TestEveryMessageIsAccountedFor(t *testing.T) {
	three := []*Message{says(1, 10*time.Millisecond, byClient, "one"), says(1, 150*time.Millisecond, byClient, "two"), says(1, 200*time.Millisecond, byClient, "three")}
	for _, tt := range []struct {
		name    string
		handler func(*testing.T) http.HandlerFunc
		opened  *Exchange
		ms      []*Message
		class   gameday.Class
		sent    int64
		unsent  Tally
	}{
		{
			"all are sent to a server that listens",
			func(t *testing.T) http.HandlerFunc { return upgraded(t, (*peer).echo) }, handshake(1, "s", 0),
			append(three, closes(1, 220*time.Millisecond, byClient, 1000)), gameday.ClassOK, 3, nil,
		},
		{
			"all are sent though the recording breaks off, which the replay then does, too",
			func(t *testing.T) http.HandlerFunc { return upgraded(t, (*peer).echo) }, handshake(1, "s", 0),
			append(three, closes(1, 220*time.Millisecond, byClient, closeBroken)), gameday.ClassOK, 3, nil,
		},
		{
			"all are sent though the tape ends in the middle of the conversation",
			func(t *testing.T) http.HandlerFunc { return upgraded(t, (*peer).echo) }, handshake(1, "s", 0), three, gameday.ClassOK, 3, nil,
		},
		{
			"the server closes and says why",
			func(t *testing.T) http.HandlerFunc {
				return upgraded(t, func(p *peer) {
					p.read()
					p.write(bitFin|byte(CloseMessage), "\x03\xf0")
					p.read()
				})
			}, handshake(1, "s", 0), three, gameday.ClassOK, 1,
			Tally{"the server closed with status 1008": 2},
		},
		{
			"the server hangs up",
			func(t *testing.T) http.HandlerFunc { return upgraded(t, func(p *peer) { p.read() }) }, handshake(1, "s", 0),
			three, gameday.ClassOK, 1,
			Tally{causeGone: 2},
		},
		{
			"the server sends what is no frame",
			func(t *testing.T) http.HandlerFunc {
				return upgraded(t, func(p *peer) {
					p.read()
					p.write(0xf1, "compressed?")
					p.read()
				})
			}, handshake(1, "s", 0), three, gameday.ClassOK, 1,
			Tally{causeBroken: 2},
		},
		{
			"the server does not want to switch",
			func(*testing.T) http.HandlerFunc { return func(http.ResponseWriter, *http.Request) {} }, handshake(1, "s", 0),
			three, gameday.ClassError, 0,
			Tally{causeHandset: 3},
		},
		{
			"the server wants somebody else",
			func(*testing.T) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
			}, handshake(1, "s", 0), three, gameday.ClassError, 0,
			Tally{causeHandset: 3},
		},
		{
			"the server switches for another key",
			func(*testing.T) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Connection", "Upgrade")
					w.Header().Set("Upgrade", "websocket")
					w.Header().Set("Sec-WebSocket-Accept", "from a cache")
					w.WriteHeader(http.StatusSwitchingProtocols)
				}
			}, handshake(1, "s", 0), three, gameday.ClassError, 0,
			Tally{causeHandset: 3},
		},
		{
			"a message is not whole on the tape",
			func(t *testing.T) http.HandlerFunc { return upgraded(t, (*peer).echo) }, handshake(1, "s", 0),
			[]*Message{three[0], {Exchange: 1, At: 100 * time.Millisecond, Kind: TextMessage, Body: []byte("tw"), Size: 3}, three[2]},
			gameday.ClassOK, 2,
			Tally{skipTruncated: 1},
		},
		{
			"the handshake is not on the tape",
			func(t *testing.T) http.HandlerFunc { return upgraded(t, (*peer).echo) }, get("s", 0, "/"), three, gameday.ClassOK, 0,
			Tally{causeUnknown: 3},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, tt.handler(t))
			traffic, slices := play(t, Config{Open: talking([]*Exchange{tt.opened}, tt.ms...), Targets: []string{url}})
			total, _, _ := sum(slices, "")
			require.EqualValues(t, 1, total.Classes[tt.class], "%+v", traffic.Worst)
			m := traffic.Fidelity.Messages
			failed := Tally(m.Failed).Total() // a write may find the server gone before the reader tells
			require.EqualValues(t, tt.sent+int64(tt.unsent.Total()), m.Sent+int64(failed+Tally(m.Unsent).Total()), "%+v", m)
			if failed == 0 && m.Sent == tt.sent {
				require.Equal(t, tt.unsent, Tally(m.Unsent))
			}
			if tt.unsent == nil {
				require.Equal(t, tt.sent, m.Sent)
			}
		})
	}
}

// A run that is stopped says good-bye and leaves no connection behind.
func TestAStoppedRunEndsItsConversations(t *testing.T) {
	last := make(chan string, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	url := serve(t, upgraded(t, func(p *peer) {
		p.read()
		stop()
		op, body := p.read()
		last <- fmt.Sprintf("%d %s", op, body)
	}))
	p, err := New(Config{
		Open:    talking([]*Exchange{handshake(1, "s", 0)}, says(1, 10*time.Millisecond, byClient, "one"), says(1, time.Hour, byClient, "two")),
		Targets: []string{url},
	})
	require.NoError(t, err)
	traffic, err := p.Run(ctx, time.Now(), nil)
	require.NoError(t, err)
	require.Equal(t, "8 \x03\xe9", <-last, "going away")
	require.EqualValues(t, 1, traffic.Fidelity.Messages.Sent)
}

// At the end of a run of a given length conversations end, however they went on when recorded.
func TestConversationsEndWithTheRun(t *testing.T) {
	ends := make(chan string, 1)
	url := serve(t, upgraded(t, func(p *peer) {
		p.read()
		op, body := p.read()
		p.write(bitFin|op, body)
		ends <- fmt.Sprintf("%d %s", op, body)
	}))
	traffic, _ := play(t, Config{
		Phases:  gameday.Phases{Baseline: gameday.Duration(300 * time.Millisecond)},
		Open:    talking([]*Exchange{handshake(1, "s", 0)}, says(1, 10*time.Millisecond, byClient, "one"), says(1, time.Second, byClient, "two")),
		Targets: []string{url},
	})
	require.Equal(t, "8 \x03\xe8", <-ends)
	m := traffic.Fidelity.Messages
	require.EqualValues(t, 1, m.Sent)
	require.Empty(t, m.Unsent, "what comes after the end was never due")
}

// Each pass of a loop has conversations of its own, though the tape numbers them alike.
func TestConversationsOfALoop(t *testing.T) {
	url := serve(t, upgraded(t, (*peer).echo))
	traffic, _ := play(t, Config{
		Phases: gameday.Phases{Baseline: gameday.Duration(time.Second)},
		Open: talking([]*Exchange{handshake(1, "s", 0), get("s", 200*time.Millisecond, "/")}, says(1, 10*time.Millisecond, byClient, "one"),
			says(1, 100*time.Millisecond, byClient, "two")),
		Targets: []string{url}, Traffic: gameday.TrafficPlan{Loop: true},
	})
	m := traffic.Fidelity.Messages
	require.Greater(t, m.Conversations, int64(1))
	require.GreaterOrEqual(t, m.Sent, 2*m.Conversations-2, "the last one may be cut short")
	require.Equal(t, m.Sent, m.Received)
}

// What waits to be sent has a bound, and what is over it a cause.
func TestAScriptHoldsOnlySoMuch(t *testing.T) {
	b := newBooks()
	s := &script{books: b, last: new(line)}
	one, two := s.follow(), s.follow()
	s.add(&line{kind: TextMessage, size: maxScripted})
	s.add(&line{kind: TextMessage, size: 1})
	require.Equal(t, Tally{causeScripted: 2}, b.unsent)
	for _, f := range []*follower{one, two} {
		l, _ := f.next()
		require.NotNil(t, l)
		l, more := f.next()
		require.Nil(t, l)
		require.NotNil(t, more)
	}
	one.leave("gone")
	two.leave("")
	one.leave("twice")
	require.Zero(t, b.held.Load())
	s.add(&line{kind: TextMessage, size: 1})
	require.Equal(t, Tally{causeScripted: 2, "gone": 1}, b.unsent, "who left cannot say what comes later")
}

// FuzzListen: whatever a server sends, reading it ends, with an error, and without a panic.
func FuzzListen(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x89\x00\x88\x02\x03\xe8"))
	f.Add([]byte("\x01\x01a\x80\x7e\x00\x01b\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01c"))
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		ours, theirs := net.Pipe()
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
		w := &websocket{conn: ours, in: bufio.NewReader(strings.NewReader(string(sent)))}
		heard := 0
		require.Error(t, w.listen(func() { heard++ }, time.Second))
		require.LessOrEqual(t, heard, len(sent)/2)
		ours.Close()
		reading.Wait()
		theirs.Close()
	})
}
