package capture_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// importAs returns what a text yields, the problems reported and the final error.
func importAs(t testing.TB, text string, o capture.ImportOptions) (xs []*replay.Exchange, problems []string, in capture.Importer, err error) {
	t.Helper()
	o.Problem = func(err error) { problems = append(problems, err.Error()) }
	in, err = capture.Read(strings.NewReader(text), "x", o)
	if err != nil {
		return nil, nil, nil, err
	}
	xs, err = all(t, in)
	require.EqualValues(t, len(xs), in.Counts().Captured)
	require.EqualValues(t, in.Counts().Lost.Total() > 0, len(problems) > 0, "what is lost is told")
	return xs, problems, in, err
}

const harText = `{"log":{"version":"1.2","creator":{"name":"WebInspector","version":"537.36"},
"pages":[{"startedDateTime":"2026-11-02T10:00:00.000Z","id":"page_1","title":"shop","pageTimings":{"onLoad":1}}],
"entries":[
 {"pageref":"page_1","connection":"443","startedDateTime":"2026-11-02T10:00:01.000Z","time":100,
  "request":{"method":"POST","url":"https://shop.example.com/login?next=%2Fcart#top","httpVersion":"h2",
   "headers":[{"name":":method","value":"POST"},{"name":"content-type","value":"application/json"},{"name":"cookie","value":"sid=abc"}],
   "queryString":[{"name":"next","value":"/cart"}],"cookies":[],"headersSize":-1,"bodySize":14,
   "postData":{"mimeType":"application/json","text":"{\"user\":\"ada\"}"}},
  "response":{"status":200,"statusText":"","httpVersion":"h2","headers":[{"name":"content-encoding","value":"gzip"},{"name":"content-length","value":"30"}],
   "cookies":[],"content":{"size":4,"mimeType":"text/plain","text":"b2theQ==","encoding":"base64"},"redirectURL":"","headersSize":-1,"bodySize":30},
  "cache":{},"timings":{"blocked":5,"dns":-1,"connect":15,"send":1,"wait":69,"receive":10,"ssl":9}},
 {"startedDateTime":"2026-11-02T10:00:00.500Z","time":0,"request":{"method":"GET","url":"http://shop.example.com:81","httpVersion":"HTTP/1.1","headers":[],"queryString":[],"cookies":[],"headersSize":-1,"bodySize":0},
  "response":{"status":0,"statusText":"","httpVersion":"","headers":[],"cookies":[],"content":{"size":0,"mimeType":"x-unknown"},"redirectURL":"","headersSize":-1,"bodySize":-1,"_error":"net::ERR_ABORTED"},"cache":{},"timings":{"send":0,"wait":0,"receive":0}},
 {"startedDateTime":"2026-11-02T10:00:02Z","time":1,"request":{"method":"GET","url":"data:image/png;base64,AA","headers":[]},"response":{"status":200,"content":{}},"timings":{}},
 {"startedDateTime":"yesterday"}
],"comment":"a"},"more":{"x":[1,2]}}
`

func TestHAR(t *testing.T) {
	xs, problems, in, err := importAs(t, "\xef\xbb\xbf"+harText, capture.ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, capture.FormatHAR, in.Format())
	require.Equal(t, "2026-11-02T10:00:00.5Z", in.Start().UTC().Format(time.RFC3339Nano), "entries are put in order")
	require.Equal(t, []*replay.Exchange{
		{Method: "GET", Target: "/", Host: "shop.example.com:81", Proto: "HTTP/1.1"},
		{
			Session: "abc", Conn: 443, Seq: 1, At: 520 * time.Millisecond, Upload: time.Millisecond,
			Method: "POST", Target: "/login?next=%2Fcart", Host: "shop.example.com", Proto: "HTTP/2.0",
			Header: replay.Header{{Name: "content-type", Value: "application/json"}, {Name: "cookie", Value: "sid=abc"}},
			Body:   []byte(`{"user":"ada"}`), Size: 14,
			Response: &replay.Response{
				Status: 200, Header: replay.Header{{Name: "content-length", Value: "4"}}, Body: []byte("okay"), Size: 4,
				FirstByte: 70 * time.Millisecond, Duration: 80 * time.Millisecond,
			},
		},
	}, xs)
	require.Len(t, problems, 2)
	require.Regexp(t, `^x: byte \d+: request url "data:image/png;base64,AA" is not absolute$`, problems[0])
	require.Contains(t, problems[1], "yesterday")
	require.Equal(t, replay.Tally{capture.LostEntry: 2}, in.Counts().Lost)
}

