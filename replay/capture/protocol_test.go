package capture_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// secret starts a TLS service that offers HTTP/2, and returns what a client needs to trust it.
func secret(t *testing.T, h http.Handler) (service *httptest.Server, trust *tls.Config) {
	t.Helper()
	service = httptest.NewUnstartedServer(h)
	service.EnableHTTP2 = true
	service.StartTLS()
	t.Cleanup(service.Close)
	return service, service.Client().Transport.(*http.Transport).TLSClientConfig
}

// plain starts a service without TLS that speaks HTTP/2 to those who begin with it.
func plain(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	service := httptest.NewUnstartedServer(h)
	service.Config.Protocols = new(http.Protocols)
	service.Config.Protocols.SetHTTP1(true)
	service.Config.Protocols.SetUnencryptedHTTP2(true)
	service.Start()
	t.Cleanup(service.Close)
	return service
}

// speaking returns a client of one version of HTTP.
func speaking(t *testing.T, trust *tls.Config, version int) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: trust, Protocols: new(http.Protocols)}
	switch {
	case version == 1:
		tr.Protocols.SetHTTP1(true)
	case trust != nil:
		tr.Protocols.SetHTTP2(true)
	default:
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func TestEveryVersionOfHTTPPassesAndIsRecorded(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Proto, body, r.Trailer.Get("X-Check"))
		w.Header().Set("X-Sum", fmt.Sprint(len(body)))
	})
	tlsService, trust := secret(t, answer)
	plainService := plain(t, answer)
	server := &tls.Config{Certificates: tlsService.TLS.Certificates}
	for _, c := range []struct {
		sentence string
		service  string
		upstream *tls.Config
		server   *tls.Config
		version  int
		seen     string // by the service
		relay    bool
	}{
		{"HTTP/1.1 through a relay", plainService.URL, nil, nil, 1, "HTTP/1.1", true},
		{"HTTP/2 through a relay", plainService.URL, nil, nil, 2, "HTTP/2.0", true},
		{"HTTP/1.1 to a plain service", plainService.URL, nil, nil, 1, "HTTP/1.1", false},
		{"HTTP/2 that begins in plain text reaches the service as such", plainService.URL, nil, nil, 2, "HTTP/2.0", false},
		{"HTTP/1.1 over TLS on both sides", tlsService.URL, trust, server, 1, "HTTP/1.1", false},
		{"HTTP/2 over TLS on both sides", tlsService.URL, trust, server, 2, "HTTP/2.0", false},
		{"HTTP/2 over TLS for clients of a plain service", plainService.URL, nil, server, 2, "HTTP/1.1", false},
		{"HTTP/1.1 for clients of a TLS service", tlsService.URL, trust, nil, 1, "HTTP/1.1", false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			var m memory
			var addr string
			var p front
			var stop func() error
			if c.relay {
				addr, p, stop = relayed(t, strings.TrimPrefix(c.service, "http://"), &m, capture.Options{})
			} else {
				addr, p, stop = proxied(t, c.service, &m, capture.ProxyOptions{Server: c.server, Upstream: c.upstream})
			}
			scheme, clientTrust := "http", (*tls.Config)(nil)
			if c.server != nil {
				scheme, clientTrust = "https", trust
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+addr+"/a?b=c", io.MultiReader(strings.NewReader("hello")))
			require.NoError(t, err)
			r.Trailer = http.Header{"X-Check": {"42"}}
			resp, err := speaking(t, clientTrust, c.version).Do(r)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, c.version, resp.ProtoMajor)
			require.Equal(t, c.seen+" hello 42", string(body))
			require.Equal(t, "5", resp.Trailer.Get("X-Sum"))
			require.NoError(t, stop())
			require.Len(t, m.xs, 1)
			x := m.xs[0]
			require.Equal(t, r.Method+" /a?b=c hello", x.Method+" "+x.Target+" "+string(x.Body))
			require.True(t, strings.HasPrefix(x.Proto, fmt.Sprintf("HTTP/%d.", c.version)), x.Proto)
			require.Len(t, append(x.Trailer, x.Response.Trailer...), 2)
			require.Equal(t, "42", x.Trailer.Get("X-Check"))
			require.Equal(t, "5", x.Response.Trailer.Get("X-Sum"))
			require.Equal(t, string(body), string(x.Response.Body))
			require.Equal(t, replay.Counts{Captured: 1}, p.Counts())
		})
	}
}

