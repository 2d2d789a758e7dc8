package capture_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// asMiddleware as its first argument makes the test binary a middleware of the kind that follows.
const asMiddleware = "as-middleware"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == asMiddleware {
		middlewares[os.Args[2]](&program{in: bufio.NewReader(os.Stdin)})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program is what a middleware does again and again.
type program struct{ in *bufio.Reader }

// next reads a message; ok is false at the end.
func (p *program) next() (kind byte, id, rest, payload string, ok bool) {
	line, err := p.in.ReadString('\n')
	if err != nil {
		return 0, "", "", "", false
	}
	b, err := hex.DecodeString(strings.TrimSpace(line))
	if err != nil {
		panic(err)
	}
	head, payload, _ := strings.Cut(string(b), "\n")
	f := strings.SplitN(head, " ", 3)
	return f[0][0], f[1], f[2], payload, true
}

func tell(kind byte, id, rest, payload string) {
	fmt.Println(hex.EncodeToString(fmt.Appendf(nil, "%c %s %s\n%s", kind, id, rest, payload)))
}

// each answers every message with what change makes of it; "" keeps it.
func each(change func(kind byte, id, payload string) (string, string)) func(*program) {
	return func(p *program) {
		for {
			kind, id, rest, payload, ok := p.next()
			if !ok {
				return
			}
			if id, payload = change(kind, id, payload); payload != "" {
				tell(kind, id, rest, payload)
			}
		}
	}
}

var middlewares = map[string]func(*program){
	"echo": each(func(_ byte, id, payload string) (string, string) { return id, payload }),
	"rewrite": each(func(_ byte, id, payload string) (string, string) {
		return id, strings.Replace(payload, "GET /", "GET /v2/", 1)
	}),
	"longer": each(func(_ byte, id, payload string) (string, string) {
		return id, strings.Replace(strings.Replace(payload, "\r\n\r\na=b", "\r\n\r\na=bcd", 1), "Content-Length: 3", "Content-Length: 5", 1)
	}),
	"requests": each(func(kind byte, id, payload string) (string, string) {
		if kind != '1' {
			return id, ""
		}
		return id, payload
	}),
	"odd": each(func(_ byte, id, payload string) (string, string) {
		if strings.Contains(payload, "/even") {
			return id, ""
		}
		return id, payload
	}),
	"healthless": each(func(_ byte, id, payload string) (string, string) {
		if strings.Contains(payload, " /health/") {
			return id, ""
		}
		return id, payload
	}),
	"twice": func(p *program) {
		for {
			kind, id, rest, payload, ok := p.next()
			if !ok {
				return
			}
			tell(kind, id, rest, payload)
			tell(kind, id, rest, payload)
		}
	},
	"adds": func(p *program) { // before what it gives back: what is said behind the last of it comes too late
		for {
			kind, id, rest, payload, ok := p.next()
			if !ok {
				return
			}
			if kind == '1' {
				tell(kind, "own"+id[3:], rest, payload)
			}
			tell(kind, id, rest, payload)
		}
	},
	"ids": each(func(_ byte, id, payload string) (string, string) { return "own" + id[3:], payload }),
	"spy": each(func(_ byte, id, payload string) (string, string) {
		if strings.Contains(payload, "secret") {
			return id, ""
		}
		return id, payload
	}),
	"leak": each(func(_ byte, id, payload string) (string, string) {
		return id, strings.Replace(payload, "Basic gd", "Basic secret-9", 1)
	}),
	"garbage": func(p *program) {
		fmt.Println("hello")
		fmt.Println(hex.EncodeToString([]byte("no header\nGET / HTTP/1.1\r\n\r\n")))
		fmt.Println(strings.Repeat("6", 300<<10))
		fmt.Println()
		each(func(_ byte, id, payload string) (string, string) {
			return id, strings.Replace(payload, "\r\n\r\n", "\r\nContent-Length: 99\r\n\r\n", 1)
		})(p)
	},
	"die": func(p *program) {
		kind, id, rest, payload, _ := p.next()
		tell(kind, id, rest, payload)
		fmt.Fprintln(os.Stderr, "no memory")
		os.Exit(3)
	},
	"silent": each(func(_ byte, id, _ string) (string, string) { return id, "" }),
	"late": func(p *program) { // gives the first request back when the second has come
		var first []string
		for {
			kind, id, rest, payload, ok := p.next()
			switch {
			case !ok:
				return
			case kind != '1':
			case first == nil:
				first = []string{id, rest, payload}
			default:
				tell('1', first[0], first[1], first[2])
				tell(kind, id, rest, payload)
			}
		}
	},
	"tokens": func(p *program) { // puts the live token, of the answer to /token, in place of the recorded one
		var token string
		var held [][3]string
		for {
			kind, id, rest, payload, ok := p.next()
			switch {
			case !ok:
				return
			case kind == '1' && strings.Contains(payload, "?token="):
				held = append(held, [3]string{id, rest, payload})
			case kind == '1':
				tell(kind, id, rest, payload)
			case kind == '3' && token == "":
				_, token, _ = strings.Cut(payload, "\r\n\r\n")
			}
			for ; token != "" && len(held) > 0; held = held[1:] {
				tell('1', held[0][0], held[0][1], strings.Replace(held[0][2], "token=recorded", "token="+token, 1))
			}
		}
	},
	"deaf": func(*program) { select {} },
}

// through shows exchanges to a middleware of a kind, to its end, and returns what came of them in words, in the order of
// showing, and of those that were added.
func through(t *testing.T, kind string, o capture.MiddlewareOptions, until []time.Duration, xs ...*replay.Exchange) (fates []string, added []*replay.Exchange, d gameday.Detour, err error) {
	t.Helper()
	o.Command = os.Args[0] + "  " + asMiddleware + " " + kind
	m, err := capture.StartMiddleware(o)
	require.NoError(t, err)
	fate := make(map[*replay.Exchange]string)
	var reading sync.WaitGroup
	var mu sync.Mutex
	reading.Go(func() {
		for s := range m.Back() {
			mu.Lock()
			if s.Added {
				added = append(added, s.X)
			} else {
				require.Empty(t, fate[s.X], "each once")
				fate[s.X] = describe(s)
			}
			mu.Unlock()
		}
	})
	for i, x := range xs {
		if i > 0 && kind == "late" { // the first has been given up
			require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return fate[xs[0]] != "" }, time.Minute, time.Millisecond)
		}
		if cause := m.Show(x, time.Now().Add(until[i])); cause != "" {
			mu.Lock()
			fate[x] = cause
			mu.Unlock()
		}
	}
	m.Finish()
	reading.Wait()
	err = m.Close()
	m.Account(&d)
	for _, x := range xs {
		fates = append(fates, fate[x])
	}
	return fates, added, d, err
}

