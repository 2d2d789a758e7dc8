package capture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// recorded is a short recording of two sessions.
func recorded() []*replay.Exchange {
	return []*replay.Exchange{
		{
			Session: "abc", Conn: 443, At: 0, Upload: time.Millisecond, Method: "POST", Target: "/login?next=%2Fa&x", Host: "shop.example.com", Proto: "HTTP/1.1",
			Header: replay.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Cookie", Value: "sid=abc"}, {Name: "X-B", Value: "1"}, {Name: "x-b", Value: "2"}},
			Body:   []byte(`{"user":"a <b> & \u2028"}`), Size: 25,
			Response: &replay.Response{
				Status: 200, Header: replay.Header{{Name: "Content-Type", Value: "text/plain"}}, Body: []byte("ok"), Size: 2,
				FirstByte: 5 * time.Millisecond, Duration: 6 * time.Millisecond,
			},
		},
		{Session: "def", Conn: 444, Seq: 1, At: 20 * time.Millisecond, Method: "GET", Target: "/b", Host: "shop.example.com", Proto: "HTTP/1.1", Header: replay.Header{{Name: "Cookie", Value: "sid=def"}}},
		{
			Session: "abc", Conn: 443, Seq: 2, At: 40 * time.Millisecond, Method: "PUT", Target: "/c", Host: "shop.example.com", Proto: "HTTP/1.1",
			Header: replay.Header{{Name: "Cookie", Value: "sid=abc"}, {Name: "Content-Type", Value: "application/octet-stream"}}, Body: []byte("\x00\xff\r\n"), Size: 4,
			Response: &replay.Response{Status: 204, FirstByte: time.Millisecond, Duration: time.Millisecond},
		},
	}
}

func export(t testing.TB, f capture.Format, o capture.ExportOptions, xs ...*replay.Exchange) (string, []string) {
	t.Helper()
	var b bytes.Buffer
	w, err := capture.NewExporter(&b, f, o)
	require.NoError(t, err)
	var unfit []string
	for _, x := range xs {
		if err := w.Record(x); err != nil {
			require.ErrorIs(t, err, capture.ErrUnfit)
			unfit = append(unfit, err.Error())
		}
	}
	require.NoError(t, w.Close())
	return b.String(), unfit
}

func TestHARRoundTrip(t *testing.T) {
	start := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	text, unfit := export(t, capture.FormatHAR, capture.ExportOptions{Start: start, Tool: "gameday 1"}, recorded()...)
	require.Empty(t, unfit)
	require.True(t, json.Valid([]byte(text)))
	xs, problems, in, err := importAs(t, text, capture.ImportOptions{})
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, start, in.Start().UTC())
	require.Equal(t, recorded(), xs)

	empty, _ := export(t, capture.FormatHAR, capture.ExportOptions{})
	require.True(t, json.Valid([]byte(empty)))
}

// TestMessagesOfAnArchiveRoundTrip: they stand in the entries of their WebSockets, which keep their order.
func TestMessagesOfAnArchiveRoundTrip(t *testing.T) {
	start := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	chat := func(seq uint64, at time.Duration) *replay.Exchange {
		h := replay.Header{{Name: "Upgrade", Value: "websocket"}}
		return &replay.Exchange{Seq: seq, At: at, Method: "GET", Target: fmt.Sprint("/chat/", seq), Host: "h", Header: h, Response: &replay.Response{Status: 101, Header: h}}
	}
	var b strings.Builder
	w, err := capture.NewExporter(&b, capture.FormatHAR, capture.ExportOptions{Start: start})
	require.NoError(t, err)
	say := func(exchange uint64, at time.Duration, fromServer bool, kind replay.MessageKind, text string) error {
		return w.(replay.Messenger).Message(&replay.Message{Exchange: exchange, At: at, FromServer: fromServer, Kind: kind, Body: []byte(text), Size: int64(len(text))})
	}
	require.NoError(t, w.Record(chat(0, 0)))
	require.NoError(t, w.Record(&replay.Exchange{Seq: 1, At: time.Second, Method: "GET", Target: "/meanwhile", Host: "h"}))
	require.NoError(t, say(0, 2*time.Second, false, replay.TextMessage, "h\u00e9llo"))
	require.NoError(t, w.Record(chat(2, 3*time.Second)))
	require.NoError(t, say(2, 4*time.Second, true, replay.BinaryMessage, "\x00\xff"))
	require.NoError(t, say(0, 5*time.Second+time.Microsecond, true, replay.CloseMessage, "\x03\xe8"))
	require.NoError(t, say(0, 6*time.Second, false, replay.CloseMessage, "\x03\xe8"))
	require.Contains(t, b.String(), "/meanwhile", "what waited for the first conversation is written when that is over")
	require.NotContains(t, b.String(), "/chat/2")

	require.ErrorIs(t, say(0, 7*time.Second, false, replay.TextMessage, "too late"), capture.ErrUnfit)
	require.ErrorIs(t, say(7, 7*time.Second, false, replay.TextMessage, "of nobody"), capture.ErrUnfit)
	require.ErrorIs(t, say(2, 7*time.Second, false, replay.TextMessage, "\xff"), capture.ErrUnfit)
	require.ErrorIs(t, w.(replay.Messenger).Message(&replay.Message{Exchange: 2, Kind: replay.TextMessage, Body: []byte("cu"), Size: 3}), capture.ErrUnfit)
	require.NoError(t, w.Close())

	require.True(t, json.Valid([]byte(b.String())))
	in, err := capture.Read(strings.NewReader(b.String()), "x", capture.ImportOptions{})
	require.NoError(t, err)
	var events []string
	for _, line := range eventsOf(t, in) {
		events = append(events, strings.NewReplacer("conn-", "").Replace(line))
	}
	require.Equal(t, []string{
		"0s GET /chat/0",
		"1s GET /meanwhile",
		"2s 1 of 0  from server false: h\u00e9llo",
		"3s GET /chat/2",
		"4s 2 of 2  from server true: \x00\xff",
		"5.000001s 8 of 0  from server true: \x03\xe8",
		"6s 8 of 0  from server false: \x03\xe8",
	}, events)
}

