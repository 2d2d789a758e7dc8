package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func testStamp(t testing.TB, run string) *stamp {
	st, err := newStamp(run, []byte("0123456789abcdef"), "staging:8080", gameday.TrafficPlan{})
	require.NoError(t, err)
	st.start = time.UnixMilli(1_760_000_000_000)
	return st
}

func byTime(xs []*Exchange) {
	slices.SortStableFunc(xs, func(a, b *Exchange) int { return int(a.At - b.At) })
}

func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		name, glob, target string
		want               bool
	}{
		{"a star is one segment", "/products/*", "/products/17", true},
		{"and not two", "/products/*", "/products/17/reviews", false},
		{"and not none", "/products/*", "/products", false},
		{"an empty segment is none", "/products/*", "/products/", false},
		{"the query does not count", "/search", "/search?q=a/b", true},
		{"two stars are any rest", "/api/**", "/api/a/b/c", true},
		{"and also none", "/api/**", "/api", true},
		{"the root is only itself", "/", "/about", false},
		{"the root", "/", "/", true},
		{"a star within a segment", "/img-*.png", "/img-7.png", true},
		{"everything", "/**", "/", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, route{"", tt.glob}.match("GET", tt.target))
		})
	}
	require.False(t, route{"POST", "/**"}.match("GET", "/"))
}

func TestARequestIsWrittenAnew(t *testing.T) {
	e := newEditor(Config{Traffic: gameday.TrafficPlan{
		Unsafe: []string{"POST"}, Identity: []string{"$.user.name"},
		Rewrite: []gameday.Rewrite{
			{Path: "/login", JSON: "$.password", Value: "pw-${$.user.name}!"},
			{Path: "/login", Header: "X-Tenant", Value: "of ${$.user.name}"},
			{Path: "/other", Header: "Accept", Value: "never"},
		},
	}}, newRoutes(nil), "staging:8080", "/base")
	x := &Exchange{
		Method: "POST", Target: "/login?next=%2Fcart", Host: "shop.example",
		Header: Header{{"Accept", "*/*"}, {"Connection", "close"}, {"Content-Length", "999"}, {"Transfer-Encoding", "chunked"}, {"Cookie", "theme=dark; sid=abc"}, {"Traceparent", "00-old"}, {"x-tenant", "old"}},
		Body:   []byte(`{"user": {"name": "al\"ice"}, "password":"gd~x","n":1}`),
	}
	x.Size = int64(len(x.Body))
	r := e.request(x, 0, &lesson{})
	require.Empty(t, r.skip)
	raw, missing := r.write(nil, testStamp(t, "run-7"), tag{seq: 1, trace: trace{1, 2}}, identity{suffix: "-c2"}, nil)
	require.Zero(t, missing)
	got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	require.NoError(t, err)
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, `{"user": {"name": "al\"ice-c2"}, "password":"pw-al\"ice-c2!","n":1}`, string(body))
	require.EqualValues(t, len(body), got.ContentLength)
	require.Equal(t, "/base/login?next=%2Fcart", got.RequestURI)
	require.Equal(t, "staging:8080", got.Host)
	require.Regexp(t, `^1\.1\.[0-9a-f]+\.ea60\.\.[\w-]{22}$`, got.Header.Get("X-Gameday-Mark"))
	got.Header.Del("Traceparent")
	got.Header.Del("X-Gameday-Mark")
	require.Equal(t, http.Header{
		"Accept": {"*/*"}, "Cookie": {"theme=dark; sid=abc-c2"}, "X-Tenant": {`of al"ice-c2`}, "X-Gameday-Replay": {"run-7"},
		"Tracestate": {"gameday=run-7"}, "Baggage": {"gameday.run=run-7"}, "Content-Length": {"67"},
	}, got.Header)
}

