package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// An h2party is a connection with a server that the test plays.
type h2party struct {
	t    testing.TB
	conn *h2conn
	*http2.Framer
	said   bytes.Buffer // by the server, not yet fed
	fields bytes.Buffer
	encode *hpack.Encoder

	heard, ended int
	last         *h2stream // that ended
	err          error
	refused      bool
}

func newH2party(t testing.TB) *h2party {
	p := &h2party{t: t}
	p.Framer = http2.NewFramer(&p.said, nil)
	p.AllowIllegalWrites = true
	p.encode = hpack.NewEncoder(&p.fields)
	p.conn = newH2conn(p)
	return p
}

func (p *h2party) streamHeard(*h2stream) { p.heard++ }

func (p *h2party) streamSent(*h2stream) {}

func (p *h2party) streamEnded(st *h2stream, err error, refused bool) {
	p.ended++
	p.last, p.err, p.refused = st, err, refused
}

// open begins a stream.
func (p *h2party) open(raw string, r *request) *h2stream {
	st := &h2stream{}
	require.NoError(p.t, p.conn.open(st, []byte(raw), r, false))
	return st
}

// get begins a GET.
func (p *h2party) get() *h2stream {
	return p.open("GET / HTTP/1.1\r\nHost: s\r\n\r\n", &request{method: "GET", watched: &Exchange{}})
}

// block encodes pairs of names and values.
func (p *h2party) block(pairs ...string) []byte {
	p.fields.Reset()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(p.t, p.encode.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}))
	}
	return bytes.Clone(p.fields.Bytes())
}

// head sends a header.
func (p *h2party) head(id uint32, end bool, pairs ...string) {
	require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block(pairs...), EndHeaders: true, EndStream: end}))
}

func (p *h2party) data(id uint32, end bool, body string) {
	require.NoError(p.t, p.WriteData(id, end, []byte(body)))
}

// feed lets the connection hear what the server has said.
func (p *h2party) feed() error {
	err := p.conn.feed(p.said.Bytes())
	p.said.Reset()
	return err
}

// frames returns what the connection has said, in words, and forgets it.
func (p *h2party) frames() (all []string) {
	out := bytes.NewReader(bytes.TrimPrefix(p.conn.out, []byte(http2.ClientPreface)))
	p.conn.out = nil
	reader := http2.NewFramer(io.Discard, out)
	reader.SetMaxReadFrameSize(1 << 24)
	for {
		frame, err := reader.ReadFrame()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(p.t, err)
		text := fmt.Sprintf("%s %d", frame.Header().Type, frame.Header().StreamID)
		switch f := frame.(type) {
		case *http2.DataFrame:
			text += fmt.Sprintf(" %d %t", len(f.Data()), f.StreamEnded())
		case *http2.HeadersFrame:
			text += fmt.Sprintf(" %t %t", f.HeadersEnded(), f.StreamEnded())
		case *http2.RSTStreamFrame:
			text += " " + f.ErrCode.String()
		case *http2.GoAwayFrame:
			text += " " + f.ErrCode.String()
		case *http2.WindowUpdateFrame:
			text += fmt.Sprintf(" %d", f.Increment)
		case *http2.PingFrame:
			text += fmt.Sprintf(" %t %q", f.IsAck(), f.Data[:])
		case *http2.SettingsFrame:
			text += fmt.Sprintf(" %t", f.IsAck())
		}
		all = append(all, text)
	}
}

// settled is a party whose server has said what it has to say first.
func settled(t testing.TB, settings ...http2.Setting) *h2party {
	p := newH2party(t)
	require.NoError(t, p.WriteSettings(settings...))
	require.NoError(t, p.feed())
	p.frames()
	return p
}

