package capture_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// memory is a recorder for tests.
type memory struct {
	mu     sync.Mutex
	xs     []*replay.Exchange
	gaps   []replay.Gap
	counts replay.Counts

	messages []*replay.Message

	block chan struct{} // when set, Record waits for it
	err   error
}

func (m *memory) Record(x *replay.Exchange) error {
	if m.block != nil {
		<-m.block
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.xs = append(m.xs, kept(x))
	}
	return m.err
}

// kept is a copy of what belongs to its recorder during a call only.
func kept(x *replay.Exchange) *replay.Exchange {
	own := *x
	own.Header, own.Body = slices.Clone(x.Header), slices.Clone(x.Body)
	if x.Response != nil {
		r := *x.Response
		r.Header, r.Body = slices.Clone(r.Header), slices.Clone(r.Body)
		own.Response = &r
	}
	return &own
}

func (m *memory) Message(msg *replay.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = append(m.messages, msg)
	return m.err
}

func (m *memory) Gap(g replay.Gap) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gaps = append(m.gaps, g)
	return nil
}

func (m *memory) Account(_ string, c replay.Counts) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts = c
	return nil
}

// seen is what the service behind the proxy got.
type seen struct {
	mu sync.Mutex
	xs []*replay.Exchange
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h := make(replay.Header, 0)
	for name, values := range r.Header {
		for _, v := range values {
			h = append(h, replay.Field{Name: name, Value: v})
		}
	}
	s.mu.Lock()
	s.xs = append(s.xs, &replay.Exchange{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: h, Body: body})
	s.mu.Unlock()
	switch r.URL.Path {
	case "/chunked":
		w.Header().Set("Trailer", "X-Sum")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "part %d;", i)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("X-Sum", "3")
	case "/not-modified":
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(http.StatusNotModified)
	case "/cut":
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/hang":
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // an answer would pass, to a client that may only have ended its side
	case "/bare":
		w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
		_, _ = w.Write([]byte("<html>"))
	default:
		w.Header().Set("X-Reply", "yes")
		_, _ = w.Write(body)
	}
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &http.Server{Handler: h}
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		_ = s.Close()
		running.Wait()
	})
	return l.Addr().String()
}

// front is what stands in front of a service, and records.
type front interface {
	Counts() replay.Counts
	Status() capture.Status
}

// A tapper starts a front of a service; stop ends the capture and returns its error.
type tapper func(t testing.TB, service string, r replay.Recorder, o capture.Options) (addr string, f front, stop func() error)

// eitherWay runs a test with each of the fronts: they promise the same.
func eitherWay(t *testing.T, test func(*testing.T, tapper)) {
	t.Run("proxy", func(t *testing.T) {
		test(t, func(t testing.TB, service string, r replay.Recorder, o capture.Options) (string, front, func() error) {
			return proxied(t, "http://"+service, r, capture.ProxyOptions{Options: o})
		})
	})
	t.Run("relay", func(t *testing.T) { test(t, relayed) })
}

func proxied(t testing.TB, service string, r replay.Recorder, o capture.ProxyOptions) (addr string, f front, stop func() error) {
	t.Helper()
	p, err := capture.NewProxy(service, r, o)
	require.NoError(t, err)
	addr, stop = open(t, func(ctx context.Context, l *net.TCPListener) error { return p.Serve(ctx, l) })
	return addr, p, stop
}

func relayed(t testing.TB, service string, r replay.Recorder, o capture.Options) (addr string, f front, stop func() error) {
	t.Helper()
	p, err := passive.NewRelay("http://"+service, r, o)
	require.NoError(t, err)
	addr, stop = open(t, p.Serve)
	return addr, p, stop
}

// open lets a front serve until stop, which returns what it returns.
func open(t testing.TB, serve func(context.Context, *net.TCPListener) error) (addr string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l.(*net.TCPListener)) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return l.Addr().String(), stop
}

// talk sends raw bytes and reads one response per method given.
func talk(t *testing.T, addr, raw string, methods ...string) []string {
	t.Helper()
	return talkInSegments(t, addr, []string{raw}, methods...)
}

// talkInSegments is talk in several pieces, some time apart.
func talkInSegments(t *testing.T, addr string, segments []string, methods ...string) []string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	for i, segment := range segments {
		if i > 0 {
			time.Sleep(5 * time.Millisecond) // so that each is read by itself
		}
		_, err = io.WriteString(c, segment)
		require.NoError(t, err)
	}
	in := bufio.NewReader(c)
	var replies []string
	for _, m := range methods {
		resp, err := http.ReadResponse(in, &http.Request{Method: m})
		require.NoError(t, err)
		for resp.StatusCode == http.StatusContinue {
			resp, err = http.ReadResponse(in, &http.Request{Method: m})
			require.NoError(t, err)
		}
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		replies = append(replies, fmt.Sprintf("%d %s", resp.StatusCode, body))
	}
	return replies
}

