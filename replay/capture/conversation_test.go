package capture_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// frame is one frame of a WebSocket as it stands on the wire. Clients mask.
func frame(first byte, payload []byte, mask bool) []byte {
	b := []byte{first}
	bit := byte(0)
	if mask {
		bit = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, bit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, bit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), uint64(n))
	}
	if !mask {
		return append(b, payload...)
	}
	key := []byte{1, 2, 3, 4}
	b = append(b, key...)
	for i, c := range payload {
		b = append(b, c^key[i&3])
	}
	return b
}

// socket is a service that switches to a WebSocket, says hello, and repeats byte for byte what it
// hears, until it hears a close frame of its length.
func socket(extensions, hello string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		head := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		if extensions != "" {
			head += "Sec-WebSocket-Extensions: " + extensions + "\r\n"
		}
		_, _ = rw.WriteString(head + "\r\n")
		_, _ = rw.WriteString(hello)
		_ = rw.Flush()
		_, _ = io.Copy(c, rw)
	})
}

const handshake = "GET /chat HTTP/1.1\r\nHost: h\r\nCookie: sid=ada\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

// chat sends bytes on a switched connection, piece by piece, and returns what came back.
func chat(t *testing.T, addr string, answer int, pieces ...[]byte) []byte {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, handshake)
	require.NoError(t, err)
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	for _, piece := range pieces {
		_, err = c.Write(piece)
		require.NoError(t, err)
	}
	back := make([]byte, answer)
	_, err = io.ReadFull(in, back)
	require.NoError(t, err)
	return back
}

type spoken struct {
	FromServer bool
	Kind       replay.MessageKind
	Text       string
}

func (m *memory) spoken() (all []spoken) {
	for _, msg := range m.messages {
		all = append(all, spoken{msg.FromServer, msg.Kind, string(msg.Body)})
	}
	return all
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestMessagesOfAWebSocketAreRecorded(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		long := strings.Repeat("long ", 20_000)
		for _, c := range []struct {
			sentence string
			sent     []byte
			want     []string
		}{
			{"a text", frame(0x81, []byte("hello"), true), []string{"hello"}},
			{"an empty text", frame(0x81, nil, true), []string{""}},
			{"a length of two bytes", frame(0x81, []byte(long[:300]), true), []string{long[:300]}},
			{"a length of eight bytes", frame(0x81, []byte(long), true), []string{long}},
			{"fragments with a ping between them", join(frame(0x01, []byte("one "), true), frame(0x89, []byte("ping"), true), frame(0x80, []byte("two"), true)), []string{"one two"}},
			{"two messages at once", join(frame(0x81, []byte("a"), true), frame(0x81, []byte("b"), true)), []string{"a", "b"}},
		} {
			t.Run(c.sentence, func(t *testing.T) {
				var m memory
				addr, p, stop := tapped(t, serve(t, socket("", "")), &m, capture.Options{})
				var pieces [][]byte
				for i := range min(len(c.sent), 20) { // a read may end anywhere
					pieces = append(pieces, c.sent[i:i+1])
				}
				pieces = append(pieces, c.sent[len(pieces):])
				require.Equal(t, c.sent, chat(t, addr, len(c.sent), pieces...), "the traffic is what it was")
				require.NoError(t, stop())
				var want []spoken
				for _, text := range c.want {
					want = append(want, spoken{false, replay.TextMessage, text}, spoken{true, replay.TextMessage, text})
				}
				want = append(want, spoken{false, replay.CloseMessage, "\x03\xee"}) // the client hung up
				require.ElementsMatch(t, want, m.spoken())
				require.Len(t, m.xs, 1)
				require.Equal(t, http.StatusSwitchingProtocols, m.xs[0].Response.Status)
				require.Equal(t, "websocket", m.xs[0].Response.Header.Get("Upgrade"))
				last := time.Duration(0)
				for _, msg := range m.messages {
					require.Equal(t, m.xs[0].Seq, msg.Exchange)
					require.Equal(t, "ada", msg.Session)
					require.GreaterOrEqual(t, msg.At, m.xs[0].At)
					require.GreaterOrEqual(t, msg.At, last-time.Millisecond)
					last = msg.At
				}
				require.Equal(t, replay.Counts{Captured: 1, Messages: uint64(2*len(c.want) + 1)}, p.Counts())
			})
		}
	})
}

