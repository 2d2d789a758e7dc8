package replay

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	gameday "github.com/gameday-dev/gameday"
)

// playOver is play, by the trunk or by a courier.
func playOver(t testing.TB, c Config, courier bool) (gameday.Traffic, gameday.Slice) {
	t.Helper()
	c.Traffic.MaxLate = gameday.Duration(time.Minute)
	p, err := New(c)
	require.NoError(t, err)
	p.engine.noFrames.Store(courier)
	traffic, err := p.Run(t.Context(), time.Now().Add(20*time.Millisecond), nil)
	require.NoError(t, err)
	checkBooks(t, traffic)
	total, _, _ := sum(traffic.Slices, "")
	total.Failures = map[string]int64{}
	for _, s := range traffic.Slices {
		total.BytesIn += s.BytesIn
		for cause, n := range s.Failures {
			total.Failures[cause] += n
		}
	}
	return traffic, total
}

// An h2peer is one connection of a server that a test plays on a real socket.
type h2peer struct {
	*http2.Framer
	net.Conn
	fields bytes.Buffer
	encode *hpack.Encoder
	body   int64 // bytes received in DATA frames
}

// next returns the next frame that is of interest, and does what every server does with the others.
func (p *h2peer) next() (http2.Frame, error) {
	for {
		frame, err := p.ReadFrame()
		if err != nil {
			return nil, err
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = p.WriteSettingsAck()
			}
			continue
		case *http2.WindowUpdateFrame:
			continue
		case *http2.PingFrame:
			_ = p.WritePing(true, f.Data)
			continue
		case *http2.DataFrame:
			p.body += int64(len(f.Data()))
		}
		return frame, nil
	}
}

// request returns the next request, without its body.
func (p *h2peer) request() (id uint32, path string, err error) {
	for {
		frame, err := p.next()
		if err != nil {
			return 0, "", err
		}
		if f, ok := frame.(*http2.MetaHeadersFrame); ok {
			return f.StreamID, f.PseudoValue("path"), nil
		}
	}
}

// answer sends a header alone.
func (p *h2peer) answer(id uint32, status int) {
	p.fields.Reset()
	_ = p.encode.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)})
	_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.fields.Bytes(), EndHeaders: true, EndStream: true})
}

// serveAll answers everything until the client goes.
func (p *h2peer) serveAll() {
	for {
		id, _, err := p.request()
		if err != nil {
			return
		}
		p.answer(id, 200)
	}
}