func TestCapturedIsForwarded(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		big := strings.Repeat("0123456789abcdef", 3<<20/16)
		for _, c := range []struct {
			sentence, raw string
			methods       []string
			replies       []string
		}{
			{"a simple request", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", []string{"GET"}, []string{"200 "}},
			{"an odd target", "GET /a//../%2e%41?b;c&&d=%7E|x HTTP/1.1\r\nHost: h\r\n\r\n", []string{"GET"}, []string{"200 "}},
			{"forwarding headers of the client", "GET /a HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n\r\n", []string{"GET"}, []string{"200 "}},
			{"three requests on one connection", strings.Repeat("GET /k HTTP/1.1\r\nHost: h\r\n\r\n", 3), []string{"GET", "GET", "GET"}, []string{"200 ", "200 ", "200 "}},
			{"a chunked request", "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", []string{"POST"}, []string{"200 abcde"}},
			{"a chunked response", "GET /chunked HTTP/1.1\r\nHost: h\r\n\r\n", []string{"GET"}, []string{"200 part 0;part 1;part 2;"}},
			{"HEAD", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", []string{"HEAD"}, []string{"200 "}},
			{"304", "GET /not-modified HTTP/1.1\r\nHost: h\r\n\r\n", []string{"GET"}, []string{"304 "}},
			{"100-continue", "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody", []string{"POST"}, []string{"200 body"}},
			{"a POST of 3 MB", fmt.Sprintf("POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(big), big), []string{"POST"}, []string{"200 " + big}},
			{"a response without type and date", "GET /bare HTTP/1.1\r\nHost: h\r\n\r\n", []string{"GET"}, []string{"200 <html>"}},
		} {
			t.Run(c.sentence, func(t *testing.T) {
				var service seen
				var m memory
				addr, p, stop := tapped(t, serve(t, &service), &m, capture.Options{})
				require.Equal(t, c.replies, talk(t, addr, c.raw, c.methods...))
				require.NoError(t, stop())
				require.Len(t, service.xs, len(c.methods))
				require.Len(t, m.xs, len(c.methods))
				require.Equal(t, replay.Counts{Captured: uint64(len(c.methods))}, p.Counts())
				for i, x := range m.xs {
					want := service.xs[i]
					require.Equal(t, want.Method, x.Method)
					require.Equal(t, want.Target, x.Target)
					require.Equal(t, want.Host, x.Host)
					require.True(t, bytes.Equal(want.Body, x.Body), "request body")
					for _, f := range want.Header {
						require.Equal(t, f.Value, x.Header.Get(f.Name), f.Name)
					}
					require.Equal(t, c.replies[i], fmt.Sprintf("%d %s", x.Response.Status, x.Response.Body))
					require.Equal(t, m.xs[0].Conn, x.Conn)
					require.Positive(t, x.Response.Duration)
					require.GreaterOrEqual(t, x.Response.Duration, x.Response.FirstByte)
					require.False(t, x.Truncated() || x.Response.Truncated() || x.Response.Cut)
				}
				switch c.sentence {
				case "a chunked response":
					require.Equal(t, replay.Header{{Name: "X-Sum", Value: "3"}}, m.xs[0].Response.Trailer)
				case "a response without type and date":
					require.False(t, m.xs[0].Response.Header.Has("Content-Type") || m.xs[0].Response.Header.Has("Date"))
				}
			})
		}
	})
}

func TestWhatBreaksIsCounted(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		var service seen
		var m memory
		addr, p, stop := tapped(t, serve(t, &service), &m, capture.Options{})

		// The service breaks off in the middle of its answer.
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(c, "GET /cut HTTP/1.1\r\nHost: h\r\n\r\n")
		require.NoError(t, err)
		reply, err := io.ReadAll(c)
		require.NoError(t, err)
		require.True(t, bytes.HasSuffix(reply, []byte("half")))
		require.NoError(t, c.Close())

		// The client goes away before any answer.
		c, err = net.Dial("tcp", addr)
		require.NoError(t, err)
		_, err = io.WriteString(c, "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n")
		require.NoError(t, err)
		require.Eventually(t, func() bool { service.mu.Lock(); defer service.mu.Unlock(); return len(service.xs) == 2 }, 5*time.Second, time.Millisecond)
		require.NoError(t, c.Close())

		require.Eventually(t, func() bool { return p.Counts().Captured == 2 }, 5*time.Second, time.Millisecond)
		require.NoError(t, stop())
		require.EqualValues(t, 2, p.Counts().Cut)
		require.True(t, m.xs[0].Response.Cut)
		require.Equal(t, "half", string(m.xs[0].Response.Body))
		require.Nil(t, m.xs[1].Response)
	})
}