// TestEntriesWithoutBodiesDoNotPileUp: they take memory too, and looking through all of them for each record takes for ever.
func TestEntriesWithoutBodiesDoNotPileUp(t *testing.T) {
	for _, row := range []struct {
		sentence   string
		target     string
		many, left int // how many are recorded, and how many of these wait at most
	}{
		{"a few thousand wait", "/small", 20_000, 4096},
		{"long targets weigh, too", "/small/" + strings.Repeat("a", 1<<20), 40, 16},
	} {
		var b strings.Builder
		w, err := capture.NewExporter(&b, capture.FormatHAR, capture.ExportOptions{})
		require.NoError(t, err)
		h := replay.Header{{Name: "Upgrade", Value: "websocket"}}
		require.NoError(t, w.Record(&replay.Exchange{Method: "GET", Target: "/chat", Host: "h", Header: h, Response: &replay.Response{Status: 101, Header: h}}))
		for n := range row.many {
			require.NoError(t, w.Record(&replay.Exchange{Seq: uint64(n + 1), Method: "GET", Target: row.target, Host: "h", Response: &replay.Response{Status: 204}}))
		}
		require.GreaterOrEqual(t, strings.Count(b.String(), `"url":"http://h/small`), row.many-row.left, row.sentence)
		require.NotContains(t, b.String(), "/chat")
		require.NoError(t, w.Close())
		require.Equal(t, row.many, strings.Count(b.String(), `"url":"http://h/small`))
		require.Contains(t, b.String(), "ws://h/chat")
	}
}

// TestAConversationThatDoesNotEndHoldsNothingUpForever: what comes behind it is written when too much waits.
func TestAConversationThatDoesNotEndHoldsNothingUpForever(t *testing.T) {
	var b strings.Builder
	w, err := capture.NewExporter(&b, capture.FormatHAR, capture.ExportOptions{})
	require.NoError(t, err)
	h := replay.Header{{Name: "Upgrade", Value: "websocket"}}
	require.NoError(t, w.Record(&replay.Exchange{Method: "GET", Target: "/chat", Host: "h", Header: h, Response: &replay.Response{Status: 101, Header: h}}))
	body := make([]byte, 8<<20)
	for n := range uint64(6) {
		require.NoError(t, w.Record(&replay.Exchange{Seq: n + 1, Method: "POST", Target: "/large", Host: "h", Body: body, Size: int64(len(body))}))
	}
	require.Equal(t, 4, strings.Count(b.String(), "/large"), "less than 32 MiB wait")
	require.NotContains(t, b.String(), "/chat")
	require.NoError(t, w.Close())
	require.Equal(t, 6, strings.Count(b.String(), `http://h/large"`))
	require.Contains(t, b.String(), "ws://h/chat")
}

func TestHARHasBodiesWithoutTheirCoding(t *testing.T) {
	gzipped := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xffK\x04\x00C\xbe\xb7\xe8\x01\x00\x00\x00") // "a"
	for coding, want := range map[string]string{"gzip": "a", "br": string(gzipped)} {
		x := &replay.Exchange{Method: "GET", Target: "/", Host: "h", Response: &replay.Response{
			Status: 200, Header: replay.Header{{Name: "Content-Encoding", Value: coding}}, Body: gzipped, Size: int64(len(gzipped)),
		}}
		text, _ := export(t, capture.FormatHAR, capture.ExportOptions{}, x)
		xs, _, _, err := importAs(t, text, capture.ImportOptions{})
		require.NoError(t, err)
		require.Equal(t, want, string(xs[0].Response.Body))
		require.Equal(t, coding == "br", xs[0].Response.Header.Has("Content-Encoding"), "what was decoded says nothing of a coding")
	}
}