func TestTheServerMaySpeakWithItsHead(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		var m memory
		addr, _, stop := tapped(t, serve(t, socket("", string(frame(0x82, []byte{7}, false)))), &m, capture.Options{})
		bye := frame(0x88, []byte{3, 232}, true)
		chat(t, addr, 3+len(bye), bye)
		require.NoError(t, stop())
		require.ElementsMatch(t, []spoken{
			{true, replay.BinaryMessage, "\x07"}, {false, replay.CloseMessage, "\x03\xe8"}, {true, replay.CloseMessage, "\x03\xe8"},
		}, m.spoken())
	})
}

// TestPackedMessagesAreUnpackedAndRedacted: what is packed could not be redacted.
func TestPackedMessagesAreUnpackedAndRedacted(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.BestCompression)
		require.NoError(t, err)
		var sent []byte
		for range 3 { // the second and third point back into the first
			packed.Reset()
			_, _ = io.WriteString(w, `{"user":"ada","password":"S3cretPassw0rd"}`)
			require.NoError(t, w.Flush())
			sent = append(sent, frame(0xc1, bytes.TrimSuffix(packed.Bytes(), []byte{0, 0, 0xff, 0xff}), true)...)
		}
		r, err := redact.New(redact.Rules{}, nil)
		require.NoError(t, err)
		var m memory
		addr, p, stop := tapped(t, serve(t, socket("permessage-deflate", "")), &m, capture.Options{Redact: r.Exchange})
		chat(t, addr, len(sent), sent)
		require.NoError(t, stop())
		require.Len(t, m.messages, 7, "and its end")
		for _, msg := range m.messages[:6] {
			require.Equal(t, `{"user":"ada","password":"`+r.Pseudonym("S3cretPassw0rd")+`"}`, string(msg.Body))
		}
		require.Empty(t, p.Counts().MessagesLost)
	})
}

func TestWhatCannotBeReadOfAConversationIsCounted(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		for _, c := range []struct {
			sentence, extensions string
			sent                 []byte
			want                 replay.Counts
		}{
			{"a continuation of nothing", "", frame(0x80, []byte("x"), true), replay.Counts{Captured: 1, Messages: 1, MessagesLost: replay.Tally{replay.LostParse: 2}}},
			{"an opcode that is reserved", "", frame(0x83, []byte("x"), true), replay.Counts{Captured: 1, Messages: 1, MessagesLost: replay.Tally{replay.LostParse: 2}}},
			{"one of a control frame", "", frame(0x8b, []byte("x"), true), replay.Counts{Captured: 1, Messages: 1, MessagesLost: replay.Tally{replay.LostParse: 2}}},
			{"a message whose rest never comes", "", frame(0x82, bytes.Repeat([]byte("x"), 40), true)[:30], replay.Counts{Captured: 1, Messages: 1, MessagesLost: replay.Tally{capture.LostUnfinished: 2}}},
			{"a message of which half a head came", "", []byte{0x82}, replay.Counts{Captured: 1, Messages: 1, MessagesLost: replay.Tally{capture.LostUnfinished: 2}}},
			{"half a ping is no message", "", frame(0x89, []byte("are you there?"), true)[:10], replay.Counts{Captured: 1, Messages: 1}},
			{"a message over the limit", "", frame(0x81, bytes.Repeat([]byte("x"), 100), true), replay.Counts{Captured: 1, Messages: 3}},
			{"broken compression", "permessage-deflate", frame(0xc1, []byte("\xff\xff"), true), replay.Counts{Captured: 1, Messages: 1, MessagesLost: replay.Tally{replay.LostParse: 2}}},
			{"an extension that is not known: the handshake alone", "x-secret", frame(0x81, []byte("x"), true), replay.Counts{Captured: 1}},
		} {
			t.Run(c.sentence, func(t *testing.T) {
				var m memory
				addr, p, stop := tapped(t, serve(t, socket(c.extensions, "")), &m, capture.Options{BodyMax: 50})
				require.Equal(t, c.sent, chat(t, addr, len(c.sent), c.sent), "the traffic is what it was")
				require.NoError(t, stop())
				require.Equal(t, c.want, p.Counts())
				require.Zero(t, p.Status().Held)
				for _, msg := range m.messages {
					require.True(t, msg.Truncated() || msg.Kind == replay.CloseMessage)
				}
			})
		}
	})
}