func TestHARBodies(t *testing.T) {
	for _, c := range []struct{ sentence, post, body, problem string }{
		{"text", `{"mimeType":"text/plain","text":"a=b"}`, "a=b", ""},
		{"a form without its text", `{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a b","value":"c&d"},{"name":"e","value":""}]}`, "a+b=c%26d&e=", ""},
		{"bytes", `{"mimeType":"x","text":"AAE=","encoding":"base64"}`, "\x00\x01", ""},
		{"bytes that are none", `{"mimeType":"x","text":"?","encoding":"base64"}`, "", "request postData: read base64"},
		{"an encoding of its own", `{"mimeType":"x","text":"a","encoding":"rot13"}`, "", `encoding "rot13": unknown`},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			xs, problems, _, err := importAs(t, `{"log":{"entries":[{"startedDateTime":"2026-11-02T10:00:00Z","request":{"method":"POST","url":"http://h/","postData":`+c.post+`},"response":{"status":200}}]}}`, capture.ImportOptions{})
			require.NoError(t, err)
			if c.problem != "" {
				require.Len(t, problems, 1)
				require.Contains(t, problems[0], c.problem)
				return
			}
			require.Len(t, xs, 1)
			require.Equal(t, c.body, string(xs[0].Body))
			require.True(t, xs[0].Header.Has("Content-Type"))
		})
	}
}

func TestHARThatIsDamaged(t *testing.T) {
	const entry = `{"startedDateTime":"2026-11-02T10:00:00Z","request":{"method":"GET","url":"http://h/"},"response":{"status":200}}`
	for _, c := range []struct {
		sentence, text, problem string
		kept                    int
	}{
		{"cut within an entry", `{"log":{"entries":[` + entry + `,{"startedDateTime"`, "the file ends in the middle", 1},
		{"cut between entries", `{"log":{"entries":[` + entry + `,`, "the file ends in the middle", 1},
		{"without entries", `{"log":{"version":"1.2"}}`, `no "entries" in the object`, 0},
		{"with something else for entries", `{"log":{"entries":{"a":1}}}`, "want [, have {", 0},
		{"with garbage behind an entry", `{"log":{"entries":[` + entry + ` x]}}`, "expected comma after array element", 1},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			xs, _, _, err := importAs(t, c.text, capture.ImportOptions{Format: capture.FormatHAR})
			require.ErrorContains(t, err, c.problem)
			require.Regexp(t, `^import x: byte \d+: `, err.Error())
			require.Len(t, xs, c.kept, "what came before is kept")
		})
	}
}

func TestHARsOneAfterAnother(t *testing.T) {
	xs, _, _, err := importAs(t, harText+harText, capture.ImportOptions{})
	require.NoError(t, err)
	require.Len(t, xs, 4)
}

func FuzzHAR(f *testing.F) {
	f.Add(harText)
	f.Add(`{"log":{"entries":[{},[],1]}}{"log":`)
	f.Fuzz(func(t *testing.T, text string) {
		fuzzImport(t, text, capture.FormatHAR)
	})
}

// fuzzImport fails when an import panics, hangs, or loses count.
func fuzzImport(t *testing.T, text string, format capture.Format) {
	told := uint64(0)
	in, err := capture.Read(strings.NewReader(text), "x", capture.ImportOptions{Format: format, Problem: func(error) { told++ }})
	if err != nil {
		return
	}
	xs, _ := all(t, in)
	c := in.Counts()
	if uint64(len(xs)) != c.Captured || told < c.Lost.Total() {
		t.Fatalf("%d exchanges and %d problems, ledger says %+v", len(xs), told, c)
	}
	for _, x := range xs {
		if x.Method == "" || x.Target == "" {
			t.Fatalf("no request: %+v", x)
		}
	}
}