// peers runs a server that treats its n-th connection, from 1 on, as handle says. It has read the preface before, and closes
// afterwards.
func peers(t *testing.T, settings []http2.Setting, handle func(n int, p *h2peer)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				preface := make([]byte, len(http2.ClientPreface))
				if _, err := io.ReadFull(c, preface); err != nil {
					return
				}
				p := &h2peer{Framer: http2.NewFramer(c, c), Conn: c}
				p.encode = hpack.NewEncoder(&p.fields)
				p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
				p.AllowIllegalWrites = true
				_ = p.WriteSettings(settings...)
				handle(n, p)
				_ = c.(*net.TCPConn).CloseWrite() // closed at once, it would look like a reset
				_, _ = io.Copy(io.Discard, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// posts is n requests at once, of sessions of their own.
func posts(n int, method string, body string) (xs []*Exchange) {
	for i := range n {
		x := get(fmt.Sprintf("s%d", i), time.Duration(i)*time.Microsecond, fmt.Sprintf("/%d", i))
		x.Method, x.Body, x.Size = method, []byte(body), int64(len(body))
		xs = append(xs, x)
	}
	return xs
}

// Whatever a server does with a connection, each request has one outcome with its cause, and nothing is sent twice but what
// the server says it has not looked at.
func TestServersThatBreakOff(t *testing.T) {
	for _, tt := range []struct {
		name    string
		method  string
		n       int
		handle  func(n int, p *h2peer)
		ok      int64
		failed  map[string]int64 // by cause
		resent  int64
		servers int // connections; 0 when that depends on who is faster
	}{
		{"what a server that goes has not looked at is sent over another connection", "POST", 3, func(n int, p *h2peer) {
			if n > 1 {
				p.serveAll()
				return
			}
			for range 3 {
				_, _, _ = p.request()
			}
			_ = p.WriteGoAway(1, http2.ErrCodeNo, nil)
			p.answer(1, 200)
			_, _, _ = p.request() // until the client closes
		}, 3, nil, 2, 2},
		{"but not more than once", "GET", 2, func(n int, p *h2peer) {
			for range 2 {
				_, _, _ = p.request()
			}
			_ = p.WriteGoAway(0, http2.ErrCodeNo, nil)
			_, _, _ = p.request()
		}, 0, map[string]int64{failedTurned: 2}, 2, 2},
		{"what it has looked at is lost with its connection", "GET", 2, func(n int, p *h2peer) {
			for range 2 {
				_, _, _ = p.request()
			}
			_ = p.WriteGoAway(3, http2.ErrCodeNo, nil)
		}, 0, map[string]int64{failedGone: 2}, 0, 1},
		{"a refused stream is sent again", "POST", 2, func(n int, p *h2peer) {
			id, _, _ := p.request()
			_ = p.WriteRSTStream(id, http2.ErrCodeRefusedStream)
			p.serveAll()
		}, 2, nil, 1, 1},
		{"one that is broken off is not", "GET", 2, func(n int, p *h2peer) {
			id, _, _ := p.request()
			_ = p.WriteRSTStream(id, http2.ErrCodeInternal)
			p.serveAll()
		}, 1, map[string]int64{failedStream: 1}, 0, 1},
		{"a connection that ends with half a frame", "GET", 2, func(n int, p *h2peer) {
			for range 2 {
				_, _, _ = p.request()
			}
			p.answer(1, 200)
			_, _ = p.Write([]byte{0, 0, 100, 1, 4, 0, 0, 0, 3, 0x88})
		}, 1, map[string]int64{failedClosed: 1}, 0, 1},
		{"a server that speaks something else", "GET", 2, func(n int, p *h2peer) {
			_, _ = io.WriteString(p.Conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _, _ = p.request()
		}, 0, map[string]int64{failedProtocol: 2}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var conns atomic.Int64
			url := peers(t, nil, func(n int, p *h2peer) {
				conns.Add(1)
				tt.handle(n, p)
			})
			traffic, total := playOver(t, Config{
				Open: opener(posts(tt.n, tt.method, "")...), Targets: []string{url}, HTTP2: true,
				Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(20 * time.Second)},
			}, false)
			require.Equal(t, tt.ok, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
			if tt.failed == nil {
				tt.failed = map[string]int64{}
			}
			require.Equal(t, tt.failed, total.Failures, "%+v", traffic.Worst)
			if tt.servers > 0 {
				require.EqualValues(t, int64(tt.n)+tt.resent, traffic.Fidelity.Senders[byFrames])
				require.EqualValues(t, tt.servers, conns.Load())
			}
		})
	}
}

// Requests share connections, as many at a time as the server says. The others find another connection, or wait.
func TestRequestsShareWhatTheServerAllows(t *testing.T) {
	const streams, conns, all = 2, 3, 30
	var mu sync.Mutex
	var open, most, opened int
	url := peers(t, []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: streams}}, func(_ int, p *h2peer) {
		var writing sync.Mutex
		var busy atomic.Int64
		var answers sync.WaitGroup
		defer answers.Wait()
		mu.Lock()
		opened++
		mu.Unlock()
		for {
			id, _, err := p.request()
			if err != nil {
				return
			}
			n := int(busy.Add(1))
			mu.Lock()
			open++
			most = max(most, n)
			mu.Unlock()
			answers.Go(func() {
				time.Sleep(5 * time.Millisecond)
				mu.Lock()
				open--
				mu.Unlock()
				busy.Add(-1)
				writing.Lock()
				defer writing.Unlock()
				p.answer(id, 200)
			})
		}
	})
	// the first comes alone: it learns how many are allowed
	xs := append([]*Exchange{get("first", 0, "/")}, posts(all, "GET", "")...)
	for _, x := range xs[1:] {
		x.At += 2 * time.Second
	}
	traffic, total := playOver(t, Config{Open: opener(xs...), Targets: []string{url}, HTTP2: true, MaxConns: conns, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Minute)}}, false)
	require.EqualValues(t, all+1, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	mu.Lock()
	defer mu.Unlock()
	require.LessOrEqual(t, most, streams)
	require.LessOrEqual(t, int64(opened), traffic.Fidelity.Connections, "the run may end before the server has seen all of them")
	require.LessOrEqual(t, traffic.Fidelity.Connections, int64(conns))
}

