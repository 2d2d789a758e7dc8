package passive_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

const patience = time.Minute // for what comes at once on a quiet machine

// relaying starts a relay in front of a service; stop ends it and returns its error.
func relaying(t *testing.T, service string, s *shelf, o capture.Options) (addr string, r *passive.Relay, stop func() error) {
	t.Helper()
	r, err := passive.NewRelay("http://"+service, s, o)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, l.(*net.TCPListener)) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return l.Addr().String(), r, stop
}

// listening returns the address of a service of which the test accepts the connections.
func listening(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// connect returns both ends of a connection through a relay.
func connect(t *testing.T, addr string, l net.Listener) (client, service *net.TCPConn) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	for _, one := range []net.Conn{c, s} {
		t.Cleanup(func() { _ = one.Close() })
		require.NoError(t, one.SetDeadline(time.Now().Add(patience)))
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// tell writes on one connection what has to arrive on the other.
func tell(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(from, text)
	require.NoError(t, err)
	b := make([]byte, len(text))
	_, err = io.ReadFull(to, b)
	require.NoError(t, err)
	require.Equal(t, text, string(b))
}

func TestARelayPassesEveryByteAsItComes(t *testing.T) {
	for _, row := range []struct {
		about           string
		asked, answered string
		want            []string // exchanges
		counts          replay.Counts
	}{
		{
			"names and order of header lines, and odd blanks",
			"GET /a HTTP/1.1\r\nhOST:   h\r\nX-B:1\r\nx-a: 2\r\nX-B: 3 \r\n\r\n", "HTTP/1.1 200 Fine by me\r\ncontent-LENGTH: 2\r\n\r\nok",
			[]string{"GET /a -> 200 ok"},
			replay.Counts{Captured: 1},
		},
		{
			"HTTP/1.0",
			"GET /a HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
			[]string{"GET /a -> 200 ok"},
			replay.Counts{Captured: 1},
		},
		{
			"a target with a host",
			"GET http://other/a HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
			[]string{"GET http://other/a -> 204"},
			replay.Counts{Captured: 1},
		},
		{
			"a chunk with an extension, and a trailer",
			"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;why=not\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			[]string{"POST /a ab -> 200"},
			replay.Counts{Captured: 1},
		},
		{
			"two answers before the one that counts",
			"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
			[]string{"GET /a -> 200 ok"},
			replay.Counts{Captured: 1},
		},
		{
			"a head that is never whole",
			"GET /a HTTP/1.1\r\nHo", "",
			[]string{},
			replay.Counts{Lost: replay.Tally{passive.LostBroken: 1}},
		},
		{
			"and one that is refused before",
			"GET /a HTTP/1.1\r\nHo", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
			[]string{},
			replay.Counts{Lost: replay.Tally{passive.LostBroken: 1}},
		},
		{
			"what is no HTTP",
			"\x16\x03\x01 hello?\n", "\x00 who is there?\n",
			[]string{},
			replay.Counts{Lost: replay.Tally{replay.LostParse: 1}},
		},
		{
			"what is no HTTP any more",
			"GET /a HTTP/1.1\r\nHost: h\r\n\r\n?\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!",
			[]string{"GET /a -> 200 ok"},
			replay.Counts{Captured: 1, Lost: replay.Tally{replay.LostParse: 1}},
		},
	} {
		t.Run(row.about, func(t *testing.T) {
			l := listening(t)
			var s shelf
			addr, r, stop := relaying(t, l.Addr().String(), &s, capture.Options{})
			client, service := connect(t, addr, l)
			tell(t, client, service, row.asked)
			tell(t, service, client, row.answered)
			require.NoError(t, client.CloseWrite())
			_, err := service.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err, "the end passes, too")
			require.NoError(t, service.Close())
			_, err = client.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err)
			require.NoError(t, stop())
			require.Equal(t, row.want, briefs(&s))
			require.Equal(t, row.counts, r.Counts())
			require.Zero(t, r.Status().Held)
		})
	}
}

func TestARelayRecordsHeaderLinesInTheirOrder(t *testing.T) {
	l := listening(t)
	var s shelf
	addr, _, stop := relaying(t, l.Addr().String(), &s, capture.Options{})
	client, service := connect(t, addr, l)
	tell(t, client, service, "GET /a HTTP/1.1\r\nx-b: 1\r\nHost: h\r\nX-A: 2\r\nx-b: 3\r\n\r\n")
	tell(t, service, client, "HTTP/1.1 204 No Content\r\nZ: 1\r\na: 2\r\n\r\n")
	require.NoError(t, stop())
	require.Equal(t, replay.Header{{Name: "x-b", Value: "1"}, {Name: "X-A", Value: "2"}, {Name: "x-b", Value: "3"}}, s.exchanges[0].Header)
	require.Equal(t, replay.Header{{Name: "Z", Value: "1"}, {Name: "a", Value: "2"}}, s.exchanges[0].Response.Header)
}