func TestAConnectionGreetsItsServer(t *testing.T) {
	p := newH2party(t)
	require.True(t, bytes.HasPrefix(p.conn.out, []byte(http2.ClientPreface)))
	require.Equal(t, []string{"SETTINGS 0 false", "WINDOW_UPDATE 0 1073676289"}, p.frames())
	require.False(t, p.conn.room(), "nobody knows how many requests the server allows")
	require.NoError(t, p.WriteSettings())
	require.NoError(t, p.feed())
	require.True(t, p.conn.room())
	require.Equal(t, []string{"SETTINGS 0 true"}, p.frames())
}

// What servers may do, and what they may not: the answer of a GET, or why there is none, and what the server is told.
func TestWhatServersSay(t *testing.T) {
	ok := func(p *h2party) { p.head(1, true, ":status", "200") }
	long := strings.Repeat("x", 1000)
	for _, tt := range []struct {
		name  string
		serve func(p *h2party)
		want  string // of the connection: an error; empty when it goes on
		err   string // of the stream; empty when it was answered
		told  []string
	}{
		{"a header alone", ok, "", "", nil},
		{"a header, a body in pieces, padding", func(p *h2party) {
			p.head(1, false, ":status", "200", "content-length", "6")
			p.data(1, false, "one")
			require.NoError(p.t, p.WriteDataPadded(1, true, []byte("two"), make([]byte, 200)))
		}, "", "", nil},
		{"a trailer", func(p *h2party) {
			p.head(1, false, ":status", "200")
			p.data(1, false, "x")
			p.head(1, true, "grpc-status", "0")
		}, "", "", nil},
		{"answers before the final one", func(p *h2party) {
			p.head(1, false, ":status", "103", "link", "</style.css>")
			p.head(1, false, ":status", "100")
			ok(p)
		}, "", "", nil},
		{"too many of them", func(p *h2party) {
			for range maxInterim {
				p.head(1, false, ":status", "103")
			}
		}, "", "interim responses", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"one that ends the stream", func(p *h2party) { p.head(1, true, ":status", "103") }, "", "interim response ends", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a header in several frames", func(p *h2party) {
			block := p.block(":status", "200", "x", long)
			require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:1], EndStream: true}))
			require.NoError(p.t, p.WriteContinuation(1, false, block[1:20]))
			require.NoError(p.t, p.WriteContinuation(1, true, block[20:]))
		}, "", "", nil},
		{"a header in several frames, between which stands another", func(p *h2party) {
			require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block(":status", "200")}))
			require.NoError(p.t, p.WritePing(false, [8]byte{}))
		}, "PROTOCOL_ERROR", "", []string{"GOAWAY 0 PROTOCOL_ERROR"}},
		{"a header that goes on and on", func(p *h2party) {
			require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block(":status", "200")}))
			for range 1 + h2Block/len(long) {
				require.NoError(p.t, p.WriteContinuation(1, false, make([]byte, len(long))))
			}
		}, "ENHANCE_YOUR_CALM", "", []string{"GOAWAY 0 ENHANCE_YOUR_CALM"}},
		{"a header that goes on and on with nothing", func(p *h2party) {
			require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1}))
			for range 1 + h2Block/h2Head {
				require.NoError(p.t, p.WriteContinuation(1, false, nil))
			}
		}, "ENHANCE_YOUR_CALM", "", []string{"GOAWAY 0 ENHANCE_YOUR_CALM"}},
		{"a header that is short to send and long to read", func(p *h2party) {
			fields := []string{":status", "200"}
			for range maxHead / len(long) {
				fields = append(fields, "x", long)
			}
			p.head(1, true, fields...)
		}, "", "header of the response is longer", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a string that is too long", func(p *h2party) {
			require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88, 0x00, 0x01, 'x', 0x7f, 0xff, 0xff, 0x7f}, EndHeaders: true}))
		}, "COMPRESSION_ERROR", "", []string{"GOAWAY 0 COMPRESSION_ERROR"}},
		{"a table that is too large", func(p *h2party) {
			require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x3f, 0xff, 0xff, 0x7f, 0x88}, EndHeaders: true}))
		}, "COMPRESSION_ERROR", "", []string{"GOAWAY 0 COMPRESSION_ERROR"}},
		{"a field that is in no table", func(p *h2party) {
			require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0x7f}, EndHeaders: true}))
		}, "COMPRESSION_ERROR", "", []string{"GOAWAY 0 COMPRESSION_ERROR"}},
		{"a header without a status", func(p *h2party) { p.head(1, true, "a", "b") }, "", "has no status", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"two statuses", func(p *h2party) { p.head(1, true, ":status", "200", ":status", "200") }, "", "wrong pseudo field", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a status behind other fields", func(p *h2party) { p.head(1, true, "a", "b", ":status", "200") }, "", "wrong pseudo field", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a status that is none", func(p *h2party) { p.head(1, true, ":status", "2e2") }, "", "wrong pseudo field", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"the path of a request", func(p *h2party) { p.head(1, true, ":status", "200", ":path", "/") }, "", "wrong pseudo field", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a name in upper case", func(p *h2party) { p.head(1, true, ":status", "200", "X-Name", "v") }, "", "field that cannot be", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"two lines in a value", func(p *h2party) { p.head(1, true, ":status", "200", "x", "a\r\nb: c") }, "", "field that cannot be", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a length that is none", func(p *h2party) { p.head(1, true, ":status", "200", "content-length", "-1") }, "", "content length", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a trailer that ends nothing", func(p *h2party) {
			p.head(1, false, ":status", "200")
			p.head(1, false, "a", "b")
		}, "", "trailer of the response does not end it", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a body before its header", func(p *h2party) { p.data(1, true, "x") }, "", "body of the response comes before", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a body that is shorter than it should be", func(p *h2party) {
			p.head(1, false, ":status", "200", "content-length", "3")
			p.data(1, true, "xx")
		}, "", "unexpected EOF", nil},
		{"one that is longer", func(p *h2party) {
			p.head(1, false, ":status", "200", "content-length", "3")
			p.data(1, true, "xxxx")
		}, "", "longer than its header says", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"one that is not there, as in an answer to HEAD", func(p *h2party) { p.head(1, true, ":status", "304", "content-length", "3") }, "", "", nil},
		{"the end of the stream", func(p *h2party) { require.NoError(p.t, p.WriteRSTStream(1, http2.ErrCodeInternal)) }, "", "INTERNAL_ERROR", nil},
		{"a ping", func(p *h2party) {
			require.NoError(p.t, p.WritePing(false, [8]byte{'h', 'e', 'y'}))
			ok(p)
		}, "", "", []string{`PING 0 true "hey\x00\x00\x00\x00\x00"`}},
		{"an answer to a ping that nobody sent, a priority, and what nobody knows", func(p *h2party) {
			require.NoError(p.t, p.WritePing(true, [8]byte{}))
			require.NoError(p.t, p.WritePriority(8, http2.PriorityParam{StreamDep: 7}))
			require.NoError(p.t, p.WriteRawFrame(0xbe, 0xff, 6, []byte("hello")))
			ok(p)
		}, "", "", nil},
		{"pings without end", func(p *h2party) {
			for range h2Quiet + 1 {
				require.NoError(p.t, p.WritePing(true, [8]byte{}))
			}
		}, "ENHANCE_YOUR_CALM", "", []string{"GOAWAY 0 ENHANCE_YOUR_CALM"}},
		{"resets of what is gone without end", func(p *h2party) {
			for range h2Quiet + 1 {
				require.NoError(p.t, p.WriteRSTStream(1, http2.ErrCodeCancel))
			}
		}, "ENHANCE_YOUR_CALM", "CANCEL", []string{"GOAWAY 0 ENHANCE_YOUR_CALM"}},
		{"empty bodies without end", func(p *h2party) {
			p.head(1, false, ":status", "200")
			for range h2Quiet + 1 {
				p.data(1, false, "")
			}
		}, "ENHANCE_YOUR_CALM", "", []string{"GOAWAY 0 ENHANCE_YOUR_CALM"}},
		{"more settings than there are", func(p *h2party) {
			require.NoError(p.t, p.WriteSettings(make([]http2.Setting, h2Settings+1)...))
		}, "ENHANCE_YOUR_CALM", "", []string{"GOAWAY 0 ENHANCE_YOUR_CALM"}},
		{"a setting that cannot be", func(p *h2party) {
			require.NoError(p.t, p.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1}))
		}, "PROTOCOL_ERROR", "", []string{"GOAWAY 0 PROTOCOL_ERROR"}},
		{"a window that cannot be", func(p *h2party) {
			require.NoError(p.t, p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}))
		}, "FLOW_CONTROL_ERROR", "", []string{"GOAWAY 0 FLOW_CONTROL_ERROR"}},
		{"a window that grows beyond what can be", func(p *h2party) {
			require.NoError(p.t, p.WriteWindowUpdate(0, h2WindowMax))
		}, "FLOW_CONTROL_ERROR", "", []string{"GOAWAY 0 FLOW_CONTROL_ERROR"}},
		{"and that of a stream", func(p *h2party) {
			require.NoError(p.t, p.WriteWindowUpdate(1, h2WindowMax))
		}, "", "can be counted", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a window that grows by nothing", func(p *h2party) {
			require.NoError(p.t, p.WriteWindowUpdate(1, 0))
		}, "", "PROTOCOL_ERROR", []string{"RST_STREAM 1 PROTOCOL_ERROR"}},
		{"a frame that is too long", func(p *h2party) { p.data(1, true, strings.Repeat("x", h2Frame+1)) }, "frame too large", "", []string{"GOAWAY 0 FRAME_SIZE_ERROR"}},
		{"a frame of the wrong length", func(p *h2party) {
			require.NoError(p.t, p.WriteRawFrame(http2.FramePing, 0, 0, []byte("x")))
		}, "FRAME_SIZE_ERROR", "", []string{"GOAWAY 0 FRAME_SIZE_ERROR"}},
		{"a header that is all padding", func(p *h2party) {
			require.NoError(p.t, p.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, 1, []byte{9, 0x88}))
		}, "PROTOCOL_ERROR", "", []string{"GOAWAY 0 PROTOCOL_ERROR"}},
		{"a push", func(p *h2party) {
			require.NoError(p.t, p.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: p.block(":method", "GET"), EndHeaders: true}))
		}, "PROTOCOL_ERROR", "", []string{"GOAWAY 0 PROTOCOL_ERROR"}},
		{"an answer to what nobody asked", func(p *h2party) { p.head(3, true, ":status", "200") }, "PROTOCOL_ERROR", "", []string{"GOAWAY 0 PROTOCOL_ERROR"}},
		{"a stream of its own", func(p *h2party) { p.data(2, true, "x") }, "PROTOCOL_ERROR", "", []string{"GOAWAY 0 PROTOCOL_ERROR"}},
		{"something in another protocol", func(p *h2party) {
			p.said.WriteString("HTTP/1.1 400 Bad Request\r\n\r\n")
		}, "looked like an HTTP/1.1 header", "", []string{"GOAWAY 0 FRAME_SIZE_ERROR"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := settled(t)
			st := p.get()
			p.frames()
			tt.serve(p)
			err := p.feed()
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
			} else {
				require.NoError(t, err)
				require.Equal(t, 1, p.ended)
				require.Empty(t, p.conn.streams)
			}
			switch {
			case p.ended == 0:
				require.NotEmpty(t, tt.want)
			case tt.err != "":
				require.ErrorContains(t, p.err, tt.err)
				require.Same(t, st, p.last)
			default:
				require.NoError(t, p.err)
				require.NotZero(t, st.answer.status)
			}
			require.False(t, p.refused)
			require.Equal(t, tt.told, p.frames())
		})
	}
}