// There is a connection for each target.
func TestEachTargetHasItsShareOverHTTP2(t *testing.T) {
	var a, b atomic.Int64
	first := clearText(t, true, func(http.ResponseWriter, *http.Request) { a.Add(1) })
	second := clearText(t, true, func(http.ResponseWriter, *http.Request) { b.Add(1) })
	traffic, total := playOver(t, Config{Open: opener(every(400, 200, 10)...), Targets: []string{first, second}, HTTP2: true, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Minute)}}, false)
	require.EqualValues(t, 400, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 400, a.Load()+b.Load())
	require.Positive(t, a.Load())
	require.Positive(t, b.Load())
}

// Who gives an answer up says so, and the connection goes on.
func TestAnAnswerThatDoesNotComeIsGivenUp(t *testing.T) {
	t.Parallel()
	var reset atomic.Int64
	url := peers(t, nil, func(_ int, p *h2peer) {
		for {
			frame, err := p.next()
			if err != nil {
				return
			}
			switch f := frame.(type) {
			case *http2.MetaHeadersFrame:
				if f.PseudoValue("path") != "/never" {
					p.answer(f.StreamID, 200)
				}
			case *http2.RSTStreamFrame:
				if f.ErrCode == http2.ErrCodeCancel {
					reset.Add(1)
				}
			}
		}
	})
	traffic, total := playOver(t, Config{
		Open: opener(get("a", 0, "/never"), get("b", 10*time.Millisecond, "/at-once"), get("c", 13*time.Second, "/later")), Targets: []string{url}, HTTP2: true,
		Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(12 * time.Second)},
	}, false)
	require.EqualValues(t, 2, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 1, total.Classes[gameday.ClassTimeout])
	require.EqualValues(t, 1, reset.Load())
	require.EqualValues(t, 1, traffic.Fidelity.Connections)
}

// A request that the server would not take is not sent, and has nothing of the answer before it.
func TestARequestThatIsTooLongForTheServer(t *testing.T) {
	t.Parallel()
	url := peers(t, []http2.Setting{{ID: http2.SettingMaxHeaderListSize, Val: 2000}}, func(_ int, p *h2peer) {
		for {
			id, _, err := p.request()
			if err != nil {
				return
			}
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x88}, EndHeaders: true})
			_ = p.WriteData(id, true, make([]byte, 1000))
		}
	})
	short, long := get("s", 0, "/"), get("s", time.Millisecond, "/")
	long.Header = Header{{"X-Long", strings.Repeat("l", 5000)}}
	traffic, total := playOver(t, Config{Open: opener(short, long), Targets: []string{url}, HTTP2: true, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Minute)}}, false)
	require.EqualValues(t, 1, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 1, total.Classes[gameday.ClassError], "%+v", traffic.Worst)
	require.EqualValues(t, 1000, total.BytesIn)
	require.EqualValues(t, 1, traffic.Fidelity.Senders[byFrames])
}

// What was never sent is not sent again.
func TestAFailedDialIsNoResend(t *testing.T) {
	p, err := New(Config{Open: opener(), Targets: []string{"http://127.0.0.1:1"}, HTTP2: true})
	require.NoError(t, err)
	s, err := newShard(p.engine)
	require.NoError(t, err)
	defer s.poller.close()
	x := &shot{req: &request{method: "GET", resendable: true}}
	slot, own := s.pools[poolCarried].add(), s.pools[poolFast].add()
	slot.uses, own.uses = 2, 2
	require.False(t, s.mayResend(slot, x, outcome{err: io.EOF, dead: true}))
	require.True(t, s.mayResend(slot, x, outcome{err: io.EOF, dead: true, refused: true}))
	require.True(t, s.mayResend(own, x, outcome{err: io.EOF, dead: true}))
}