func TestARelayThatEndsLetsExchangesEnd(t *testing.T) {
	l := listening(t)
	var s shelf
	addr, r, stop := relaying(t, l.Addr().String(), &s, capture.Options{})
	idle, _ := connect(t, addr, l)
	client, service := connect(t, addr, l)
	tell(t, client, service, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
	ended := make(chan error)
	go func() { ended <- stop() }()
	_, err := idle.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err, "who is idle is told of the end at once")
	tell(t, service, client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
	tell(t, service, client, "done")
	_, _ = io.WriteString(client, "GET /more HTTP/1.1\r\nHost: h\r\n\r\n") // by a client that has not heard yet
	rest, err := io.ReadAll(service)
	require.NoError(t, err)
	require.Empty(t, rest, "what could not be answered any more is not asked")
	require.NoError(t, <-ended)
	require.Equal(t, []string{"GET /slow -> 200 done"}, briefs(&s))
	require.Equal(t, replay.Counts{Captured: 1}, r.Counts())
	_, err = net.Dial("tcp", addr)
	require.Error(t, err, "nobody listens any more")
}

// A client of HTTP/2 is told nothing, for nobody speaks its language here.
func TestAClientOfAServiceThatIsDownIsNotKeptWaiting(t *testing.T) {
	const get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, row := range []struct {
		about, asked, answered string
		counts                 replay.Counts
	}{
		{"by HTTP/1", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 502 ", replay.Counts{Captured: 1, Cut: 1}},
		{
			"who asks before it sends a body", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 502 ",
			replay.Counts{Lost: replay.Tally{passive.LostBroken: 1}},
		},
		{"who does not wait for answers", strings.Repeat(get, 2000), "HTTP/1.1 502 ", replay.Counts{Captured: 2000, Cut: 2000}},
		{"by HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "", replay.Counts{}},
		{"who ends at once", "", "", replay.Counts{}},
	} {
		t.Run(row.about, func(t *testing.T) {
			l := listening(t)
			require.NoError(t, l.Close())
			var s shelf
			addr, r, stop := relaying(t, l.Addr().String(), &s, capture.Options{})
			client, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer client.Close()
			require.NoError(t, client.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(client, row.asked)
			require.NoError(t, err)
			if row.asked == "" {
				require.NoError(t, client.(*net.TCPConn).CloseWrite())
			}
			answer, err := io.ReadAll(client)
			require.NoError(t, err)
			require.Equal(t, row.answered, string(answer[:min(len(answer), len(row.answered))]))
			require.Equal(t, row.answered == "", len(answer) == 0)
			require.NoError(t, client.Close())
			require.NoError(t, stop())
			require.Equal(t, row.counts, r.Counts())
		})
	}
}

// What a caller of the package brings along may fail: the traffic does not.
func TestAFilterThatPanicsCostsTheRecordOfAConnection(t *testing.T) {
	l := listening(t)
	var s shelf
	addr, r, stop := relaying(t, l.Addr().String(), &s, capture.Options{Filter: func(r *http.Request) bool {
		if r.URL.Path == "/bad" {
			panic("no")
		}
		return true
	}})
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	client, service := connect(t, addr, l)
	for range 2 {
		tell(t, client, service, "GET /bad HTTP/1.1\r\nHost: h\r\n\r\n")
		tell(t, service, client, answer)
	}
	client, service = connect(t, addr, l)
	tell(t, client, service, "GET /good HTTP/1.1\r\nHost: h\r\n\r\n")
	tell(t, service, client, answer)
	require.ErrorContains(t, stop(), "read what passes: panic: no")
	require.Equal(t, []string{"GET /good -> 200 ok"}, briefs(&s))
	require.EqualValues(t, 1, r.Counts().Lost[passive.LostReading])
}

func TestARelayServesManyAtOnce(t *testing.T) {
	const clients, each = 40, 25
	service := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Proto, r.URL.Path, strings.Repeat("x", len(body)))
	}), Protocols: new(http.Protocols)}
	service.Protocols.SetHTTP1(true)
	service.Protocols.SetUnencryptedHTTP2(true)
	l := listening(t)
	var serving sync.WaitGroup
	serving.Go(func() { _ = service.Serve(l) })
	defer serving.Wait()
	defer service.Close()
	var s shelf
	addr, r, stop := relaying(t, l.Addr().String(), &s, capture.Options{})
	var running sync.WaitGroup
	for i := range clients {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(i%2 == 0)
		transport.Protocols.SetUnencryptedHTTP2(i%2 == 1)
		client := &http.Client{Transport: transport, Timeout: patience}
		running.Go(func() {
			defer transport.CloseIdleConnections()
			for j := range each {
				resp, err := client.Post(fmt.Sprintf("http://%s/%d/%d", addr, i, j), "text/plain", strings.NewReader(strings.Repeat("x", 100*j)))
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(bufio.NewReader(resp.Body))
				_ = resp.Body.Close()
				if err != nil || len(body) < 100*j {
					t.Errorf("%d bytes: %v", len(body), err)
				}
			}
		})
	}
	running.Wait()
	require.NoError(t, stop())
	require.Equal(t, replay.Counts{Captured: clients * each}, r.Counts())
	conns, seen := map[uint64]bool{}, map[string]bool{}
	for _, x := range s.exchanges {
		conns[x.Conn], seen[x.Target] = true, true
		require.Equal(t, x.Proto+" "+x.Target+" "+string(x.Body), string(x.Response.Body))
	}
	require.Len(t, seen, clients*each, "each once")
	require.Len(t, conns, clients)
	require.Zero(t, r.Status().Held)
}

func TestARelayIsForPlainText(t *testing.T) {
	for service, problem := range map[string]string{
		"https://127.0.0.1:1":   "relay to https://127.0.0.1:1: what is encrypted cannot be read on the way",
		"http://127.0.0.1:1/a":  "not the base URL of a service",
		"127.0.0.1:1":           "capture 127.0.0.1:1: ",
		"http://127.0.0.1:1?a=": "not the base URL of a service",
	} {
		_, err := passive.NewRelay(service, new(shelf), capture.Options{})
		require.ErrorContains(t, err, problem)
	}
	r, err := passive.NewRelay("http://127.0.0.1:1", new(shelf), capture.Options{})
	require.NoError(t, err)
	require.NoError(t, r.Close(), "one that never served")
}
