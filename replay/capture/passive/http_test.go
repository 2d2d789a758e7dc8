package passive_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

func TestEveryFormOfHTTPOneIsRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
		lost  replay.Tally
	}{
		{"a request and its response", []string{
			"> GET / HTTP/1.1\r\nHost: shop\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "",
		}, []string{"GET / -> 200 ok"}, nil},
		{"a kept connection", []string{
			"> GET /1 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
			"> GET /2 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", "",
		}, []string{"GET /1 -> 200 a", "GET /2 -> 200 b"}, nil},
		{"a body in two packets", []string{
			"> POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc", "> def", "< HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "",
		}, []string{"POST / abcdef -> 201"}, nil},
		{"a header cut within a line", []string{
			"> GET / HTTP/1.1\r\nHo", "> st: shop\r\n\r\n", "< HTTP/1.1 204 No Content\r\n\r\n", "",
		}, []string{"GET / -> 204"}, nil},
		{"a request line and the end of the head cut", []string{
			"> GE", "> T / HT", "> TP/1.1\r", "> \nHost: shop\r\n", "> \r", "> \n", "< HTT", "< P/1.1 20", "< 0 OK\r\nContent-Length: 1\r\n\r", "< \nx", "",
		}, []string{"GET / -> 200 x"}, nil},
		{"three pipelined requests in one packet", []string{
			"> GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n",
			"< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
			"< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc", "",
		}, []string{"GET /1 -> 200 a", "GET /2 -> 200 b", "GET /3 -> 200 c"}, nil},
		{"Expect: 100-continue", []string{
			"> POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "< HTTP/1.1 100 Continue\r\n\r\n",
			"> abc", "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "",
		}, []string{"POST / abc -> 200 ok"}, nil},
		{"early hints before the response", []string{
			"> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "",
		}, []string{"GET / -> 200 ok"}, nil},
		{"chunks whose terminator is cut", []string{
			"> POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "> \r\n",
			"< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nok\r", "< \n0\r", "< \n\r", "< \n", "",
		}, []string{"POST / abc -> 200 ok"}, nil},
		{"chunk data that looks like a terminator at the end of a packet", []string{
			"> POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n0\r\n\r\n", "> abc\r\n0\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "",
		}, []string{"POST / 0\r\n\r\nabc -> 200"}, nil},
		{"a body that ends with the connection", []string{
			"> GET / HTTP/1.0\r\n\r\n", "< HTTP/1.0 200 OK\r\n\r\nall ", "< of it", "",
		}, []string{"GET / -> 200 all of it"}, nil},
		{"HEAD and 304 with a length but no body", []string{
			"> HEAD / HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
			"> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n",
			"> GET /2 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "",
		}, []string{"HEAD / -> 200", "GET / -> 304", "GET /2 -> 200 x"}, nil},
		{"lines that end with a line feed alone, before others in the same packet", []string{
			"> GET /1 HTTP/1.1\nHost: shop\n\nGET /2 HTTP/1.1\r\nHost: shop\n\r\nGET /3 HTTP/1.1\r\n\n",
			"< HTTP/1.1 204 A\n\nHTTP/1.1 204 B\n\r\nHTTP/1.1 204 C\r\n\r\n", "",
		}, []string{"GET /1 -> 204", "GET /2 -> 204", "GET /3 -> 204"}, nil},
		{"an upgrade, after which nothing is HTTP", []string{
			"> GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "< HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nGET",
			"> GET /no HTTP/1.1\r\n\r\n", "",
		}, []string{"GET /ws -> 101"}, nil},
		{"a tunnel", []string{
			"> CONNECT shop:443 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\n\r\n", "> \x16\x03\x01", "< \x16\x03\x01", "",
		}, []string{"CONNECT shop:443 -> 200"}, nil},
		{"an answer before the body is sent", []string{
			"> POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", "< HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", "",
		}, []string{"POST / abc -> 413"}, nil},
		{"an empty line too many between requests", []string{
			"> POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			"> GET /2 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "",
		}, []string{"POST / x -> 200", "GET /2 -> 200"}, nil},
		{"a request that its client breaks off", []string{
			"> POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", "",
		}, []string{}, replay.Tally{passive.LostBroken: 1}},
		{"a response that its server breaks off", []string{
			"> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "",
		}, []string{"GET / -> 200 abc (cut)"}, nil},
		{"a request without a response", []string{"> GET / HTTP/1.1\r\n\r\n", ""}, []string{"GET / -> nothing"}, nil},
		{"a request that is no HTTP, and a good one behind it", []string{
			"> GET /1 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			"> POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", "< HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
			"> GET /2 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "",
		}, []string{"GET /1 -> 200", "GET /2 -> 200"}, replay.Tally{replay.LostParse: 1}},
		{"another protocol", []string{"> \x16\x03\x01 hello", "< \x16\x03\x01", "> more", ""}, []string{}, replay.Tally{replay.LostParse: 1}},
		{"what says to be HTTP/2 and is not", []string{"> PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", "< \x00\x00", ""}, []string{}, replay.Tally{replay.LostParse: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			talk := say(c.lines...)
			s, counts := captured(t, talk.Frames, 8080)
			require.Equal(t, c.want, briefs(s))
			require.Equal(t, c.lost, counts.Lost)
			sum := counts.Bytes.Total()
			require.EqualValues(t, len(talk.Sent(false))+len(talk.Sent(true)), sum, "every byte has a fate: %v", counts.Bytes)
		})
	}
}