func TestAnAnswerIsReadWhole(t *testing.T) {
	p := settled(t)
	st := p.get()
	p.head(1, false, ":status", "503", "retry-after", "3", "x-degraded", "cache", "set-cookie", "a=b", "grpc-status", "2")
	p.data(1, false, "hello ")
	p.data(1, false, "world")
	p.head(1, true, "grpc-status", "14", "x-trailer", "t")
	whole := bytes.Clone(p.said.Bytes())
	for i := range whole { // byte by byte
		require.NoError(t, p.conn.feed(whole[i:i+1]))
	}
	require.NoError(t, p.err)
	require.Equal(t, 1, p.heard)
	require.Equal(t, 1, p.ended)
	require.Equal(t, answer{
		status: 503, size: 11, retry: true, degraded: true, rpc: rpcUnavailable, body: []byte("hello world"),
		header: Header{{"Retry-After", "3"}, {"X-Degraded", "cache"}, {"Set-Cookie", "a=b"}, {"Grpc-Status", "2"}},
	}, st.answer)
}

// What is kept of an answer is bounded, as with HTTP/1.1; what it was long is known.
func TestALongAnswerIsKeptInPart(t *testing.T) {
	p := settled(t)
	st := p.get()
	p.head(1, false, ":status", "200")
	piece := strings.Repeat("x", h2Frame)
	for range h2StreamWindow/h2Frame + 10 {
		p.data(1, false, piece)
		require.NoError(t, p.feed())
	}
	p.data(1, true, "")
	require.NoError(t, p.feed())
	require.Len(t, st.answer.body, maxKept)
	require.EqualValues(t, h2StreamWindow+10*h2Frame, st.answer.size)
	require.Equal(t, []string{"HEADERS 1 true true", fmt.Sprintf("WINDOW_UPDATE 1 %d", h2StreamWindow/2+h2Frame)}, p.frames()[:2])
}