func TestWhatIsNotSent(t *testing.T) {
	e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}}}, newRoutes(nil), "h", "")
	for _, tt := range []struct {
		name string
		x    Exchange
		want string
	}{
		{"a method with effects that is not allowed", Exchange{Method: "DELETE", Target: "/"}, skipUnsafe},
		{"one that is", Exchange{Method: "POST", Target: "/"}, ""},
		{"a method nobody knows may have effects", Exchange{Method: "PURGE", Target: "/"}, skipUnsafe},
		{"a body that the tape does not have", Exchange{Method: "POST", Target: "/", Size: 10}, skipTruncated},
		{"a tunnel", Exchange{Method: "CONNECT", Target: "/"}, skipUpgrade},
		{"a WebSocket", Exchange{Method: "GET", Target: "/", Header: Header{{"Upgrade", "websocket"}}}, skipUpgrade},
		{"a header with a line break", Exchange{Method: "GET", Target: "/", Header: Header{{"A", "b\r\nC: d"}}}, skipMalformed},
		{"a target with a space", Exchange{Method: "GET", Target: "/a b"}, skipMalformed},
		{"a target that is no path", Exchange{Method: "GET", Target: "http://evil/"}, skipMalformed},
		{"what was recorded while a replay ran", Exchange{Method: "GET", Target: "/", Header: Header{{"x-gameday-replay", "r"}}}, skipReplayed},
		{"no method", Exchange{Target: "/"}, skipMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, e.request(&tt.x, 0, &lesson{}).skip) })
	}
}

func TestClasses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answer   answer
		recorded int
		want     gameday.Class
	}{
		{"a success", answer{status: 200}, 200, gameday.ClassOK},
		{"a redirect", answer{status: 302}, 200, gameday.ClassOK},
		{"a success with a fallback", answer{status: 200, degraded: true}, 200, gameday.ClassDegraded},
		{"a 404 that the recording has too", answer{status: 404}, 404, gameday.ClassOK},
		{"a 404 where the recording has a success", answer{status: 404}, 200, gameday.ClassError},
		{"a 401 where the recording has a 404", answer{status: 401}, 404, gameday.ClassError},
		{"a 404 where nothing was recorded", answer{status: 404}, 0, gameday.ClassError},
		{"throttled", answer{status: 429}, 200, gameday.ClassRejected},
		{"shed", answer{status: 503, retry: true}, 200, gameday.ClassRejected},
		{"down", answer{status: 503}, 200, gameday.ClassError},
		{"broken, as it was when recorded", answer{status: 500}, 500, gameday.ClassError},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, classify(tt.answer, tt.recorded, 0)) })
	}
}

// FuzzRequest: whatever the tape and the live system say, what is sent is one request with the given method and no more
// than the recorded headers.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/a/b?c=d", "Cookie", "sid=x; a=b", "", "live")
	f.Add("POST", "/login", "Authorization", "Bearer tok-1", `{"user":"tok-1","n":[1,"x"]}`, "a\r\nX: y")
	f.Add("POST", "/x", "Content-Type", "application/x-www-form-urlencoded", "a=tok-1&b", "%%%")
	stamp := testStamp(f, "run")
	f.Fuzz(func(t *testing.T, method, target, name, value, body, now string) {
		e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: []string{method}, Identity: []string{"$.user"}}}, newRoutes(nil), "h", "")
		x := &Exchange{
			Method: method, Target: target, Header: Header{{name, value}}, Body: []byte(body), Size: int64(len(body)),
			Response: &Response{Status: 200},
		}
		r := e.request(x, 0, &lesson{known: hashes{valueOf("tok-1")}})
		if r.skip != "" {
			return
		}
		raw, _ := r.write(nil, stamp, tag{trace: trace{1, 2}}, identity{suffix: "-c2"}, values{{"tok-1", now}})
		in := bufio.NewReader(bytes.NewReader(raw))
		got, err := http.ReadRequest(in)
		if err != nil {
			return // odd, but recorded so
		}
		sent, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("%q goes on behind its end", raw)
		}
		if got.Method != method || len(got.Header) > 7 || got.Header.Get("X-Gameday-Replay") != "run" {
			t.Errorf("%q became %s %v", raw, got.Method, got.Header)
		}
		if json.Valid([]byte(body)) && len(body) > 0 && !json.Valid(sent) {
			t.Errorf("%q became %q", body, sent)
		}
	})
}

func TestMakingARequestReadyIsCheap(t *testing.T) {
	e := newEditor(Config{}, newRoutes([]gameday.Flow{{Name: "browse", Path: "/products/*"}}), "shop", "")
	x := get("s", 0, "/products/17?ref=home")
	x.Header = Header{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}, {"Cookie", "sid=gd~0123456789abcdef"}, {"Authorization", "Bearer gd~fedcba9876543210"}}
	l, stamp := &lesson{}, testStamp(t, "run")
	allocs := testing.AllocsPerRun(100, func() {
		e.request(x, 0, l).write(make([]byte, 0, 512), stamp, tag{trace: trace{1, 2}}, identity{}, nil)
	})
	require.LessOrEqual(t, allocs, 24.0)
}