// TestVegetaTargetsRoundTrip: the importer reads what vegeta's own encoder wrote, and vegeta sends it.
func TestVegetaTargetsRoundTrip(t *testing.T) {
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s %s %s %q %q", r.Method, r.Host, r.RequestURI, body, r.Header["X-B"]))
	}))
	defer server.Close()
	upgrade := &replay.Exchange{Method: "GET", Target: "/ws", Header: replay.Header{{Name: "Upgrade", Value: "websocket"}}}
	cut := &replay.Exchange{Method: "POST", Target: "/cut", Body: []byte("x"), Size: 9}
	text, unfit := export(t, capture.FormatVegeta, capture.ExportOptions{Base: server.URL + "/"}, append(recorded(), upgrade, cut)...)
	require.Equal(t, []string{capture.UnfitUpgrade, capture.UnfitBody}, unfit)

	xs, _, _, err := importAs(t, text, capture.ImportOptions{Rate: 1000})
	require.NoError(t, err)
	require.Len(t, xs, 3)
	for i, want := range recorded() {
		require.Equal(t, want.Target, xs[i].Target)
		require.Equal(t, want.Host, xs[i].Host)
		require.Equal(t, want.Body, xs[i].Body)
		require.Equal(t, want.Session, xs[i].Session)
		require.ElementsMatch(t, want.Header, xs[i].Header)
	}
	read := vegeta.NewJSONTargeter(strings.NewReader(text), nil, nil)
	for range vegeta.NewAttacker(vegeta.Workers(1), vegeta.MaxWorkers(1)).Attack(read, vegeta.Rate{Freq: 1000, Per: time.Second}, 0, "") {
	}
	require.Equal(t, []string{
		`POST shop.example.com /login?next=%2Fa&x "{\"user\":\"a <b> & \\u2028\"}" ["1" "2"]`,
		`GET shop.example.com /b "" []`,
		`PUT shop.example.com /c "\x00\xff\r\n" []`,
	}, got)
}

func TestK6ScriptIsReadable(t *testing.T) {
	text, unfit := export(t, capture.FormatK6, capture.ExportOptions{Base: "http://h:1"}, append(recorded(), &replay.Exchange{At: time.Second, Method: "GET", Target: "/x"})...)
	require.Empty(t, unfit)
	for _, want := range []string{
		"// 4 recorded requests in 3 sessions",
		"import http from 'k6/http';",
		`const BASE = __ENV.BASE || "http://h:1";`,
		"session_2: { exec: 'session_2', startTime: '20ms', executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '60s' },",
		"// session abc\nexport function session_1() {\n  send(\"POST\", \"/login?next=%2Fa&x\", \"{\\\"user\\\":\\\"a <b> & \\\\u2028\\\"}\", {",
		"  sleep(0.034);\n  send(\"PUT\", \"/c\", encoding.b64decode(\"AP8NCg==\"), {",
		`"X-B":"1, 2"`,
		"// nobody knows whose\nexport function session_3()",
	} {
		require.Contains(t, text, want)
	}
}

func TestK6ScriptHasLimits(t *testing.T) {
	w, err := capture.NewExporter(io.Discard, capture.FormatK6, capture.ExportOptions{})
	require.NoError(t, err)
	for n := range 10_000 {
		if err = w.Record(&replay.Exchange{Session: "a", Method: "GET", Target: "/"}); err != nil {
			require.Equal(t, 5000, n)
			break
		}
	}
	require.ErrorContains(t, err, "more than 5000 requests: k6 compiles a script once per virtual user: take a part of the recording (gameday tape cut)")
	require.False(t, errors.Is(err, capture.ErrUnfit))
}

// TestK6ScriptSendsWhatWasRecorded runs the script in node, with stand-ins for k6's modules.
func TestK6ScriptSendsWhatWasRecorded(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not on PATH: it stands in for k6")
	}
	text, _ := export(t, capture.FormatK6, capture.ExportOptions{}, recorded()...)
	const stand = `
const sent = [];
const __ENV = { BASE: 'http://h' };
const http = { request: (method, url, body, params) => { sent.push([method, url, body === null ? '' : Buffer.from(body).toString('hex'), params.headers]); return { status: 200 }; } };
const encoding = { b64decode: (text) => Buffer.from(text, 'base64') };
const check = (answer, checks) => Object.values(checks).forEach((c) => sent.push(c(answer)));
const sleep = (seconds) => sent.push(seconds);
`
	const run = `
for (const s of Object.values(options.scenarios)) eval(s.exec)();
console.log(JSON.stringify(sent));
`
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "import ") {
			lines = append(lines, strings.TrimPrefix(line, "export "))
		}
	}
	path := filepath.Join(t.TempDir(), "x.cjs")
	require.NoError(t, os.WriteFile(path, []byte(stand+strings.Join(lines, "")+run), 0o600))
	out, err := exec.Command(node, path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.JSONEq(t, `[
		["POST","http://h/login?next=%2Fa&x","7b2275736572223a2261203c623e2026205c7532303238227d",{"Content-Type":"application/json","Cookie":"sid=abc","Host":"shop.example.com","X-B":"1, 2"}],
		true, 0.034,
		["PUT","http://h/c","00ff0d0a",{"Content-Type":"application/octet-stream","Cookie":"sid=abc","Host":"shop.example.com"}],
		false,
		["GET","http://h/b","",{"Cookie":"sid=def","Host":"shop.example.com"}]
	]`, string(out))
}
