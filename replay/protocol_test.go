package replay

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// recordedAs sets the protocol of the recording.
func recordedAs(proto string, xs []*Exchange) []*Exchange {
	for _, x := range xs {
		x.Proto = proto
	}
	return xs
}

// secure runs a TLS server, and returns its URL and what a client must know of it, a certificate to show included.
func secure(t *testing.T, h2 bool, config *tls.Config, h http.HandlerFunc) (url string, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = h2
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.URL, &tls.Config{RootCAs: roots, ServerName: "example.com", Certificates: s.TLS.Certificates}
}

// clearText runs a server that speaks HTTP/2 without TLS, too, if h2 says so.
func clearText(t *testing.T, h2 bool, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(h2)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func TestRequestsGoByTheProtocolThatFits(t *testing.T) {
	for _, tt := range []struct {
		name     string
		tls      bool
		serverH2 bool
		recorded string
		all      bool
		major    int32
		sender   string
	}{
		{"recorded over HTTP/1.1, by the fast path", false, true, "HTTP/1.1", false, 1, byFastPath},
		{"over TLS too, though the server would speak HTTP/2", true, true, "HTTP/1.1", false, 1, byFastPath},
		{"recorded over HTTP/2, to a server that speaks it", true, true, "HTTP/2.0", false, 2, byFrames},
		{"recorded over HTTP/2, to a server that speaks it without TLS", false, true, "HTTP/2.0", false, 2, byFrames},
		{"recorded over HTTP/2, to a server that does not: the first few by net/http, the rest by the fast path", true, false, "HTTP/2.0", false, 1, byFastPath},
		{"and without TLS", false, false, "HTTP/2.0", false, 1, byFastPath},
		{"over HTTP/1.1 by net/http where a server turns HTTP/2 down that the user wants", true, false, "HTTP/1.1", true, 1, byNetHTTP},
		{"all over HTTP/2 because the user says so", false, true, "HTTP/1.1", true, 2, byFrames},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var major atomic.Int32
			handler := func(w http.ResponseWriter, r *http.Request) { major.Store(int32(r.ProtoMajor)) }
			c := Config{Open: opener(recordedAs(tt.recorded, every(100, 200, 5))...), HTTP2: tt.all, Traffic: gameday.TrafficPlan{MaxLate: gameday.Duration(time.Minute), Timeout: gameday.Duration(time.Minute)}}
			if tt.tls {
				url, client := secure(t, tt.serverH2, nil, handler)
				c.Targets, c.TLS = []string{url}, client
			} else {
				c.Targets = []string{clearText(t, tt.serverH2, handler)}
			}
			traffic, slices := play(t, c)
			total, _, _ := sum(slices, "")
			require.EqualValues(t, 100, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
			require.Equal(t, tt.major, major.Load())
			require.GreaterOrEqual(t, traffic.Fidelity.Senders[tt.sender], int64(90), "%v", traffic.Fidelity.Senders)
		})
	}
}

func TestTheClientShowsItsCertificate(t *testing.T) {
	var names atomic.Int32
	url, client := secure(t, false, &tls.Config{ClientAuth: tls.RequireAnyClientCert}, func(w http.ResponseWriter, r *http.Request) { names.Add(int32(len(r.TLS.PeerCertificates))) })
	_, slices := play(t, Config{Open: opener(every(20, 200, 5)...), Targets: []string{url}, TLS: client})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 20, total.Classes[gameday.ClassOK])
	require.EqualValues(t, 20, names.Load())
}

func TestAServerNobodyTrustsIsAnError(t *testing.T) {
	url, _ := secure(t, false, nil, func(http.ResponseWriter, *http.Request) {})
	traffic, slices := play(t, Config{Open: opener(get("", 0, "/")), Targets: []string{url}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 1, total.Classes[gameday.ClassError])
	require.Contains(t, traffic.Worst[0].Error, "certificate")
}

// Bodies of any length go both ways under TLS, in many records.
func TestLongBodiesUnderTLS(t *testing.T) {
	url, client := secure(t, false, nil, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	x := get("s", 0, "/echo")
	x.Method, x.Body, x.Size = "POST", []byte(strings.Repeat("x", 4<<20)), 4<<20
	y := *x
	y.At = 10 * time.Millisecond
	traffic, slices := play(t, Config{Open: opener(x, &y), Targets: []string{url}, TLS: client, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(20 * time.Second)}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 2, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 8<<20, traffic.Slices[0].BytesIn)
	require.EqualValues(t, 1, traffic.Fidelity.Connections)
}

func TestUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	var host atomic.Value
	s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host.Store(r.Host) })}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	_, slices := play(t, Config{Open: opener(every(20, 200, 5)...), Targets: []string{"unix://" + path}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 20, total.Classes[gameday.ClassOK])
	require.Equal(t, "localhost", host.Load())
}

// A gRPC call is a POST over HTTP/2 whose outcome is in the trailer. Its messages are the body, one or a stream of
// them.
func TestGRPC(t *testing.T) {
	const first, second = "\x00\x00\x00\x00\x03abc", "\x00\x00\x00\x00\x02de"
	var bodies seen
	url := clearText(t, true, func(w http.ResponseWriter, r *http.Request) {
		body := bodies.note(r)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = io.WriteString(w, body)
		w.Header().Set("Grpc-Status", r.Header.Get("X-Want"))
	})
	call := func(at time.Duration, body, recorded, now string) *Exchange {
		return &Exchange{
			Session: "s" + now, At: at, Method: "POST", Target: "/shop.Cart/Add", Proto: "HTTP/2.0", Body: []byte(body), Size: int64(len(body)),
			Header:   Header{{"Content-Type", "application/grpc"}, {"Te", "trailers"}, {"X-Want", now}},
			Response: &Response{Status: 200, Trailer: Header{{"Grpc-Status", recorded}}},
		}
	}
	traffic, slices := play(t, Config{
		Open: opener(
			call(0, first, "0", "0"), call(1*time.Millisecond, first+second, "0", "0"), // unary, client stream
			call(2*time.Millisecond, first, "0", "8"), call(3*time.Millisecond, first, "0", "13"), call(4*time.Millisecond, first, "5", "5"),
		),
		Targets: []string{url}, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}},
	})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 3, total.Classes[gameday.ClassOK], "two went well, and one was not found, as it was when recorded: %+v", traffic.Worst)
	require.EqualValues(t, 1, total.Classes[gameday.ClassRejected], "resource exhausted")
	require.EqualValues(t, 1, total.Classes[gameday.ClassError], "internal")
	require.Contains(t, bodies.bodies, first+second)
	for _, r := range bodies.requests {
		require.Equal(t, "trailers", r.Header.Get("Te"))
		require.Equal(t, 2, r.ProtoMajor)
	}
	require.EqualValues(t, 5, traffic.Fidelity.Senders[byFrames])
}

func TestSessionsStayOnTheirShard(t *testing.T) {
	var inFlight [40]atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := &inFlight[len(r.Header.Get("X-Session"))]
		if n.Add(1) > 1 {
			t.Error("two requests of one session at the same time")
		}
		time.Sleep(time.Millisecond)
		n.Add(-1)
	})
	xs := every(1000, 1000, 40)
	for i, x := range xs {
		x.Header = Header{{"X-Session", strings.Repeat("x", i%40)}}
	}
	traffic, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}, Shards: 3, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Minute)}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 1000, total.Classes[gameday.ClassOK])
	require.LessOrEqual(t, traffic.Fidelity.Connections, int64(60))
}