// A link whose server is gone without a word takes no more requests, and what is left on it ends.
func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	var conns atomic.Int64
	url := peers(t, nil, func(n int, p *h2peer) {
		if conns.Add(1); n > 1 {
			p.serveAll()
			return
		}
		for { // as a machine that is lost, but for the network around it
			if _, err := p.ReadFrame(); err != nil {
				return
			}
		}
	})
	traffic, total := playOver(t, Config{
		Open: opener(get("a", 0, "/"), get("b", 12*time.Second, "/")), Targets: []string{url}, HTTP2: true,
		Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(5 * time.Second)},
	}, false)
	require.EqualValues(t, 1, total.Classes[gameday.ClassTimeout], "%+v", traffic.Worst)
	require.EqualValues(t, 1, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 2, conns.Load())
}

// What outlasts the timeout of others, as streams do, ends with the link.
func TestASilentLinkLapses(t *testing.T) {
	p, err := New(Config{Open: opener(), Targets: []string{"http://127.0.0.1:1"}, HTTP2: true})
	require.NoError(t, err)
	s, err := newShard(p.engine)
	require.NoError(t, err)
	defer s.poller.close()
	link := s.pools[poolLinks].add()
	link.h2, link.ready = newH2conn(s), true
	require.NoError(t, link.h2.feed([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}))
	s.trunk.links = append(s.trunk.links, link)
	st := &h2stream{slot: s.pools[poolCarried].add(), link: link}
	require.NoError(t, link.h2.open(st, []byte("GET / HTTP/1.1\r\nHost: s\r\n\r\n"), &request{method: "GET"}, false))
	require.Zero(t, s.trunk.link())
	link.out = make([]byte, linkWaiting)
	require.Negative(t, s.trunk.link(), "its server does not read")
	link.out = nil
	s.takeBack(st)
	require.Positive(t, link.hand.slot)
	s.lapse(link)
	require.Negative(t, s.trunk.link(), "it takes no more requests")
	require.False(t, link.h2.silent)
	s.lapse(link)
	require.True(t, link.h2.silent)
	link.out = []byte("not taken yet")
	s.pour(link)
	require.True(t, link.gone)
	require.Zero(t, link.hand.slot)
}

// A server may open its windows as slowly as it likes.
func TestABodyGoesAsTheServerLetsIt(t *testing.T) {
	const size = 100_000
	url := peers(t, []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 0}}, func(_ int, p *h2peer) {
		if id, _, err := p.request(); err == nil {
			p.answer(id, 200) // now the client knows the settings
		}
		id, _, err := p.request()
		if err != nil {
			return
		}
		for granted := int64(0); p.body < size; {
			if p.body > granted {
				return // which is an error at the other side
			}
			granted += 7000
			_ = p.WriteWindowUpdate(id, 7000)
			_ = p.WriteWindowUpdate(0, 7000)
			for p.body < min(granted, size) {
				if _, err := p.next(); err != nil {
					return
				}
			}
		}
		p.answer(id, 200)
		_, _, _ = p.request()
	})
	xs := append([]*Exchange{get("s0", 0, "/")}, posts(1, "POST", strings.Repeat("x", size))...)
	traffic, total := playOver(t, Config{
		Open: opener(xs...), Targets: []string{url}, HTTP2: true,
		Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(time.Minute)},
	}, false)
	require.EqualValues(t, 2, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
}

func TestNobodyListensForHTTP2(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	_, total := playOver(t, Config{Open: opener(posts(5, "GET", "")...), Targets: []string{"http://" + l.Addr().String()}, HTTP2: true}, false)
	require.EqualValues(t, 5, total.Classes[gameday.ClassError])
}

