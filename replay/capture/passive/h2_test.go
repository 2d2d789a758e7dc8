package passive_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// pair writes both sides of a connection over HTTP/2. What it sends at once is one packet.
type pair struct {
	*tcptest.Talk
	out      bytes.Buffer
	f        *http2.Framer
	block    bytes.Buffer
	encoders [2]*hpack.Encoder
	server   bool // what follows is the server's
}

// newPair opens a connection and begins with the preface.
func newPair() *pair {
	p := &pair{Talk: say()}
	p.f = http2.NewFramer(&p.out, nil)
	p.f.AllowIllegalWrites = true
	for i := range p.encoders {
		p.encoders[i] = hpack.NewEncoder(&p.block)
	}
	p.out.WriteString(http2.ClientPreface)
	_ = p.f.WriteSettings()
	p.as(true)
	_ = p.f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 100})
	return p.as(false)
}

// flush sends what was written.
func (p *pair) flush() *pair {
	if p.out.Len() > 0 {
		p.Send(p.server, p.out.Bytes())
		p.out.Reset()
	}
	return p
}

// as says who writes from here on.
func (p *pair) as(server bool) *pair {
	p.flush()
	p.server = server
	return p
}

// fields encodes "name: value" lines.
func (p *pair) fields(lines ...string) []byte {
	e := p.encoders[0]
	if p.server {
		e = p.encoders[1]
	}
	p.block.Reset()
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "= ")
		_ = e.WriteField(hpack.HeaderField{Name: name, Value: value})
	}
	return bytes.Clone(p.block.Bytes())
}

func (p *pair) headers(stream uint32, end bool, lines ...string) *pair {
	_ = p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: p.fields(lines...), EndStream: end, EndHeaders: true})
	return p
}

// ask writes the head of a request.
func (p *pair) ask(stream uint32, end bool, method, path string, more ...string) *pair {
	return p.as(false).headers(stream, end, append([]string{":method= " + method, ":scheme= http", ":authority= shop", ":path= " + path}, more...)...)
}

// answer writes a response with a body.
func (p *pair) answer(stream uint32, body string) *pair {
	return p.as(true).headers(stream, body == "", ":status= 200", "server= test").say(stream, body != "", body)
}

// say writes a part of a body.
func (p *pair) say(stream uint32, end bool, body string) *pair {
	if body != "" || !end && body == "" {
		_ = p.f.WriteData(stream, end, []byte(body))
	}
	return p
}

// promise writes the promise of a response to a request of the lines, its head in frames of at most size bytes, each a packet.
func (p *pair) promise(stream, promised uint32, size int, lines ...string) *pair {
	block := p.as(true).fields(lines...)
	n := min(size, len(block))
	_ = p.f.WritePushPromise(http2.PushPromiseParam{StreamID: stream, PromiseID: promised, BlockFragment: block[:n], EndHeaders: n == len(block)})
	for block = block[n:]; len(block) > 0; block = block[n:] {
		n = min(size, len(block))
		_ = p.flush().f.WriteContinuation(stream, n == len(block), block[:n])
	}
	return p
}

func (p *pair) hangUp() []tcptest.Frame {
	p.flush()
	p.Close(true)
	p.Close(false)
	return p.Frames
}