func describe(s replay.Shown) string {
	if s.Cause != "" {
		return s.Cause
	}
	text := s.X.Method + " " + s.X.Target
	if s.X.Response != nil {
		text += fmt.Sprint(" ", s.X.Response.Status, " ", string(s.X.Response.Body))
	}
	return text
}

func numbered(n int) (xs []*replay.Exchange) {
	for i := range n {
		xs = append(xs, &replay.Exchange{
			Conn: 7, Seq: uint64(i), At: time.Duration(i) * time.Second, Method: "GET", Target: []string{"/even", "/odd"}[i%2], Host: "h",
			Header: replay.Header{{Name: "X-Odd-Spelling", Value: "é"}}, Proto: "HTTP/1.1",
			Response: &replay.Response{Status: 200, Body: []byte("x"), Size: 1, Duration: time.Millisecond},
		})
	}
	return xs
}

func TestMiddlewareDecidesWhatBecomesOfMessages(t *testing.T) {
	for _, tt := range []struct {
		name, kind string
		responses  bool
		first      time.Duration // that the first exchange is waited for; a minute when 0
		fates      []string
		added      int
		account    gameday.Detour
		err        string
	}{
		{name: "what is echoed comes back", kind: "echo", fates: []string{"GET /even 200 x", "GET /odd 200 x"}},
		{name: "with its response, where that counts", kind: "echo", responses: true, fates: []string{"GET /even 200 x", "GET /odd 200 x"}},
		{name: "what is changed comes back so", kind: "rewrite", fates: []string{"GET /v2/even 200 x", "GET /v2/odd 200 x"}},
		{name: "what is kept does not come back", kind: "odd", fates: []string{"kept by middleware", "GET /odd 200 x"}},
		{name: "a response that is kept is not there", kind: "requests", responses: true, fates: []string{"GET /even", "GET /odd"}},
		{name: "a response that is kept is of no matter elsewhere", kind: "requests", fates: []string{"GET /even 200 x", "GET /odd 200 x"}},
		{name: "what is given back twice is one more", kind: "twice", fates: []string{"GET /even 200 x", "GET /odd 200 x"}, added: 2},
		{name: "another id is another request", kind: "ids", fates: []string{"kept by middleware", "kept by middleware"}, added: 2},
		{
			name: "garbage is counted, and no request", kind: "garbage",
			fates: []string{"garbled by middleware", "garbled by middleware"}, account: gameday.Detour{Garbled: 6},
		},
		{name: "what dies takes with it what it has", kind: "die", fates: []string{"GET /even 200 x", "middleware ended"}, err: "exit status 3"},
		{name: "who never answers keeps all", kind: "silent", fates: []string{"kept by middleware", "kept by middleware"}},
		{
			name: "what comes too late is not taken, and counted", kind: "late", first: time.Millisecond,
			fates: []string{"kept by middleware", "GET /odd 200 x"}, account: gameday.Detour{Expired: 1},
		},
		{name: "who does not end is ended", kind: "deaf", fates: []string{"middleware ended", "middleware ended"}, err: "was killed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			o := capture.MiddlewareOptions{Responses: tt.responses, Stderr: &said, Start: time.Unix(1_700_000_000, 0)}
			until := []time.Duration{cmp.Or(tt.first, time.Minute), time.Minute}
			fates, added, account, err := through(t, tt.kind, o, until, numbered(2)...)
			require.Equal(t, tt.fates, fates)
			require.Equal(t, tt.account, account)
			require.Len(t, added, tt.added)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
			if tt.kind == "die" {
				require.Equal(t, "no memory\n", said.String(), "standard error passes through")
			}
		})
	}
}