func TestAServiceThatNobodyVouchesForIsRefused(t *testing.T) {
	service, _ := secret(t, http.NotFoundHandler())
	var m memory
	addr, _, stop := proxied(t, service.URL, &m, capture.ProxyOptions{})
	require.Equal(t, []string{"502 "}, talk(t, addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET"))
	require.NoError(t, stop())
	require.Nil(t, m.xs[0].Response)
}

func TestEventsArriveAsTheyAreSent(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		next := make(chan struct{})
		service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-next: // the client has seen this one
				case <-r.Context().Done():
					return
				}
			}
		})
		var m memory
		addr, _, stop := tapped(t, serve(t, service), &m, capture.Options{})
		resp, err := speaking(t, nil, 1).Get("http://" + addr)
		require.NoError(t, err)
		in := bufio.NewReader(resp.Body)
		for i := range 3 {
			line, err := in.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("data: %d\n", i), line)
			_, _ = in.ReadString('\n')
			next <- struct{}{}
		}
		require.NoError(t, resp.Body.Close())
		require.NoError(t, stop())
		require.Equal(t, "data: 0\n\ndata: 1\n\ndata: 2\n\n", string(m.xs[0].Response.Body))
	})
}

// rawService answers each connection with bytes that net/http would not write.
func rawService(t *testing.T, answers map[string]func(net.Conn, *http.Request)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(c)
			for {
				r, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, r.Body)
				answers[r.URL.Path](c, r)
				if r.URL.Path == "/close" {
					break
				}
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func say(parts ...string) func(net.Conn, *http.Request) {
	return func(c net.Conn, _ *http.Request) {
		for _, part := range parts {
			_, _ = io.WriteString(c, part)
			time.Sleep(5 * time.Millisecond) // so that each part is a segment of its own
		}
	}
}

// TestWhatOtherRecordersLose sends each of the cases that a recorder by packets is known to lose, in the segments
// in which it loses them, and wants all of them on both sides of the proxy and on the tape.
func TestWhatOtherRecordersLose(t *testing.T) {
	eitherWay(t, func(t *testing.T, tapped tapper) {
		big := strings.Repeat("0123456789abcdef", 3<<20/16)
		service := rawService(t, map[string]func(net.Conn, *http.Request){
			"/a":     say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
			"/head":  say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
			"/close": say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "until ", "the end"),
			"/split": say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "0\r\n", "\r\n"),
			"/304":   say("HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n"),
		})
		for _, c := range []struct {
			sentence string
			segments []string
			methods  []string
			replies  []string
			body     string // of the last request
		}{
			{"a simple request", []string{"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"GET"}, []string{"200 ok"}, ""},
			{"three on one connection", []string{"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"GET", "GET", "GET"}, []string{"200 ok", "200 ok", "200 ok"}, ""},
			{"three pipelined", []string{strings.Repeat("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", 3)}, []string{"GET", "GET", "GET"}, []string{"200 ok", "200 ok", "200 ok"}, ""},
			{"a body in a segment of its own", []string{"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n", "body"}, []string{"POST"}, []string{"200 ok"}, "body"},
			{"3 MB", []string{fmt.Sprintf("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(big), big)}, []string{"POST"}, []string{"200 ok"}, big},
			{"a header in two segments", []string{"GET /a HTTP/1.1\r\nHost: h\r\nX-A: 1", "23\r\n\r\n"}, []string{"GET"}, []string{"200 ok"}, ""},
			{"a request line in two segments", []string{"GE", "T /a HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"GET"}, []string{"200 ok"}, ""},
			{"the end of the head in two segments", []string{"GET /a HTTP/1.1\r\nHost: h\r\n\r", "\n"}, []string{"GET"}, []string{"200 ok"}, ""},
			{"Expect: 100-continue", []string{"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", "body"}, []string{"POST"}, []string{"200 ok"}, "body"},
			{"the end of the chunks in two segments", []string{"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "\r\n"}, []string{"POST"}, []string{"200 ok"}, "abc"},
			{"a chunk that holds the end of chunks", []string{"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab0\r\n\r\n", "cd\r\n0\r\n\r\n"}, []string{"POST"}, []string{"200 ok"}, "ab0\r\n\r\ncd"},
			{"a response that ends with its connection", []string{"GET /close HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"GET"}, []string{"200 until the end"}, ""},
			{"HEAD", []string{"HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"HEAD"}, []string{"200 "}, ""},
			{"304 with a length", []string{"GET /304 HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"GET"}, []string{"304 "}, ""},
			{"a chunked response whose end is in two segments", []string{"GET /split HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"GET"}, []string{"200 abc"}, ""},
		} {
			t.Run(c.sentence, func(t *testing.T) {
				var m memory
				addr, p, stop := tapped(t, service, &m, capture.Options{})
				require.Equal(t, c.replies, talkInSegments(t, addr, c.segments, c.methods...))
				require.NoError(t, stop())
				require.Equal(t, replay.Counts{Captured: uint64(len(c.methods))}, p.Counts(), "0 lost")
				for i, x := range m.xs {
					require.Equal(t, c.replies[i], fmt.Sprintf("%d %s", x.Response.Status, x.Response.Body))
					require.False(t, x.Truncated() || x.Response.Truncated() || x.Response.Cut)
				}
				require.True(t, bytes.Equal([]byte(c.body), m.xs[len(m.xs)-1].Body), "request body")
			})
		}
	})
}
