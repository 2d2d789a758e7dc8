package replay

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

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
	r := e.request(x, &lesson{})
	require.Empty(t, r.skip)
	raw, missing := r.write(nil, "run-7", trace{1, 2}, identity{suffix: "-c2"}, nil)
	require.Zero(t, missing)
	got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	require.NoError(t, err)
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, `{"user": {"name": "al\"ice-c2"}, "password":"pw-al\"ice-c2!","n":1}`, string(body))
	require.EqualValues(t, len(body), got.ContentLength)
	require.Equal(t, "/base/login?next=%2Fcart", got.RequestURI)
	require.Equal(t, "staging:8080", got.Host)
	got.Header.Del("Traceparent")
	require.Equal(t, http.Header{
		"Accept": {"*/*"}, "Cookie": {"theme=dark; sid=abc-c2"}, "X-Tenant": {`of al"ice-c2`}, "X-Gameday-Replay": {"run-7"},
		"Content-Length": {"67"},
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
		{"no method", Exchange{Target: "/"}, skipMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, e.request(&tt.x, &lesson{}).skip) })
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
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, classify(tt.answer, tt.recorded)) })
	}
}