func TestAServerThatSendsMoreThanItMayIsLeft(t *testing.T) {
	p := settled(t)
	p.get()
	p.head(1, false, ":status", "200")
	p.conn.streams[1].credit = 3
	p.data(1, true, "four")
	require.ErrorContains(t, p.feed(), "FLOW_CONTROL_ERROR")
	p = settled(t)
	p.get()
	p.conn.credit = 3
	p.data(1, true, "four")
	require.ErrorContains(t, p.feed(), "FLOW_CONTROL_ERROR")
}

// A body leaves as the windows allow it, in frames of the size that the server takes.
func TestABodyKeepsToTheWindows(t *testing.T) {
	post := &request{method: "POST"}
	raw := "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100)
	p := settled(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.open(raw, post)
	require.Equal(t, []string{"HEADERS 1 true false", "DATA 1 10 false"}, p.frames())
	require.NoError(t, p.WriteWindowUpdate(1, 5))
	require.NoError(t, p.feed())
	require.Equal(t, []string{"DATA 1 5 false"}, p.frames())
	require.NoError(t, p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	require.NoError(t, p.WriteWindowUpdate(1, 10))
	require.NoError(t, p.feed())
	require.Equal(t, []string{"SETTINGS 0 true"}, p.frames(), "the window is at 0 again")
	p.conn.window = 3
	require.NoError(t, p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000}))
	require.NoError(t, p.feed())
	require.Equal(t, []string{"SETTINGS 0 true", "DATA 1 3 false"}, p.frames())
	p.open(raw, post)
	require.Equal(t, []string{"HEADERS 3 true false"}, p.frames(), "both wait for the connection")
	require.NoError(t, p.WriteWindowUpdate(0, 1000))
	require.NoError(t, p.feed())
	require.Equal(t, []string{"DATA 1 82 true", "DATA 3 100 true"}, p.frames())
	require.EqualValues(t, 1000-182, p.conn.window)

	p = settled(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 15})
	p.conn.window = 1 << 20
	p.open("POST / HTTP/1.1\r\nHost: s\r\n\r\n"+strings.Repeat("x", 70_000), post)
	require.Equal(t, []string{"HEADERS 1 true false", "DATA 1 32768 false", "DATA 1 32768 false", "DATA 1 4464 true"}, p.frames())
}