// TestACapturedWebSocketIsReplayed: from the proxy to a tape, and from the tape to a service that hears the same.
func TestACapturedWebSocketIsReplayed(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		path := filepath.Join(t.TempDir(), "chat.gdtape")
		w, err := tape.Create(path, tape.Meta{}, tape.Options{Sync: -1})
		require.NoError(t, err)
		addr, _, stop := tapped(t, serve(t, socket("", "")), w, capture.Options{})
		said := join(frame(0x01, []byte("one "), true), frame(0x80, []byte("two"), true), frame(0x82, []byte{7}, true), frame(0x88, []byte{3, 232}, true))
		chat(t, addr, len(said), said)
		require.NoError(t, stop())
		require.NoError(t, w.Close())

		heard := make(chan []byte, 1)
		target := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			require.NoError(t, err)
			defer c.Close()
			sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
			_ = rw.Flush()
			var all []byte
			for _, size := range []int{7, 1, 2} { // of the messages; the head has two bytes, and four of the mask
				b := make([]byte, 6+size)
				_, err := io.ReadFull(rw, b)
				require.NoError(t, err)
				for i := range size {
					b[6+i] ^= b[2+i&3]
				}
				all = append(append(all, b[0]), b[6:]...)
			}
			_, _ = c.Write([]byte("\x88\x02\x03\xe8"))
			heard <- all
		}))
		p, err := replay.New(replay.Config{
			Open: func() (replay.Source, error) { return tape.Open(path, tape.ReadOptions{}) }, Targets: []string{"http://" + target},
		})
		require.NoError(t, err)
		traffic, err := p.Run(t.Context(), time.Now(), nil)
		require.NoError(t, err)
		require.Equal(t, "\x81one two\x82\x07\x88\x03\xe8", string(<-heard))
		require.EqualValues(t, 2, traffic.Fidelity.Messages.Sent)
		require.Empty(t, traffic.Fidelity.Messages.Unsent)
	})
}

// FuzzConversation lets both sides say anything: it passes, and ends.
func FuzzConversation(f *testing.F) {
	f.Add(frame(0x81, []byte("hello"), true))
	f.Add(join(frame(0x01, []byte("a"), true), frame(0x89, nil, true), frame(0x80, []byte("b"), false)))
	f.Add([]byte{0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x82, 0x7e, 0x00})
	f.Fuzz(func(t *testing.T, said []byte) {
		var m memory
		tap := capture.NewTap(&m, capture.Options{BodyMax: 1 << 10, MemoryMax: 4 << 10})
		client, server := net.Pipe()
		h := capture.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			require.NoError(t, err)
			_, _ = rw.WriteString("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
			_ = rw.Flush()
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}), tap)
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(hijackable{server}, &http.Request{Method: "GET", RequestURI: "/"})
		}()
		in := bufio.NewReader(client)
		_, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		go func() { _, _ = client.Write(said) }()
		back := make([]byte, len(said))
		_, err = io.ReadFull(in, back)
		require.NoError(t, err)
		require.Equal(t, said, back)
		require.NoError(t, client.Close())
		<-done
		require.NoError(t, tap.Close())
		require.EqualValues(t, len(m.messages), tap.Counts().Messages)
		require.Zero(t, tap.Status().Held)
	})
}

type hijackable struct{ c net.Conn }

func (hijackable) Header() http.Header         { return http.Header{} }
func (hijackable) Write(b []byte) (int, error) { return len(b), nil }
func (hijackable) WriteHeader(int)             {}
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.c, bufio.NewReadWriter(bufio.NewReader(h.c), bufio.NewWriter(h.c)), nil
}