func TestServiceDown(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		nobody := l.Addr().String()
		require.NoError(t, l.Close())
		var m memory
		addr, p, stop := tapped(t, nobody, &m, capture.Options{})
		require.Equal(t, []string{"502 "}, talk(t, addr, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET"))
		require.NoError(t, stop())
		require.Len(t, m.xs, 1)
		require.Nil(t, m.xs[0].Response, "the 502 is the proxy's own word")
		require.EqualValues(t, 1, p.Counts().Cut)
	})
}

func TestASlowRecorderNeverHoldsTheTraffic(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		var service seen
		m := memory{block: make(chan struct{})}
		addr, p, stop := tapped(t, serve(t, &service), &m, capture.Options{QueueMax: 4})
		const sent = 40
		methods := make([]string, sent)
		for i := range methods {
			methods[i] = "GET"
		}
		require.Len(t, talk(t, addr, strings.Repeat("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", sent), methods...), sent)
		close(m.block)
		require.NoError(t, stop())
		c := p.Counts()
		require.EqualValues(t, sent, c.Arrived())
		require.Positive(t, c.Lost[capture.LostQueueFull])
		require.EqualValues(t, len(m.xs), c.Captured)
		require.Equal(t, c, m.counts, "the recorder keeps the ledger")
		var lost uint64
		for _, g := range m.gaps {
			lost += g.Lost
			require.LessOrEqual(t, g.From, g.To)
		}
		require.Equal(t, c.Lost[capture.LostQueueFull], lost, "gaps say when it was")
	})
}

func TestLimitsAndFilter(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		var service seen
		var m memory
		addr, p, stop := tapped(t, serve(t, &service), &m, capture.Options{
			BodyMax: 4,
			Filter:  func(r *http.Request) bool { return r.URL.Path != "/health" },
		})
		replies := talk(t, addr, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdefGET /health HTTP/1.1\r\nHost: h\r\n\r\n", "POST", "GET")
		require.Equal(t, []string{"200 abcdef", "200 "}, replies, "the traffic is whole")
		require.NoError(t, stop())
		require.Len(t, m.xs, 1)
		require.Equal(t, "abcd", string(m.xs[0].Body))
		require.EqualValues(t, 6, m.xs[0].Size)
		require.True(t, m.xs[0].Response.Truncated())
		require.Equal(t, replay.Counts{Captured: 1, Filtered: replay.Tally{"filter": 1}, Truncated: 1}, p.Counts())
	})
}

func TestReplayedRequestsAreNotRecordedAgain(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		const talked = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\nX-Gameday-Replay: r\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\nBaggage: gameday.run=r\r\n\r\n"
		for recorded, replays := range map[int]bool{1: false, 3: true} {
			var m memory
			addr, p, stop := tapped(t, serve(t, &seen{}), &m, capture.Options{Replays: replays})
			require.Len(t, talk(t, addr, talked, "GET", "GET", "GET"), 3, "the traffic is whole")
			require.NoError(t, stop())
			require.Len(t, m.xs, recorded)
			require.EqualValues(t, 3-recorded, p.Counts().Filtered[capture.RuleReplayed])
		}
	})
}

func TestRecorderErrorsAreCountedAndReturned(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		var service seen
		m := memory{err: errors.New("disk full")}
		addr, p, stop := tapped(t, serve(t, &service), &m, capture.Options{})
		require.Equal(t, []string{"200 "}, talk(t, addr, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET"))
		require.ErrorContains(t, stop(), "disk full")
		require.EqualValues(t, 1, p.Counts().Lost[capture.LostWrite])
	})
}

func TestARedactorThatPanicsLosesTheExchangeAndNothingElse(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		var service seen
		var m memory
		addr, p, stop := tapped(t, serve(t, &service), &m, capture.Options{Redact: func(x *replay.Exchange) {
			if x.Target == "/bad" {
				panic("no")
			}
		}})
		talk(t, addr, "GET /bad HTTP/1.1\r\nHost: h\r\n\r\nGET /good HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "GET")
		require.ErrorContains(t, stop(), "redact exchange 0: panic: no")
		require.Len(t, m.xs, 1)
		require.EqualValues(t, 1, p.Counts().Lost[capture.LostRedaction])
	})
}