// A body that is said by and by ends when its owner says so, and its bytes count when they have left.
func TestABodyThatIsSaidByAndBy(t *testing.T) {
	r := &request{method: "POST", rpc: rpcOK, stream: &stream{beats: []beat{{0, 5}, {0, 3}}}}
	raw := "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 8\r\n\r\nfirstand"
	p := settled(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3})
	st := p.open(raw, r)
	require.Equal(t, []string{"HEADERS 1 true false"}, p.frames())
	p.conn.say(st, 5)
	require.Equal(t, []string{"DATA 1 3 false"}, p.frames())
	require.EqualValues(t, 3, st.sent)
	require.NoError(t, p.WriteWindowUpdate(1, 3))
	require.NoError(t, p.feed())
	require.Equal(t, []string{"DATA 1 2 false"}, p.frames(), "the next is not due yet")
	p.conn.say(st, 3)
	p.conn.hush(st)
	require.Equal(t, []string{"DATA 1 1 false"}, p.frames())
	require.NoError(t, p.WriteWindowUpdate(1, 3))
	require.NoError(t, p.feed())
	require.Equal(t, []string{"DATA 1 2 true"}, p.frames())
	require.EqualValues(t, 8, st.sent)

	st = p.open(raw, r)
	p.conn.say(st, 3)
	p.conn.hush(st)
	require.Equal(t, []string{"HEADERS 3 true false", "DATA 3 3 false", "DATA 3 0 true"}, p.frames())

	p.open(raw, r)
	p.head(5, true, ":status", "200", "grpc-status", "8")
	require.NoError(t, p.feed())
	require.NoError(t, p.err)
	require.Equal(t, []string{"HEADERS 5 true false", "RST_STREAM 5 NO_ERROR"}, p.frames(), "the server did not wait for it")
}