func TestHeadersTimesAndConnectionsAreKept(t *testing.T) {
	s, _ := captured(t, say(
		"> POST /a?b=c HTTP/1.1\r\nHost: shop:80\r\nX-One: 1\r\nx-two:  2 \r\nTransfer-Encoding: chunked\r\nX-One: 3\r\n\r\n",
		"> 1\r\nx\r\n0\r\nDigest: abc\r\n\r\n",
		"< HTTP/1.1 200 OK\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n", "< 1\r\ny\r\n0\r\nT: u\r\n\r\n", "",
	).Frames)
	require.Len(t, s.exchanges, 1)
	x := s.exchanges[0]
	require.Equal(t, "shop:80", x.Host)
	require.Equal(t, "/a?b=c", x.Target)
	require.Equal(t, "HTTP/1.1", x.Proto)
	require.Equal(t, replay.Header{{Name: "X-One", Value: "1"}, {Name: "x-two", Value: "2"}, {Name: "Transfer-Encoding", Value: "chunked"}, {Name: "X-One", Value: "3"}}, x.Header)
	require.Equal(t, replay.Header{{Name: "Digest", Value: "abc"}}, x.Trailer)
	require.Equal(t, replay.Header{{Name: "Server", Value: "s"}, {Name: "Transfer-Encoding", Value: "chunked"}}, x.Response.Header)
	require.Equal(t, replay.Header{{Name: "T", Value: "u"}}, x.Response.Trailer)
	require.EqualValues(t, 1, x.Conn)
	require.Equal(t, "conn-1", x.Session)
	const step = time.Millisecond + 60*time.Microsecond // of say: a pause, a packet and its acknowledgements
	require.Equal(t, step+20*time.Microsecond, x.At)
	require.Equal(t, step, x.Upload)
	require.Equal(t, 2*step, x.Response.FirstByte)
	require.Equal(t, step, x.Response.FirstByte-x.Upload, "what the server took")
	require.Equal(t, 3*step, x.Response.Duration)
}

func TestBodiesOverTheLimitAreCutAndCounted(t *testing.T) {
	big := strings.Repeat("x", 9<<20)
	talk := say("> POST / HTTP/1.1\r\nContent-Length: 9437184\r\n\r\n"+big, "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "")
	s, counts := captured(t, talk.Frames)
	require.Len(t, s.exchanges[0].Body, 8<<20)
	require.EqualValues(t, 9<<20, s.exchanges[0].Size)
	require.EqualValues(t, 1, counts.Truncated)
}

func TestWithoutPortsOtherProtocolsAreLeftOut(t *testing.T) {
	_, counts := captured(t, say("> \x16\x03\x01 hello", "").Frames)
	require.Equal(t, replay.Tally{passive.RuleForeign: 1}, counts.Filtered)
	require.Empty(t, counts.Lost)
}

func TestReplayedRequestsAreLeftOut(t *testing.T) {
	s, counts := captured(t, say("> GET / HTTP/1.1\r\nX-Gameday-Replay: run-1\r\n\r\n", "").Frames)
	require.Empty(t, s.exchanges)
	require.Equal(t, replay.Tally{"replayed": 1}, counts.Filtered)
}