func TestEveryFormOfHTTPTwoIsRead(t *testing.T) {
	long := strings.Repeat("l", 40_000)
	for _, c := range []struct {
		name     string
		talk     func(p *pair)
		want     []string
		lost     replay.Tally
		filtered replay.Tally
	}{
		{"a request and its response", func(p *pair) { p.ask(1, true, "GET", "/").answer(1, "ok") }, []string{"GET / -> 200 ok"}, nil, nil},
		{"headers that refer to earlier ones", func(p *pair) {
			p.ask(1, true, "GET", "/1", "x-key= value").answer(1, "a").ask(3, true, "GET", "/1", "x-key= value").answer(3, "b")
		}, []string{"GET /1 -> 200 a", "GET /1 -> 200 b"}, nil, nil},
		{"streams that overlap, answered the other way round", func(p *pair) {
			p.ask(1, false, "POST", "/1").ask(3, false, "POST", "/3").say(1, false, "a").say(3, true, "c").say(1, true, "b").answer(3, "three").answer(1, "one")
		}, []string{"POST /1 ab -> 200 one", "POST /3 c -> 200 three"}, nil, nil},
		{"padding of headers and bodies", func(p *pair) {
			_ = p.f.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 1, BlockFragment: p.fields(":method= POST", ":path= /"), EndHeaders: true, PadLength: 9,
				Priority: http2.PriorityParam{StreamDep: 7, Weight: 3},
			})
			_ = p.f.WriteDataPadded(1, false, []byte("ab"), make([]byte, 255))
			_ = p.f.WriteDataPadded(1, true, nil, []byte{0, 0, 0})
			p.answer(1, "ok")
		}, []string{"POST / ab -> 200 ok"}, nil, nil},
		{"a head in several frames, in the middle of a field", func(p *pair) {
			block := p.fields(":method= GET", ":path= /"+long)
			_ = p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:3], EndStream: true})
			_ = p.f.WriteContinuation(1, false, block[3:9])
			p.flush()
			_ = p.f.WriteContinuation(1, true, block[9:])
			p.answer(1, "ok")
		}, []string{"GET /" + long + " -> 200 ok"}, nil, nil},
		{"trailers on both sides, and interim responses", func(p *pair) {
			p.ask(1, false, "POST", "/").say(1, false, "a").headers(1, true, "digest= d")
			p.as(true).headers(1, false, ":status= 103", "link= l").headers(1, false, ":status= 200").say(1, false, "ok").headers(1, true, "t= u")
		}, []string{"POST / a -> 200 ok"}, nil, nil},
		{"a response without a body, and one of trailers alone", func(p *pair) {
			p.ask(1, true, "GET", "/").as(true).headers(1, true, ":status= 204")
		}, []string{"GET / -> 204"}, nil, nil},
		{"a request that its client resets before there is a response", func(p *pair) {
			p.ask(1, false, "POST", "/").say(1, false, "a")
			_ = p.f.WriteRSTStream(1, http2.ErrCodeCancel)
			p.as(true).headers(1, true, ":status= 200") // too late
			p.ask(3, true, "GET", "/3").answer(3, "ok")
		}, []string{"GET /3 -> 200 ok"}, replay.Tally{passive.LostBroken: 1}, nil},
		{"a response that its client has enough of", func(p *pair) {
			p.ask(1, true, "GET", "/").as(true).headers(1, false, ":status= 200").say(1, false, "a").as(false)
			_ = p.f.WriteRSTStream(1, http2.ErrCodeCancel)
		}, []string{"GET / -> 200 a (cut)"}, nil, nil},
		{"a response that its server breaks off", func(p *pair) {
			p.ask(1, true, "GET", "/").as(true).headers(1, false, ":status= 200").say(1, false, "a")
			_ = p.f.WriteRSTStream(1, http2.ErrCodeInternal)
		}, []string{"GET / -> 200 a (cut)"}, nil, nil},
		{"an answer before the body was sent", func(p *pair) {
			p.ask(1, false, "POST", "/", "content-length= 9").say(1, false, "abc").answer(1, "no")
			_ = p.f.WriteRSTStream(1, http2.ErrCodeNo)
		}, []string{"POST / abc -> 200 no"}, nil, nil},
		{"a stream that the server refuses", func(p *pair) {
			p.ask(1, true, "GET", "/1").ask(3, true, "GET", "/3").as(true)
			_ = p.f.WriteRSTStream(1, http2.ErrCodeRefusedStream)
			p.answer(3, "ok")
		}, []string{"GET /3 -> 200 ok"}, nil, replay.Tally{passive.RuleRefused: 1}},
		{"a server that goes, and what comes too late for it", func(p *pair) {
			p.ask(1, true, "GET", "/1").ask(3, true, "GET", "/3").as(true)
			_ = p.f.WriteGoAway(1, http2.ErrCodeNo, []byte("bye"))
			p.ask(5, true, "GET", "/5").answer(1, "ok")
		}, []string{"GET /1 -> 200 ok"}, nil, replay.Tally{passive.RuleRefused: 2}},
		{"a response that nobody asked for", func(p *pair) {
			p.ask(1, true, "GET", "/").promise(1, 2, 1000, ":method= GET", ":path= /style", "x= y")
			p.headers(2, false, ":status= 200", "x= y").say(2, true, "pushed").answer(1, "ok")
		}, []string{"GET / -> 200 ok"}, nil, replay.Tally{passive.RulePushed: 1}},
		{"a promise in many frames, whose headers later ones refer to", func(p *pair) {
			p.ask(1, true, "GET", "/").promise(1, 2, 3, ":method= GET", ":path= /style", "server= test", "x= "+long[:300])
			p.answer(1, "ok").headers(2, true, ":status= 200", "x= "+long[:300]).ask(3, true, "GET", "/3").answer(3, "three")
		}, []string{"GET / -> 200 ok", "GET /3 -> 200 three"}, nil, replay.Tally{passive.RulePushed: 1}},
		{"a promise with padding", func(p *pair) {
			p.ask(1, true, "GET", "/").as(true)
			_ = p.f.WritePushPromise(http2.PushPromiseParam{
				StreamID: 1, PromiseID: 2, BlockFragment: p.fields(":method= GET", ":path= /", "server= test"), EndHeaders: true, PadLength: 200,
			})
			p.answer(1, "ok").headers(2, true, ":status= 200")
		}, []string{"GET / -> 200 ok"}, nil, replay.Tally{passive.RulePushed: 1}},
		{"a promise on a stream that is closed, and the same one again", func(p *pair) {
			p.ask(1, true, "GET", "/1").answer(1, "ok").promise(1, 2, 7, ":method= GET", ":path= /", "server= test").promise(1, 2, 7, ":method= GET", ":path= /")
			p.headers(2, true, ":status= 200").ask(3, true, "GET", "/3").answer(3, "three")
		}, []string{"GET /1 -> 200 ok", "GET /3 -> 200 three"}, nil, replay.Tally{passive.RulePushed: 2}},
		{"a promise of a stream that only its client could begin", func(p *pair) {
			p.ask(1, true, "GET", "/1").promise(1, 3, 7, ":method= GET", ":path= /", "server= test")
			p.answer(1, "ok").ask(3, true, "GET", "/3").answer(3, "three")
		}, []string{"GET /1 -> 200 ok", "GET /3 -> 200 three"}, nil, replay.Tally{passive.RulePushed: 1}},
		{"a promise that its client does not want", func(p *pair) {
			p.ask(1, true, "GET", "/").promise(1, 2, 7, ":method= GET", ":path= /style").as(false)
			_ = p.f.WriteRSTStream(2, http2.ErrCodeRefusedStream)
			p.as(true).headers(2, false, ":status= 200").say(2, true, "late").answer(1, "ok")
		}, []string{"GET / -> 200 ok"}, nil, replay.Tally{passive.RulePushed: 1}},
		{"a promise that is never kept", func(p *pair) {
			p.ask(1, true, "GET", "/").promise(1, 2, 7, ":method= GET", ":path= /style").answer(1, "ok")
		}, []string{"GET / -> 200 ok"}, nil, replay.Tally{passive.RulePushed: 1}},
		{"a promise with a head that is too long", func(p *pair) {
			p.ask(1, true, "GET", "/").promise(1, 2, 1<<14, ":method= GET", ":path= /", "a= "+long, "b= "+long, "c= "+long, "d= "+long, "e= "+long, "f= "+long, "g= "+long, "server= test")
			p.answer(1, "ok").headers(2, true, ":status= 200", "server= test").ask(3, true, "GET", "/3").answer(3, "three")
		}, []string{"GET / -> 200 ok", "GET /3 -> 200 three"}, nil, replay.Tally{passive.RulePushed: 1}},
		{"a promise that other frames interrupt", func(p *pair) {
			p.ask(1, true, "GET", "/1").as(true)
			_ = p.f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: p.fields(":method= GET", ":path= /")})
			p.answer(1, "no").ask(3, true, "GET", "/3").as(true)
			p.encoders[1] = hpack.NewEncoder(&p.block)
			p.encoders[1].SetMaxDynamicTableSize(0)
			p.headers(3, true, ":status= 200")
		}, []string{"GET /1 -> nothing", "GET /3 -> 200"}, nil, nil},
		{"a client that promises", func(p *pair) {
			p.ask(1, true, "GET", "/1").answer(1, "ok").as(false)
			_ = p.f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: p.fields(":method= GET"), EndHeaders: true})
			p.ask(3, true, "GET", "/3")
		}, []string{"GET /1 -> 200 ok"}, replay.Tally{passive.LostTable: 1}, nil},
		{"a promise whose frames never end", func(p *pair) {
			p.ask(1, true, "GET", "/1").as(true)
			_ = p.f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: p.fields(":method= GET", "bomb= "+long[:4000])})
			indexed := bytes.Repeat([]byte{0x80 | 62}, 16<<10) // each byte is that field once more
			for range 50 {
				_ = p.f.WriteContinuation(1, false, indexed)
				_ = p.f.WriteContinuation(1, false, nil)
				p.flush()
			}
		}, []string{"GET /1 -> nothing"}, nil, nil},
		{"a request whose frames never end", func(p *pair) {
			p.ask(1, true, "GET", "/1").answer(1, "ok").as(false)
			_ = p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: p.fields(":method= GET", "bomb= "+long[:4000])})
			indexed := bytes.Repeat([]byte{0x80 | 62}, 16<<10)
			for range 50 {
				_ = p.f.WriteContinuation(3, false, indexed)
				p.flush()
			}
		}, []string{"GET /1 -> 200 ok"}, replay.Tally{replay.LostLimit: 1}, nil},
		{"a request whose client goes in the middle of its first frame", func(p *pair) {
			p.ask(1, true, "GET", "/1").answer(1, "ok").ask(3, true, "GET", "/3")
			p.out.Truncate(p.out.Len() - 3)
		}, []string{"GET /1 -> 200 ok"}, replay.Tally{passive.LostBroken: 1}, nil},
		{"a head that other frames interrupt, answered nevertheless", func(p *pair) {
			p.ask(1, true, "GET", "/1").answer(1, "ok").as(false)
			_ = p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: p.fields(":method= GET", ":path= /3")})
			_ = p.f.WritePing(false, [8]byte{})
			_ = p.f.WriteContinuation(3, true, p.fields("x= y"))
			p.answer(3, "three")
		}, []string{"GET /1 -> 200 ok"}, replay.Tally{replay.LostParse: 1}, nil},
		{"a request of a replay", func(p *pair) {
			p.ask(1, true, "GET", "/", "x-gameday-replay= run-1").answer(1, "ok").ask(3, true, "GET", "/3", "tracestate= a=b,gameday=run-1").answer(3, "ok")
		}, []string{}, nil, replay.Tally{capture.RuleReplayed: 2}},
		{"a tunnel", func(p *pair) {
			p.headers(1, false, ":method= CONNECT", ":authority= db:1").as(true).headers(1, false, ":status= 200").say(1, false, "secret")
			p.ask(3, true, "GET", "/3").answer(3, "ok")
		}, []string{"GET /3 -> 200 ok"}, nil, replay.Tally{passive.RuleTunnel: 1}},
		{"a request that is none", func(p *pair) {
			p.headers(1, true, ":method= GET").answer(1, "no").ask(3, true, "GET", "/3").answer(3, "ok")
		}, []string{"GET /3 -> 200 ok"}, replay.Tally{replay.LostParse: 1}, nil},
		{"a request that says what there is not to say", func(p *pair) {
			p.ask(1, true, "GET", "/1", ":colour= red").answer(1, "no").ask(3, true, "GET", "/3").answer(3, "ok")
		}, []string{"GET /3 -> 200 ok"}, replay.Tally{replay.LostParse: 1}, nil},
		{"a head that is too long", func(p *pair) {
			p.ask(1, true, "GET", "/1", "a= "+long, "b= "+long, "c= "+long, "d= "+long, "e= "+long, "f= "+long, "g= "+long).answer(1, "no")
			p.ask(3, true, "GET", "/3").answer(3, "ok")
		}, []string{"GET /3 -> 200 ok"}, replay.Tally{replay.LostLimit: 1}, nil},
		{"a response that never comes", func(p *pair) { p.ask(1, true, "GET", "/") }, []string{"GET / -> nothing"}, nil, nil},
		{"requests after the last of the server", func(p *pair) {
			p.ask(1, true, "GET", "/1").answer(1, "ok").flush().Close(true)
			p.ask(3, true, "GET", "/3").ask(5, false, "POST", "/5").say(5, true, "a")
		}, []string{"GET /1 -> 200 ok", "GET /3 -> nothing", "POST /5 a -> nothing"}, nil, nil},
		{"and one that is not whole", func(p *pair) {
			p.flush().Close(true)
			p.ask(1, false, "POST", "/1").say(1, false, "a")
		}, []string{}, replay.Tally{passive.LostBroken: 1}, nil},
		{"a client that goes in the middle of a request", func(p *pair) { p.ask(1, false, "POST", "/").say(1, false, "a") }, []string{}, replay.Tally{passive.LostBroken: 1}, nil},
		{"frames of kinds that nobody knows, pings and windows", func(p *pair) {
			_ = p.f.WriteRawFrame(0xfa, 0xff, 77, []byte("grease"))
			_ = p.f.WritePing(false, [8]byte{1})
			_ = p.f.WriteWindowUpdate(0, 0)
			p.ask(1, true, "GET", "/").answer(1, "ok")
		}, []string{"GET / -> 200 ok"}, nil, nil},
		{"a server that speaks first", func(p *pair) {
			p.Talk = say()
			p.out.Reset()
			p.as(true)
			_ = p.f.WriteSettings()
			p.as(false).out.WriteString(http2.ClientPreface)
			p.ask(1, true, "GET", "/").answer(1, "ok")
		}, []string{"GET / -> 200 ok"}, nil, nil},
		{"what is no HTTP/2 any more, up to frames again", func(p *pair) {
			p.ask(1, true, "GET", "/1").answer(1, "ok").as(false)
			_ = p.f.WriteContinuation(9, true, []byte("from nowhere"))
			p.ask(3, true, "GET", "/1").answer(3, "ok").as(false)
			p.f = http2.NewFramer(&p.out, nil)
			p.encoders[0] = hpack.NewEncoder(&p.block)
			p.encoders[0].SetMaxDynamicTableSize(0)
			p.ask(5, true, "GET", "/5").answer(5, "fresh")
		}, []string{"GET /1 -> 200 ok", "GET /5 -> 200 fresh"}, replay.Tally{passive.LostTable: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair()
			c.talk(p)
			frames := p.hangUp()
			s, counts := captured(t, frames, 8080)
			require.Equal(t, c.want, briefs(s))
			require.Equal(t, c.lost, counts.Lost)
			require.Equal(t, c.filtered, counts.Filtered)
			require.Empty(t, s.gaps[len(counts.Lost):])
			requireAccounted(t, frames, counts)
		})
	}
}