// An answer that does not wait for the rest of the request ends it.
func TestAnAnswerBeforeTheEndOfTheRequest(t *testing.T) {
	p := settled(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.open("POST / HTTP/1.1\r\nHost: s\r\n\r\n"+strings.Repeat("x", 100), &request{method: "POST"})
	p.frames()
	p.head(1, true, ":status", "413")
	require.NoError(t, p.WriteRSTStream(1, http2.ErrCodeNo))
	require.NoError(t, p.WriteWindowUpdate(1, 1000))
	require.NoError(t, p.feed())
	require.NoError(t, p.err)
	require.Equal(t, 413, p.last.answer.status)
	require.Equal(t, []string{"RST_STREAM 1 NO_ERROR"}, p.frames())
}

func TestALongHeaderIsSentInPieces(t *testing.T) {
	p := settled(t)
	p.open("GET / HTTP/1.1\r\nHost: s\r\nCookie: "+strings.Repeat("x", 40_000)+"\r\n\r\n", &request{method: "GET"})
	require.Equal(t, []string{"HEADERS 1 false true", "CONTINUATION 1", "CONTINUATION 1"}, p.frames())

	p = settled(t, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 1000})
	err := p.conn.open(&h2stream{}, []byte("GET / HTTP/1.1\r\nHost: s\r\nCookie: "+strings.Repeat("x", 1000)+"\r\n\r\n"), &request{method: "GET"}, false)
	require.ErrorContains(t, err, "longer than the 1000 that the server takes")
	require.Empty(t, p.frames())
	p.get()
	require.Equal(t, []string{"HEADERS 1 true true"}, p.frames())
}