func TestSessions(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/login":
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"token":"T1","user_id":7}`)
			case "/hello":
				w.Header().Set("Set-Cookie", "sid=C1; Path=/")
			}
		})
		var m memory
		addr, _, stop := tapped(t, serve(t, service), &m, capture.Options{})
		for _, raw := range []string{
			"POST /login HTTP/1.1\r\nHost: h\r\n\r\n",
			"GET /cart HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer T1\r\n\r\n", // another connection, the login's token
			"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n",
			"GET /next HTTP/1.1\r\nHost: h\r\nCookie: a=b; sid=C1\r\n\r\n", // another connection, the cookie given
			"GET /other HTTP/1.1\r\nHost: h\r\nCookie: sid=C2\r\nAuthorization: Bearer T9\r\n\r\n",
			"GET /again HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer T9\r\n\r\n", // the cookie's session by its token
			"GET /stranger HTTP/1.1\r\nHost: h\r\n\r\n",
		} {
			talk(t, addr, raw, "GET")
		}
		require.NoError(t, stop())
		of := make(map[string]string)
		for _, x := range m.xs {
			of[x.Target] = x.Session
		}
		require.Len(t, of, 7)
		require.Equal(t, of["/login"], of["/cart"])
		require.Equal(t, of["/hello"], of["/next"])
		require.Equal(t, "C2", of["/other"])
		require.Equal(t, "C2", of["/again"])
		require.NotEqual(t, of["/login"], of["/hello"])
		require.NotEqual(t, of["/hello"], of["/stranger"])
		require.NotEmpty(t, of["/stranger"])
	})
}

// TestNoSecretReachesTheDisk runs capture, redaction and tape together and looks for the
// secrets in every byte that was written, packed and unpacked.
func TestNoSecretReachesTheDisk(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		secrets := []string{"S3cretPassw0rd", "T0kenOfTheLogin", "CookieOfTheSession", "KeyInTheQuery", "BasicOfTheProxy"}
		service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Set-Cookie", "sid=CookieOfTheSession; HttpOnly")
				_, _ = io.WriteString(w, `{"token":"T0kenOfTheLogin","user_id":7}`)
			}
		})
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		path := filepath.Join(dir, "x.gdtape")
		r, err := redact.New(redact.Rules{}, nil)
		require.NoError(t, err)
		start := time.Now()
		w, err := tape.Create(path, tape.Meta{Start: start, Redaction: r.Policy()}, tape.Options{})
		require.NoError(t, err)
		addr, _, stop := tapped(t, serve(t, service), w, capture.Options{Source: "login", Start: start, Redact: r.Exchange})
		body := `{"user":"ada","password":"S3cretPassw0rd"}`
		for range 50 {
			talk(t, addr, fmt.Sprintf("POST /login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body), "POST")
			talk(t, addr, "GET /cart?api_key=KeyInTheQuery HTTP/1.1\r\nHost: h\r\nCookie: sid=CookieOfTheSession\r\nAuthorization: Bearer T0kenOfTheLogin\r\nProxy-Authorization: Basic BasicOfTheProxy\r\n\r\n", "GET")
		}
		require.NoError(t, stop())
		require.NoError(t, w.Close())

		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, files, 1, "no file but the tape")
		packed, err := os.ReadFile(path)
		require.NoError(t, err)
		in, err := tape.Open(path, tape.ReadOptions{})
		require.NoError(t, err)
		defer in.Close()
		xs, err := all(t, in)
		require.NoError(t, err)
		require.Len(t, xs, 100)
		var unpacked strings.Builder
		unpacked.WriteString(fmt.Sprintf("%+v", in.Meta()))
		for _, x := range xs {
			unpacked.WriteString(fmt.Sprintf("%+v %s %+v %s\n", *x, x.Body, *x.Response, x.Response.Body))
		}
		for _, s := range secrets {
			require.False(t, bytes.Contains(packed, []byte(s)), "%s in the file", s)
			require.NotContains(t, unpacked.String(), s)
		}
		require.Equal(t, xs[0].Session, xs[1].Session, "the login and what follows are one session")
		require.Contains(t, string(xs[0].Response.Body), strings.TrimPrefix(xs[1].Header.Get("Authorization"), "Bearer "))

		info, err := tape.ReadInfo(path)
		require.NoError(t, err)
		require.EqualValues(t, 100, info.Ledger["login"].Captured)
	})
}