func TestHeadersOfHTTPTwoAreThoseOfTheWire(t *testing.T) {
	p := newPair()
	p.ask(1, false, "POST", "/a?b=c", "cookie= sid=ada", "x-one= 1", "cookie= lang=en", "content-length= 3").say(1, false, "abc").headers(1, true, "digest= d")
	p.as(true).headers(1, false, ":status= 201", "server= s").say(1, false, "ok").headers(1, true, "t= u")
	s, _ := captured(t, p.hangUp(), 8080)
	require.Len(t, s.exchanges, 1)
	x := s.exchanges[0]
	require.Equal(t, "HTTP/2.0", x.Proto)
	require.Equal(t, "shop", x.Host)
	require.Equal(t, "/a?b=c", x.Target)
	require.Equal(t, "ada", x.Session)
	require.Equal(t, replay.Header{{Name: "cookie", Value: "sid=ada; lang=en"}, {Name: "x-one", Value: "1"}, {Name: "content-length", Value: "3"}}, x.Header)
	require.Equal(t, replay.Header{{Name: "digest", Value: "d"}}, x.Trailer)
	require.Equal(t, replay.Header{{Name: "server", Value: "s"}}, x.Response.Header)
	require.Equal(t, replay.Header{{Name: "t", Value: "u"}}, x.Response.Trailer)
	require.Equal(t, 201, x.Response.Status)
	require.EqualValues(t, 3, x.Size)
	require.Positive(t, x.Response.FirstByte)
	require.GreaterOrEqual(t, x.Response.Duration, x.Response.FirstByte)
}