func TestStreamsAreBounded(t *testing.T) {
	p := newH2party(t)
	require.NoError(t, p.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2}))
	require.NoError(t, p.feed())
	p.get()
	require.True(t, p.conn.room())
	st := p.get()
	require.False(t, p.conn.room())
	p.conn.abandon(st)
	require.False(t, p.conn.room(), "the server may not know yet")
	require.Contains(t, p.frames(), "RST_STREAM 3 CANCEL")
	p.head(3, true, ":status", "200") // it comes too late, and nobody wonders
	require.NoError(t, p.feed())
	require.True(t, p.conn.room())
	require.Zero(t, p.ended)

	require.Equal(t, h2Streams, settled(t).conn.limit, "a server that sets no bound")
	full := settled(t)
	full.conn.next = h2MaxID - 1
	full.get()
	require.False(t, full.conn.room(), "ids come to an end")
}

// With what is given up goes the question whether the server is still there, as often as servers of gRPC put up with.
func TestAServerIsAskedWhetherItIsThere(t *testing.T) {
	ping := fmt.Sprintf("PING 0 false %q", make([]byte, h2Ping))
	p := settled(t)
	abandon := func() []string {
		st := p.get()
		p.frames()
		p.conn.abandon(st)
		return p.frames()
	}
	require.Equal(t, []string{"RST_STREAM 1 CANCEL", ping}, abandon())
	require.Equal(t, []string{"RST_STREAM 3 CANCEL"}, abandon(), "it was asked")
	require.Equal(t, 2, p.conn.owed)
	require.NoError(t, p.WritePing(true, [8]byte{}))
	require.NoError(t, p.feed())
	require.Zero(t, p.conn.owed)
	require.Equal(t, []string{"RST_STREAM 5 CANCEL"}, abandon(), "it has answered no request since")
	p.get()
	p.head(7, true, ":status", "200")
	require.NoError(t, p.feed())
	require.Equal(t, []string{"RST_STREAM 9 CANCEL", ping}, abandon())
}

// Bodies that wait for the server hold nothing once they are given up, however many they are.
func TestWhatIsGivenUpWaitsForNothing(t *testing.T) {
	p := settled(t, http2.Setting{ID: http2.SettingInitialWindowSize})
	for range 5000 {
		p.conn.abandon(p.open("POST / HTTP/1.1\r\nHost: s\r\n\r\nbody", &request{method: "POST"}))
	}
	require.LessOrEqual(t, p.conn.blocked.len(), 3)
	p.frames()
	last := p.open("POST / HTTP/1.1\r\nHost: s\r\n\r\nbody", &request{method: "POST"})
	p.conn.abandon(p.open("POST / HTTP/1.1\r\nHost: s\r\n\r\nbody", &request{method: "POST"}))
	p.frames()
	require.NoError(t, p.WriteWindowUpdate(last.id, 10))
	require.NoError(t, p.feed())
	require.Equal(t, []string{fmt.Sprintf("DATA %d 4 true", last.id)}, p.frames())
}

// Who asks without end, and reads no answer, is not answered without end, whatever else is sent meanwhile.
func TestAServerThatDoesNotReadIsLeft(t *testing.T) {
	p := settled(t)
	var err error
	for range h2Control / 100 {
		p.get()
		for range 100 {
			require.NoError(t, p.WritePing(false, [8]byte{}))
		}
		if err = p.feed(); err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "does not read")
}

// A server that goes says what it has looked at. What it has not can be sent elsewhere; the rest is still to be answered.
func TestAServerGoes(t *testing.T) {
	p := settled(t)
	p.get()
	p.get()
	p.get()
	require.NoError(t, p.WriteGoAway(h2WindowMax, http2.ErrCodeNo, nil)) // it will go soon
	require.NoError(t, p.feed())
	require.False(t, p.conn.room())
	require.Zero(t, p.ended)
	require.NoError(t, p.WriteGoAway(3, http2.ErrCodeNo, []byte(strings.Repeat("x", 1000))))
	require.NoError(t, p.feed())
	require.Equal(t, 1, p.ended)
	require.True(t, p.refused)
	require.EqualValues(t, 5, p.last.id)
	require.Less(t, len(p.err.Error()), 500)
	p.head(1, true, ":status", "200")
	require.NoError(t, p.feed())
	require.NoError(t, p.err)
	require.False(t, p.conn.spent())
	p.conn.close(p.conn.lost(io.EOF))
	require.ErrorContains(t, p.err, "GOAWAY")
	require.False(t, p.refused, "nobody knows what became of it")
	require.True(t, p.conn.spent())

	p = settled(t)
	p.get()
	require.NoError(t, p.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil))
	require.NoError(t, p.feed())
	require.False(t, p.refused, "the very first request, and the server is not content with it")

	p = settled(t)
	p.get()
	p.conn.close(p.conn.lost(io.EOF))
	require.ErrorIs(t, p.err, io.ErrUnexpectedEOF)
}