// TestMiddlewareSeesLiveAnswers: what goreplay's own example does, an alias for each token, over two sessions.
// TestMiddlewareLeavesAloneWhatItIsNotShown: a message of goreplay's protocol has no place for all of an exchange.
func TestMiddlewareLeavesAloneWhatItIsNotShown(t *testing.T) {
	x := numbered(1)[0]
	trailer := replay.Header{{Name: "X-Sum", Value: "1"}}
	x.Proto, x.Size, x.Trailer, x.Response.Trailer, x.Response.Cut = "HTTP/2.0", 9, trailer, trailer, true
	fates, _, _, err := through(t, "rewrite", capture.MiddlewareOptions{Responses: true, Start: time.Unix(1_700_000_000, 0)}, []time.Duration{time.Minute}, x)
	require.NoError(t, err)
	require.Equal(t, []string{"GET /v2/even 200 x"}, fates)
	require.Equal(t, "HTTP/2.0", x.Proto)
	require.True(t, x.Truncated())
	require.Equal(t, trailer, x.Trailer)
	require.Equal(t, trailer, x.Response.Trailer)
	require.True(t, x.Response.Cut)
}

func TestMiddlewareSeesLiveAnswers(t *testing.T) {
	t.Parallel()
	var asked []string
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.String())
		mu.Unlock()
		fmt.Fprint(w, "live")
	}))
	defer server.Close()
	m, err := capture.StartMiddleware(capture.MiddlewareOptions{Command: os.Args[0] + " " + asMiddleware + " tokens", Stderr: os.Stderr, Start: time.Now()})
	require.NoError(t, err)
	xs := numbered(2)
	xs[0].Target, xs[0].Session, xs[0].Response.Body = "/token", "a", []byte("recorded")
	xs[1].Target, xs[1].Session, xs[1].At = "/?token=recorded", "b", 20*time.Millisecond
	p, err := replay.New(replay.Config{
		Open: func() (replay.Source, error) { return &slice{xs: xs}, nil }, Targets: []string{server.URL}, Middleware: m,
		Traffic: gameday.TrafficPlan{
			Timeout: gameday.Duration(time.Minute),
			Filter:  []gameday.Filter{{Kind: gameday.DisallowURL, Match: "token=recorded"}}, // which the middleware has replaced by then
		},
	})
	require.NoError(t, err)
	traffic, err := p.Run(t.Context(), time.Now(), nil)
	require.NoError(t, err)
	require.NoError(t, m.Close())
	require.Equal(t, []string{"/token", "/?token=live"}, asked)
	d := traffic.Fidelity.Middleware
	require.Equal(t, []int64{2, 2, 0, 0}, []int64{d.Shown, d.Returned, d.Added, d.Garbled})
}