func TestMessagesOfGRPCOverHTTPTwoAreTimed(t *testing.T) {
	p := newPair()
	message := func(text string) string { return string([]byte{0, 0, 0, 0, byte(len(text))}) + text }
	p.ask(1, false, "POST", "/shop.Cart/Watch", "content-type= application/grpc", "te= trailers").say(1, false, message("one")+message("tw")[:3])
	p.as(true).headers(1, false, ":status= 200", "content-type= application/grpc").say(1, false, message("1"))
	p.as(false).say(1, true, message("tw")[3:])
	p.as(true).say(1, false, message("22")).headers(1, true, "grpc-status= 0")
	s, _ := captured(t, p.hangUp(), 8080)
	require.Len(t, s.exchanges, 1)
	x := s.exchanges[0]
	var got []string
	for i, b := range x.Beats {
		got = append(got, fmt.Sprint(b.FromServer, b.Size))
		require.True(t, i == 0 || b.At > x.Beats[i-1].At)
	}
	require.Equal(t, []string{"false 8", "true 6", "false 7", "true 7"}, got)
	require.Equal(t, message("one")+message("tw"), string(x.Body))
	require.Equal(t, message("1")+message("22"), string(x.Response.Body))
	require.Equal(t, "0", x.Response.Trailer.Get("Grpc-Status"))
}