// everything answers by its path in all ways that make a difference.
func everything(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/echo":
		_, _ = w.Write(body)
	case "/long":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(bytes.Repeat([]byte("long"), 1<<18))
	case "/pieces":
		for range 20 {
			_, _ = w.Write(make([]byte, 10_000))
			_ = http.NewResponseController(w).Flush()
		}
	case "/early":
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "early")
	case "/nothing":
		w.WriteHeader(http.StatusNoContent)
	case "/unchanged":
		w.WriteHeader(http.StatusNotModified)
	case "/limited":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case "/busy":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/degraded":
		w.Header().Set("X-Degraded", "cache")
	case "/wrong":
		w.WriteHeader(http.StatusInternalServerError)
	case "/login":
		w.Header().Set("Set-Cookie", "session=live; Path=/")
		_, _ = io.WriteString(w, `{"token":"live-0123456789abcdef"}`)
	case "/mine":
		if c, err := r.Cookie("session"); err != nil || c.Value != "live" || r.Header.Get("Authorization") != "Bearer live-0123456789abcdef" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	case "/headers":
		for i := range 200 {
			w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("v", 100))
		}
	case "/gives-up":
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/trailer":
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(body)
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", r.Header.Get("X-Status"))
	case "/no-message":
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "14")
	}
}

// allWays asks for everything.
func allWays() (xs []*Exchange) {
	at := time.Duration(0)
	add := func(session, method, target string, body string, header ...Field) *Exchange {
		at += time.Millisecond
		x := &Exchange{
			Session: session, At: at, Method: method, Target: target, Proto: "HTTP/2.0", Header: header, Body: []byte(body), Size: int64(len(body)),
			Response: &Response{Status: 200},
		}
		xs = append(xs, x)
		return x
	}
	for i, target := range []string{
		"/", "/long", "/pieces", "/early", "/nothing", "/unchanged", "/limited", "/busy", "/degraded", "/wrong", "/headers", "/gives-up",
		"/?q=" + strings.Repeat("a", 5000), "/%2F%20?a=%zz",
	} {
		add("s"+strconv.Itoa(i), "GET", target, "", Field{"X-Long", strings.Repeat("h", 3000)}, Field{"Accept", "*/*"}, Field{"Cookie", "a=b; c=d"})
	}
	add("t1", "HEAD", "/long", "")
	add("t2", "POST", "/echo", "")
	add("t3", "POST", "/echo", strings.Repeat("body", 100_000), Field{"Content-Type", "text/plain"})
	add("t4", "PUT", "/echo", "small")
	add("t5", "DELETE", "/nothing", "")
	add("t6", "OPTIONS", "*", "")
	login := add("user", "POST", "/login", "{}", Field{"Content-Type", "application/json"})
	login.Response.Header, login.Response.Body = Header{{"Set-Cookie", "session=recorded"}, {"Content-Type", "application/json"}}, []byte(`{"token":"recorded-0123456789abcdef"}`)
	add("user", "GET", "/mine", "", Field{"Cookie", "session=recorded"}, Field{"Authorization", "Bearer recorded-0123456789abcdef"})
	for i, status := range []string{"0", "5", "8", "13", "14", "odd"} {
		x := add("g"+strconv.Itoa(i), "POST", "/trailer", prefixed("hello"), Field{"Content-Type", "application/grpc"}, Field{"X-Status", status})
		x.Response.Trailer = Header{{"Grpc-Status", "0"}}
	}
	add("g", "POST", "/no-message", prefixed("hello"), Field{"Content-Type", "application/grpc"})
	return xs
}