func TestAServerThatDoesNotGreetIsLeft(t *testing.T) {
	p := newH2party(t)
	p.get()
	p.head(1, true, ":status", "200")
	require.ErrorContains(t, p.feed(), "before its settings")
}

// A request and its answer allocate one frame, which is the framer's.
func TestARequestOverHTTP2IsCheap(t *testing.T) {
	p := settled(t)
	raw, r, st := []byte("GET /products/1 HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n\r\n"), &request{method: "GET"}, &h2stream{}
	block := p.block(":status", "200") // of the static table
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		id := p.conn.next
		_ = p.conn.open(st, raw, r, false)
		p.said.Reset()
		_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true})
		_ = p.WriteData(id, true, raw)
		_ = p.conn.feed(p.said.Bytes())
		p.conn.out = p.conn.out[:0]
	}), 1.0)
	require.NoError(t, p.err)
	require.Empty(t, p.conn.streams)
}

// Whatever a server sends, in whatever pieces: each stream ends once at most, memory and what is sent back are bounded, and
// the pieces do not matter.
func FuzzH2Conn(f *testing.F) {
	for _, seed := range []func(p *h2party){
		func(p *h2party) { p.head(1, true, ":status", "200") },
		func(p *h2party) {
			p.head(3, false, ":status", "200", "content-length", "3")
			p.data(3, true, "abc")
			p.head(1, false, ":status", "103")
			p.head(1, true, ":status", "404")
		},
		func(p *h2party) { _ = p.WriteGoAway(1, http2.ErrCodeNo, []byte("bye")) },
		func(p *h2party) { _ = p.WriteRSTStream(3, http2.ErrCodeRefusedStream) },
		func(p *h2party) { _ = p.WritePing(false, [8]byte{}); _ = p.WriteWindowUpdate(5, 100) },
		func(p *h2party) {
			_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 14})
		},
		func(p *h2party) {
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, BlockFragment: []byte{0x88}})
			_ = p.WriteContinuation(5, true, nil)
		},
	} {
		p := newH2party(f)
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 3})
		seed(p)
		f.Add(p.said.Bytes(), uint16(11))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		run := func(pieces ...[]byte) (*h2party, string) {
			p := newH2party(t)
			p.get()
			p.open("HEAD / HTTP/1.1\r\nHost: s\r\n\r\n", &request{method: "HEAD"})
			p.open("POST / HTTP/1.1\r\nHost: s\r\n\r\n"+strings.Repeat("x", 100_000), &request{method: "POST"})
			var err error
			for _, piece := range pieces {
				if err = p.conn.feed(piece); err != nil {
					break
				}
			}
			p.conn.close(p.conn.lost(io.EOF))
			require.Equal(t, 3, p.ended)
			require.LessOrEqual(t, len(p.conn.out), 110_000+len(data)*2)
			require.LessOrEqual(t, len(p.conn.partial), h2Head+h2Frame)
			return p, fmt.Sprint(err)
		}
		cut := min(int(at), len(data))
		whole, err := run(data)
		parts, errParts := run(data[:cut], data[cut:])
		require.Equal(t, err, errParts)
		require.Equal(t, whole.conn.out, parts.conn.out)
		require.Equal(t, whole.last.answer.size, parts.last.answer.size)
	})
}