func TestAnUpgradeGoesOverToHTTPTwo(t *testing.T) {
	p := newPair()
	p.Talk, p.server = say(
		"> POST /1 HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 1\r\n\r\nx",
		"< HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	), true
	p.out.Reset()
	_ = p.f.WriteSettings()
	p.answer(1, "first").as(false)
	p.out.WriteString(http2.ClientPreface)
	_ = p.f.WriteSettings()
	p.ask(3, true, "GET", "/3").answer(3, "second")
	s, counts := captured(t, p.hangUp(), 8080)
	require.Equal(t, []string{"POST /1 x -> 200 first", "GET /3 -> 200 second"}, briefs(s))
	require.Equal(t, replay.Header{{Name: "Content-Length", Value: "1"}}, s.exchanges[0].Header, "nothing of it asks for an upgrade")
	require.Equal(t, "HTTP/2.0", s.exchanges[0].Proto)
	require.Empty(t, counts.Lost)
}

// TestWhatRefersToUnseenHeadersIsLost picks connections up in the middle.
func TestWhatRefersToUnseenHeadersIsLost(t *testing.T) {
	for _, c := range []struct {
		name     string
		table    uint32 // bytes of the tables
		from     int    // request that is the first to be captured
		want     []string
		lost     replay.Tally
		filtered replay.Tally
	}{
		{"as long as they do", 4096, 2, []string{}, replay.Tally{passive.LostTable: 3}, nil},
		{"and what does not is recorded", 0, 2, []string{"GET /2 -> 200 2", "GET /3 -> 200 3", "GET /4 -> 200 4"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair()
			for i := range p.encoders {
				p.encoders[i].SetMaxDynamicTableSize(c.table)
			}
			var from int
			for i := range 5 {
				if i == c.from {
					p.flush()
					from = len(p.Frames)
				}
				p.ask(uint32(2*i+1), true, "GET", fmt.Sprint("/", i), "x-key= value").answer(uint32(2*i+1), fmt.Sprint(i))
			}
			frames := p.hangUp()[from:]
			s, counts := captured(t, frames, 8080)
			require.Equal(t, c.want, briefs(s))
			require.Equal(t, c.lost, counts.Lost)
			require.Equal(t, c.filtered, counts.Filtered)
			requireAccounted(t, frames, counts)
		})
	}
}

func TestAResponseToARequestBeforeTheCaptureIsLeftOut(t *testing.T) {
	p := newPair()
	p.ask(1, true, "GET", "/1").flush()
	from := len(p.Frames)
	p.answer(1, "late")
	s, counts := captured(t, p.hangUp()[from:], 8080)
	require.Empty(t, s.exchanges)
	require.Equal(t, replay.Tally{passive.RuleBefore: 1}, counts.Filtered)
	require.Empty(t, counts.Lost)
}

func TestAResponseToARequestInAGapIsCountedWhenTheConnectionIsFull(t *testing.T) {
	p := newPair()
	p.encoders[0].SetMaxDynamicTableSize(0)
	p.flush()
	gap := len(p.Frames)
	p.ask(1, true, "GET", "/1").flush()
	for i := range uint32(4096) {
		p.ask(3+2*i, true, "GET", "/").flush()
	}
	p.as(true).headers(1, false, ":status= 103").headers(1, false, ":status= 200").headers(1, true, "t= u")
	s, counts := captured(t, slices.Delete(p.hangUp(), gap, gap+1), 8080)
	require.Len(t, s.exchanges, 4096)
	require.Equal(t, replay.Tally{replay.LostGap: 1}, counts.Lost)
	require.Empty(t, counts.Filtered)
}

func TestAGapInABodyCostsItsStreamAlone(t *testing.T) {
	for _, c := range []struct {
		name   string
		server bool
		want   []string
		lost   replay.Tally
	}{
		{"a request", false, []string{"GET /3 -> 200 ok"}, replay.Tally{replay.LostGap: 1}},
		{"a response", true, []string{"POST /1 " + strings.Repeat("a", 100) + strings.Repeat("m", 100) + strings.Repeat("z", 100) + " -> 200 " + strings.Repeat("a", 100), "GET /3 -> 200 ok"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair()
			body := strings.Repeat("a", 100) + strings.Repeat("m", 100) + strings.Repeat("z", 100)
			cut := func(end bool) { // one frame in three packets
				var frame bytes.Buffer
				_ = http2.NewFramer(&frame, nil).WriteData(1, end, []byte(body))
				for _, part := range [][]byte{frame.Bytes()[:109], frame.Bytes()[109:209], frame.Bytes()[209:]} {
					p.flush().out.Write(part)
				}
			}
			p.ask(1, false, "POST", "/1")
			cut(true)
			p.as(true).headers(1, false, ":status= 200")
			cut(true)
			p.ask(3, true, "GET", "/3").answer(3, "ok")
			frames := slices.DeleteFunc(p.hangUp(), func(f tcptest.Frame) bool {
				return f.ToClient == c.server && bytes.HasSuffix(f.Data, bytes.Repeat([]byte("m"), 100))
			})
			s, counts := captured(t, frames, 8080)
			require.Equal(t, c.want, briefs(s))
			require.Equal(t, c.lost, counts.Lost)
			if c.server {
				require.True(t, s.exchanges[0].Response.Truncated())
			}
			require.EqualValues(t, "packet not captured", s.gaps[0].Cause)
			requireAccounted(t, frames, counts)
		})
	}
}

// mall is a random conversation over HTTP/2: streams come and go, and overlap.
func mall(r *rand.Rand, table uint32) (*tcptest.Talk, map[string]*sentExchange) {
	p := newPair()
	p.Rand, p.MSS = r, 20+r.IntN(2000)
	for i := range p.encoders {
		p.encoders[i].SetMaxDynamicTableSizeLimit(table)
		p.encoders[i].SetMaxDynamicTableSize(table)
	}
	all := make(map[string]*sentExchange)
	var asking, waiting []uint32
	bodies := make(map[uint32]string)
	pick := func(ids *[]uint32) uint32 {
		i := r.IntN(len(*ids))
		id := (*ids)[i]
		*ids = slices.Delete(*ids, i, i+1)
		return id
	}
	part := func(server bool, id uint32, rest string) string {
		p.as(server)
		n := min(len(rest), 1+r.IntN(900))
		if last := n == len(rest); r.IntN(4) == 0 {
			_ = p.f.WriteDataPadded(id, last, []byte(rest[:n]), make([]byte, r.IntN(30)))
		} else {
			_ = p.f.WriteData(id, last, []byte(rest[:n]))
		}
		return rest[n:]
	}
	for next := uint32(1); next < 40 || len(asking) > 0 || len(waiting) > 0; {
		switch {
		case next < 40 && r.IntN(3) == 0:
			target := fmt.Sprint("/", next)
			all[target] = &sentExchange{request: text(r, 1+r.IntN(3000)), response: text(r, 1+r.IntN(3000))}
			p.ask(next, false, "POST", target, fmt.Sprint("x-shared= ", next%7), "x-own= "+target)
			bodies[next] = all[target].request
			asking, next = append(asking, next), next+2
		case len(asking) > 0 && r.IntN(2) == 0:
			id := pick(&asking)
			if bodies[id] = part(false, id, bodies[id]); bodies[id] != "" {
				asking = append(asking, id)
				continue
			}
			target := fmt.Sprint("/", id)
			p.as(true).headers(id, false, ":status= 200", "x-id= "+target, fmt.Sprint("x-shared= ", id%5))
			bodies[id] = all[target].response
			waiting = append(waiting, id)
		case len(waiting) > 0:
			id := pick(&waiting)
			if bodies[id] = part(true, id, bodies[id]); bodies[id] != "" {
				waiting = append(waiting, id)
			}
		}
	}
	p.hangUp()
	return p.Talk, all
}

func TestNothingOfHTTPTwoIsLostWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 6))
		talk, sent := mall(r, 4096)
		frames := tcptest.Shuffle(r, talk.Frames, 3, r.IntN(12))
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s, counts := captured(t, frames, 8080)
			require.Len(t, s.exchanges, len(sent))
			for _, x := range s.exchanges {
				requireTrue(t, x, sent[x.Target])
				require.False(t, x.Response == nil || x.Truncated() || x.Response.Truncated() || x.Response.Cut)
			}
			require.Empty(t, s.gaps)
			requireAccounted(t, frames, counts)
		})
	}
}