// The player's own HTTP/2 has the same results as that of net/http, whatever is asked, of whichever server.
func TestTheTrunkSaysWhatNetHTTPSays(t *testing.T) {
	cleartext := func(t *testing.T, h http.HandlerFunc) (string, *tls.Config) { return clearText(t, true, h), nil }
	for _, tt := range []struct {
		name  string
		serve func(*testing.T, http.HandlerFunc) (string, *tls.Config)
	}{
		{"net/http without TLS", cleartext},
		{"net/http with TLS", func(t *testing.T, h http.HandlerFunc) (string, *tls.Config) { return secure(t, true, nil, h) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, client := tt.serve(t, everything)
			type seen struct {
				Class  gameday.Class
				Code   int
				Header int
				Body   uint64
			}
			var results [2]map[string]seen
			var totals [2]gameday.Slice
			for i, courier := range []bool{false, true} {
				var mu sync.Mutex
				results[i] = map[string]seen{}
				traffic, total := playOver(t, Config{
					Open: opener(allWays()...), Targets: []string{url}, TLS: client,
					Watch: func(a *Answered) {
						mu.Lock()
						defer mu.Unlock()
						results[i][a.Exchange.Session+" "+a.Method+" "+a.Exchange.Target] = seen{a.Class, a.Status, len(a.Header), hash(0, string(a.Body))}
					},
					Traffic: gameday.TrafficPlan{Unsafe: []string{"POST", "PUT", "DELETE"}, Timeout: gameday.Duration(time.Minute)},
				}, courier)
				totals[i] = total
				if courier {
					require.Zero(t, traffic.Fidelity.Senders[byFrames])
				} else {
					require.Equal(t, map[string]int64{byFrames: int64(len(allWays()))}, traffic.Fidelity.Senders)
				}
			}
			require.Equal(t, results[1], results[0])
			require.Equal(t, totals[1].Classes, totals[0].Classes)
			require.Equal(t, totals[1].Codes, totals[0].Codes)
			require.Equal(t, totals[1].Failures, totals[0].Failures)
			require.Equal(t, totals[1].BytesIn+int64(len("half")), totals[0].BytesIn, "of an answer that breaks off net/http does not say how much there was")
			require.Equal(t, http.StatusOK, results[0]["user GET /mine"].Code, "what the server handed out came back")
		})
	}
}

// A session keeps its order over a connection that many share.
func TestASessionKeepsItsOrderOverHTTP2(t *testing.T) {
	var mu sync.Mutex
	last := map[string]int{}
	url := clearText(t, true, func(_ http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Path[1:])
		mu.Lock()
		defer mu.Unlock()
		if who := r.Header.Get("X-Session"); err != nil || n <= last[who] {
			t.Errorf("%s comes after %d", r.URL.Path, last[who])
		} else {
			last[who] = n
		}
	})
	var xs []*Exchange
	for i := range 400 {
		x := get("s"+strconv.Itoa(i%20), time.Duration(i)*100*time.Microsecond, "/"+strconv.Itoa(i+1))
		x.Header = Header{{"X-Session", x.Session}}
		xs = append(xs, x)
	}
	traffic, total := playOver(t, Config{Open: opener(xs...), Targets: []string{url}, HTTP2: true, Shards: 2, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Minute)}}, false)
	require.EqualValues(t, 400, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 2, traffic.Fidelity.Connections, "one for each shard")
}

// Streams of one connection that nobody can tell apart are one session, and yet are under way together again.
func TestStreamsThatOverlappedDoSoAgain(t *testing.T) {
	const streams = 30
	var here atomic.Int64
	all := make(chan struct{})
	url := clearText(t, true, func(_ http.ResponseWriter, r *http.Request) {
		if here.Add(1) == streams {
			close(all)
		}
		select {
		case <-all: // nobody is answered before all have come
		case <-r.Context().Done():
		}
	})
	var xs []*Exchange
	for i := range streams {
		x := get("conn-1", time.Duration(i)*time.Millisecond, fmt.Sprint("/", i))
		x.Conn, x.Response.Duration = 1, time.Second
		xs = append(xs, x)
	}
	traffic, total := playOver(t, Config{
		Open: opener(xs...), Targets: []string{url}, HTTP2: true, Traffic: gameday.TrafficPlan{Connections: connsRecorded, Timeout: gameday.Duration(time.Minute)},
	}, false)
	require.EqualValues(t, streams, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.Zero(t, traffic.Fidelity.Waited+traffic.Fidelity.Spilled)
	require.EqualValues(t, 1, traffic.Fidelity.Connections)
}

// A run that is stopped waits for nothing.
func TestStopsWithHTTP2UnderWay(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	url := peers(t, nil, func(_ int, p *h2peer) {
		for range 10 {
			if _, _, err := p.request(); err != nil {
				return
			}
		}
		stop()
		_, _, _ = p.request() // until the client has gone
	})
	p, err := New(Config{Open: opener(posts(10, "GET", "")...), Targets: []string{url}, HTTP2: true, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Hour)}})
	require.NoError(t, err)
	traffic, err := p.Run(ctx, time.Now(), nil)
	require.NoError(t, err)
	require.EqualValues(t, 10, traffic.Fidelity.Skipped[skipStopped])
}