// slice is a recording.
type slice struct{ xs []*replay.Exchange }

func (s *slice) Next() (*replay.Exchange, error) {
	if len(s.xs) == 0 {
		return nil, io.EOF
	}
	x := s.xs[0]
	s.xs = s.xs[1:]
	return x, nil
}

// TestReplayCountsWhatAMiddlewareKeeps, and ends with it.
func TestReplayCountsWhatAMiddlewareKeeps(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	for _, tt := range []struct {
		name, kind string
		wait       time.Duration
		sent       int64
		skipped    map[string]int64
		added      int64
		problem    string
		err        string
	}{
		{name: "all comes back", kind: "echo", wait: time.Minute, sent: 4},
		{name: "what it keeps is skipped", kind: "odd", wait: 10 * time.Second, sent: 2, skipped: map[string]int64{"kept by middleware": 2}},
		{name: "what it adds is sent", kind: "adds", wait: time.Minute, sent: 8, added: 4},
		{name: "what it garbles is a problem", kind: "garbage", wait: time.Minute, skipped: map[string]int64{"garbled by middleware": 4}, problem: "4 requests (100.00%) were not sent: garbled by middleware"},
		{name: "its end is the end", kind: "die", wait: time.Minute, err: "the middleware has ended"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := capture.StartMiddleware(capture.MiddlewareOptions{Command: os.Args[0] + " " + asMiddleware + " " + tt.kind})
			require.NoError(t, err)
			xs := numbered(4)
			for _, x := range xs {
				x.At /= 100
			}
			p, err := replay.New(replay.Config{
				Open: func() (replay.Source, error) { return &slice{xs: xs}, nil }, Targets: []string{server.URL}, Middleware: m,
				Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(tt.wait)},
			})
			require.NoError(t, err)
			traffic, err := p.Run(t.Context(), time.Now(), nil)
			closed := m.Close()
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				require.ErrorContains(t, closed, "exit status 3")
				return
			}
			require.NoError(t, errors.Join(err, closed))
			f := traffic.Fidelity
			require.Equal(t, tt.sent, f.Sent)
			require.Equal(t, max(4, tt.sent), f.Due, "what is kept was due")
			require.Equal(t, tt.added, f.Middleware.Added)
			if len(tt.skipped) > 0 {
				require.Equal(t, tt.skipped, f.Skipped)
			}
			require.Contains(t, strings.Join(f.Problems, "\n"), tt.problem)
		})
	}
}