func TestLossMakesNoUntruthOfHTTPTwo(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 7))
		talk, sent := mall(r, []uint32{0, 4096}[seed%2])
		var frames []tcptest.Frame
		for i, f := range tcptest.Shuffle(r, talk.Frames, 3, r.IntN(4)) {
			if i <= 3 || f.Payload == 0 || r.IntN(60) > 0 {
				frames = append(frames, f)
			}
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s, counts := captured(t, frames, 8080)
			requireAccounted(t, frames, counts)
			found := make(map[string]bool)
			for _, x := range s.exchanges {
				requireTrue(t, x, sent[x.Target])
				require.False(t, found[x.Target], "%s is recorded once", x.Target)
				found[x.Target] = true
			}
			require.LessOrEqual(t, int(counts.Captured+counts.Lost.Total()), len(sent))
			if len(s.exchanges) < len(sent) {
				require.NotEmpty(t, s.gaps)
			}
		})
	}
}

// FuzzHTTP2: whatever two ends say to each other, each byte has a fate, and nothing is held in the end.
func FuzzHTTP2(f *testing.F) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 8))
		talk, _ := mall(r, 4096)
		f.Add(talk.Sent(false)[len(http2.ClientPreface):], talk.Sent(true), uint8(0))
	}
	f.Add([]byte("\x00\x00\x04\x01\x25\x00\x00\x00\x01\x82\x84\x86\x41"), []byte("\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88"), uint8(3))
	f.Fuzz(func(t *testing.T, client, server []byte, how uint8) {
		talk := say()
		if how&1 == 0 {
			talk.Send(false, []byte(http2.ClientPreface))
		}
		talk.MSS = 1 + int(how>>3)*40
		n, m := len(client)/2, len(server)/2
		talk.Send(false, client[:n])
		talk.Send(true, server[:m])
		talk.Send(false, client[n:])
		talk.Send(true, server[m:])
		frames := talk.Frames
		if how&2 != 0 {
			frames = frames[3:] // picked up
		}
		if how&4 != 0 && len(frames) > 8 {
			frames = slices.Delete(slices.Clone(frames), len(frames)/2, len(frames)/2+1)
		}
		s := new(shelf)
		watch := passive.New(&packets{frames: frames}, s, passive.Options{Ports: []uint16{8080}, Options: capture.Options{Start: monday, Wait: true}})
		require.NoError(t, watch.Run(context.Background()))
		requireAccounted(t, frames, watch.Counts())
		require.Zero(t, watch.Status().Held)
	})
}
