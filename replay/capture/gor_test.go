package capture_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/redact"
)

const monkeys = "\n🐵🙈🙉\n"

// Two ids of one connection (first 16 digits), in the order of their last 8, and one of another.
const (
	connA1 = "e65c26cb7f00000100000001"
	connA2 = "e65c26cb7f00000100000002"
	connB  = "e65d26cb7f00000100000001"
)

func all(t testing.TB, s replay.Source) ([]*replay.Exchange, error) {
	t.Helper()
	var xs []*replay.Exchange
	for {
		x, err := s.Next()
		if errors.Is(err, io.EOF) {
			return xs, nil
		}
		if err != nil {
			return xs, err
		}
		xs = append(xs, x)
	}
}

// importGor returns what a .gor text yields, the problems reported and the final error.
func importGor(t testing.TB, text string) (xs []*replay.Exchange, problems []string, g capture.Importer, err error) {
	t.Helper()
	g, err = capture.Read(strings.NewReader(text), "x.gor", capture.ImportOptions{
		Format:  capture.FormatGor,
		Problem: func(err error) { problems = append(problems, err.Error()) },
	})
	require.NoError(t, err)
	xs, err = all(t, g)
	return xs, problems, g, err
}

func TestGorPairsRequestsAndResponses(t *testing.T) {
	text := "1 " + connA1 + " 1500000000000000000 250000\nPOST /cart?x=1 HTTP/1.1\r\nHost: shop\r\nX-b: 1\r\na: 2\r\nContent-Length: 3\r\n\r\nabc" + monkeys +
		"1 " + connB + " 1500000000100000000 0\nGET / HTTP/1.1\r\nHost: shop\r\n\r\n" + monkeys +
		"2 " + connA1 + " 1500000000004000000 1000000\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n" + monkeys
	xs, problems, g, err := importGor(t, text)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Len(t, xs, 2)
	x := xs[0]
	require.Equal(t, &replay.Exchange{
		Session: "conn-e65c26cb7f000001", Conn: 0xe65c26cb7f000001,
		Upload: 250 * time.Microsecond,
		Method: "POST", Target: "/cart?x=1", Host: "shop", Proto: "HTTP/1.1",
		Header: replay.Header{{Name: "X-b", Value: "1"}, {Name: "a", Value: "2"}, {Name: "Content-Length", Value: "3"}},
		Body:   []byte("abc"), Size: 3,
		Response: &replay.Response{
			Status: 201, Header: replay.Header{{Name: "Transfer-Encoding", Value: "chunked"}}, Body: []byte("xyz"), Size: 3,
			FirstByte: 4 * time.Millisecond, Duration: 5 * time.Millisecond,
		},
	}, x)
	require.Equal(t, 100*time.Millisecond, xs[1].At)
	require.Nil(t, xs[1].Response)
	require.EqualValues(t, 1500000000000000000, g.Start().UnixNano())
	require.Equal(t, replay.Counts{Captured: 2}, g.Counts())
}

func TestGorReadsWhatTheToolWrites(t *testing.T) {
	const get = "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
	req := func(id string, ns int64, n int) string {
		return fmt.Sprintf("1 %s %d 0\n"+get+monkeys, id, ns, n)
	}
	for _, c := range []struct {
		sentence, text string
		targets        string // of the exchanges, in order
		problems       int
	}{
		{"a header of three fields", "1 " + connA1 + " 5\nGET /1 HTTP/1.1\r\n\r\n" + monkeys, "/1", 0},
		{"a last record without separator", req(connA1, 5, 1) + strings.TrimSuffix(req(connB, 6, 2), monkeys), "/1 /2", 0},
		{"records out of order", req(connA1, 9, 1) + req(connB, 5, 2), "/2 /1", 0},
		{"one connection, one time: the acknowledgement orders", req(connA2, 5, 2) + req(connA1, 5, 1), "/1 /2", 0},
		{"a body that holds the separator", "1 " + connA1 + " 5 0\nPOST /1 HTTP/1.1\r\nContent-Length: 21\r\n\r\nabc" + monkeys + "abc" + monkeys + req(connB, 6, 2), "/1 /2", 0},
		{"an id of another shape", "1 abc 5 0\nGET /1 HTTP/1.1\r\n\r\n" + monkeys, "/1", 0},
		{"an odd target and an unknown method", "1 " + connA1 + " 5 0\nPURGE //a b?%zz HTTP/1.1\r\n\r\n" + monkeys, "//a b?%zz", 0},
		{"a response without request", "2 " + connA1 + " 5 0\nHTTP/1.1 200 OK\r\n\r\n" + monkeys, "", 1},
		{"a payload that is not HTTP", "1 " + connA1 + " 5 0\nhello\n" + monkeys + req(connB, 6, 2), "/2", 1},
		{"a line that is no header at the start", "hello\n" + monkeys + req(connB, 6, 2), "/2", 1},
		{"line ends and blanks between records", req(connA1, 5, 1) + "\n\n", "/1", 0},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			xs, problems, g, err := importGor(t, c.text)
			require.NoError(t, err)
			var targets []string
			for _, x := range xs {
				targets = append(targets, x.Target)
			}
			require.Equal(t, c.targets, strings.Join(targets, " "))
			require.Len(t, problems, c.problems)
			require.EqualValues(t, c.problems, g.Counts().Lost.Total())
		})
	}
}

func TestGorResponses(t *testing.T) {
	const start = 1500000000000000000
	for _, c := range []struct {
		sentence, method, records string
		status                    int
		body                      string
		duration                  time.Duration
	}{
		{"a replayed response is a round trip", "GET", fmt.Sprintf("3 %s %d 7000000\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok%s", connA1, start+1, monkeys), 200, "ok", 7 * time.Millisecond},
		{"one with time and latency the wrong way round too", "GET", fmt.Sprintf("3 %s 7000000 %d\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok%s", connA1, start+1, monkeys), 200, "ok", 7 * time.Millisecond},
		{"the original wins over the replayed", "GET", fmt.Sprintf("2 %s %d 0\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na%s3 %s %d 7\nHTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\nb%s", connA1, start+3, monkeys, connA1, start, monkeys), 200, "a", 3},
		{"HEAD has a length and no body", "HEAD", fmt.Sprintf("2 %s %d 0\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n%s", connA1, start+3, monkeys), 200, "", 3},
		{"304 too", "GET", fmt.Sprintf("2 %s %d 0\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n%s", connA1, start+3, monkeys), 304, "", 3},
		{"a body that ends with the connection", "GET", fmt.Sprintf("2 %s %d 0\nHTTP/1.0 200 OK\r\n\r\nall of it%s", connA1, start+3, monkeys), 200, "all of it", 3},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			xs, problems, _, err := importGor(t, fmt.Sprintf("1 %s %d 0\n%s / HTTP/1.1\r\n\r\n%s", connA1, start, c.method, monkeys)+c.records)
			require.NoError(t, err)
			require.Empty(t, problems)
			require.Len(t, xs, 1)
			require.NotNil(t, xs[0].Response)
			require.Equal(t, c.status, xs[0].Response.Status)
			require.Equal(t, c.body, string(xs[0].Response.Body))
			require.Equal(t, c.duration, xs[0].Response.Duration)
			require.False(t, xs[0].Response.Truncated())
		})
	}
}

// goreplay writes a message when it takes it for complete, so that of a connection that stays open the request may come last.
func TestGorResponsesBeforeTheirRequests(t *testing.T) {
	const start = int64(1500000000000000000)
	ask := func(id, method string, ns int64) string {
		return fmt.Sprintf("1 %s %d 0\n%s / HTTP/1.1\r\n\r\n%s", id, ns, method, monkeys)
	}
	say := func(kind int, id, body string, ns int64) string {
		return fmt.Sprintf("%d %s %d 0\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", kind, id, ns, len(body), body, monkeys)
	}
	for _, c := range []struct {
		sentence, text string
		bodies         string // of the responses, in order
		lost           uint64
	}{
		{"at once", say(2, connA1, "a", start+5) + ask(connA1, "GET", start), "a", 0},
		{"across other records", say(2, connA1, "a", start+5) + ask(connB, "GET", start+9) + say(2, connB, "b", start+10) + ask(connA1, "GET", start), "a b", 0},
		{"the original wins over the replayed", say(3, connA1, "b", start+3) + say(2, connA1, "a", start+5) + ask(connA1, "GET", start), "a", 0},
		{"one before and one behind", say(3, connA1, "b", start+3) + ask(connA1, "GET", start) + say(2, connA1, "a", start+5), "a", 0},
		{"HEAD has a length and no body", strings.Replace(say(2, connA1, "", start+5), "Content-Length: 0", "Content-Length: 9", 1) + ask(connA1, "HEAD", start), "", 0},
		{"a body that looks like records", say(2, connA1, "x\n1 "+connB+" 1500000000000000000 0\n", start+5) + ask(connA1, "GET", start), "x\n1 " + connB + " 1500000000000000000 0\n", 0},
		{"too long before", say(2, connA1, "a", start) + ask(connB, "GET", start+31e9) + ask(connA1, "GET", start+32e9), "- -", 1},
		{"a response of nobody", say(2, connA1, "a", start) + ask(connB, "GET", start), "-", 1},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			xs, problems, g, err := importGor(t, c.text)
			require.NoError(t, err)
			require.Len(t, problems, int(c.lost))
			require.Equal(t, c.lost, g.Counts().Lost[capture.LostOrphan])
			var bodies []string
			for _, x := range xs {
				if x.Response == nil {
					bodies = append(bodies, "-")
					continue
				}
				bodies = append(bodies, string(x.Response.Body))
				require.LessOrEqual(t, x.Response.Duration, 5*time.Nanosecond, "counted from the request")
				require.False(t, x.Response.Truncated())
			}
			require.ElementsMatch(t, strings.Split(c.bodies, " "), strings.Split(strings.Join(bodies, " "), " "))
		})
	}
}

func TestGorHoldsSoManyResponsesAndNoMore(t *testing.T) {
	const start, n, most = int64(1500000000000000000), 5000, 4096
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "2 %024x %d 0\nHTTP/1.1 204 No\r\n\r\n%s", i, start, monkeys)
	}
	for i := range n {
		fmt.Fprintf(&text, "1 %024x %d 0\nGET / HTTP/1.1\r\n\r\n%s", i, start, monkeys)
	}
	xs, _, g, err := importGor(t, text.String())
	require.NoError(t, err)
	require.Len(t, xs, n)
	answered := 0
	for _, x := range xs {
		if x.Response != nil {
			answered++
		}
	}
	require.Equal(t, most, answered)
	require.EqualValues(t, n-most, g.Counts().Lost[capture.LostOrphan], "the oldest are given up, and counted")
}

func TestGorReadsOnWhereASeparatorIsMissing(t *testing.T) {
	const at = "1500000000000000000 0\n"
	get := func(id, path string) string {
		return "1 " + id + " " + at + "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"
	}
	for _, c := range []struct {
		sentence, first, second string
		targets                 string
		body                    string
		lost                    replay.Tally
	}{
		{"behind a whole message", get(connA1, "/1"), get(connB, "/2"), "/1 /2", "", nil},
		{"behind a line end", get(connA1, "/1") + "\n", get(connB, "/2"), "/1 /2", "", nil},
		{"in a body cut short", "1 " + connA1 + " " + at + "POST /1 HTTP/1.1\r\nContent-Length: 900\r\n\r\nabc\n", get(connB, "/2"), "/1 /2", "abc\n", nil},
		{"in a chunked body cut short", "1 " + connA1 + " " + at + "POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc\n", get(connB, "/2"), "/2", "", replay.Tally{capture.LostMessage: 1}},
		{"behind a head without end", "1 " + connA1 + " " + at + "GET /1 HTTP/1.1\r\nHost: h\n", get(connB, "/2"), "/2", "", replay.Tally{capture.LostMessage: 1}},
		{"behind a response of nobody", "2 " + connA1 + " " + at + "HTTP/1.1 200 OK\r\n\r\nabc\n", get(connB, "/2"), "/2", "", replay.Tally{capture.LostOrphan: 1}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			before := get(connA2, "/0") + monkeys
			xs, problems, g, err := importGor(t, before+c.first+c.second+monkeys)
			require.NoError(t, err)
			var targets []string
			for _, x := range xs {
				targets = append(targets, x.Target)
				if x.Target == "/1" {
					require.Equal(t, c.body, string(x.Body))
				}
			}
			require.ElementsMatch(t, strings.Fields("/0 "+c.targets), targets)
			require.Equal(t, c.lost, g.Counts().Lost)
			require.Contains(t, strings.Join(problems, "\n"), fmt.Sprintf("record at byte %d: separator missing before byte %d; read as if it stood there",
				len(before), len(before)+len(c.first)))
		})
	}
}

func TestGorBodyThatLooksLikeRecords(t *testing.T) {
	body := "x\n1 " + connB + " 1500000000000000000 0\nGET /no HTTP/1.1\r\n\r\n"
	xs, problems, _, err := importGor(t, fmt.Sprintf("1 %s 1500000000000000000 0\nPOST /1 HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s%s", connA1, len(body), body, monkeys))
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Len(t, xs, 1)
	require.Equal(t, body, string(xs[0].Body), "its length is told, and fits")
}

func TestGorChunksAreOneRecording(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, n int) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "1 %s %d 0\nGET /%d HTTP/1.1\r\n\r\n%s", connA1, 1500000000000000000+n, n, monkeys), 0o600))
	}
	for _, n := range []int{0, 1, 2, 9, 10, 12} {
		write(fmt.Sprintf("r_%d.gor", n), n)
	}
	var problems []string
	in, err := capture.Open(filepath.Join(dir, "r.gor"), capture.ImportOptions{Problem: func(err error) { problems = append(problems, err.Error()) }})
	require.NoError(t, err)
	defer in.Close()
	xs, err := all(t, in)
	require.NoError(t, err)
	var targets []string
	for _, x := range xs {
		targets = append(targets, x.Target)
	}
	require.Equal(t, "/0 /1 /2 /9 /10 /12", strings.Join(targets, " "), "in the order of their numbers")
	require.Equal(t, replay.Tally{capture.LostChunk: 7}, in.Counts().Lost)
	require.Len(t, problems, 7)
	require.Contains(t, problems[6], "chunk 11 is missing before ")

	one, err := capture.Open(filepath.Join(dir, "r_9.gor"), capture.ImportOptions{})
	require.NoError(t, err)
	defer one.Close()
	xs, err = all(t, one)
	require.NoError(t, err)
	require.Len(t, xs, 1, "a chunk that is named is itself")

	_, err = capture.Open(filepath.Join(dir, "s.gor"), capture.ImportOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestGorGzipAndOpen(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte("1 " + connA1 + " 5 0\nGET /1 HTTP/1.1\r\n\r\n" + monkeys))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	path := filepath.Join(t.TempDir(), "requests.gor.gz")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	in, err := capture.Open(path, capture.ImportOptions{})
	require.NoError(t, err)
	defer in.Close()
	require.Equal(t, capture.FormatGor, in.Format())
	xs, err := all(t, in)
	require.NoError(t, err)
	require.Len(t, xs, 1)
}

func TestGorRoundTrip(t *testing.T) {
	start := time.Unix(1500000000, 0)
	body := "a" + monkeys + "1 " + connB + " 5 0\nGET / HTTP/1.1\r\n\r\n" + monkeys
	want := []*replay.Exchange{
		{
			Conn: 0xe65c26cb7f000001, Session: "conn-e65c26cb7f000001", Method: "POST", Target: "/a?b=c d", Host: "shop", Proto: "HTTP/1.1", Upload: 5,
			Header: replay.Header{{Name: "x-A", Value: "1"}, {Name: "X-A", Value: "2"}, {Name: "Content-Length", Value: "4"}},
			Body:   []byte("body"), Size: 4,
			Response: &replay.Response{
				Status: 200, FirstByte: time.Millisecond, Duration: 3 * time.Millisecond,
				Header: replay.Header{{Name: "Transfer-Encoding", Value: "chunked"}}, Body: []byte(body), Size: int64(len(body)),
			},
		},
		{
			Conn: 0xe65c26cb7f000001, Session: "conn-e65c26cb7f000001", Seq: 1, At: time.Second, Method: "HEAD", Target: "*", Proto: "HTTP/1.0", Header: replay.Header{},
			Response: &replay.Response{Status: 304, Header: replay.Header{{Name: "Content-Length", Value: "77"}}},
		},
	}
	var b bytes.Buffer
	w := capture.NewGorWriter(&b, start)
	for _, x := range want {
		require.NoError(t, w.Record(x))
	}
	require.NoError(t, w.Close())
	got, problems, g, err := importGor(t, b.String())
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, start.UnixNano(), g.Start().UnixNano())
	require.Len(t, got, 2)
	got[1].Header = replay.Header{}
	require.Equal(t, want, got)
}

// FuzzGor: no file makes the import panic or hang, and every problem names its place.
func FuzzGor(f *testing.F) {
	f.Add("1 " + connA1 + " 5 0\nPOST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + monkeys + "2 " + connA1 + " 6 1\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + monkeys)
	f.Add("1 a 5\nGET / HTTP/1.1\r\n\r\n")
	f.Add("3 " + connA1 + " 5 1500000000000000000\nHTTP/1.1 304 x\r\n\r\n" + monkeys)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := capture.Read(strings.NewReader(text), "x.gor", capture.ImportOptions{Format: capture.FormatGor, Problem: func(err error) {
			if !strings.HasPrefix(err.Error(), "x.gor: record at byte ") {
				t.Fatal(err)
			}
		}})
		if err != nil {
			return
		}
		n := uint64(0)
		for {
			_, err := g.Next()
			if err != nil {
				break
			}
			n++
		}
		if g.Counts().Captured != n {
			t.Fatalf("%d exchanges, ledger says %d", n, g.Counts().Captured)
		}
	})
}

// TestImportedSessionsHoldNoSecret: an importer names sessions by cookies and credentials as
// they stand in the file; redaction takes them out of the name as well.
func TestImportedSessionsHoldNoSecret(t *testing.T) {
	r, err := redact.New(redact.Rules{}, nil)
	require.NoError(t, err)
	xs, _, _, err := importGor(t, "1 "+connA1+" 5 0\nGET /1 HTTP/1.1\r\nCookie: sid=S3cret\r\n\r\n"+monkeys+
		"1 "+connB+" 6 0\nGET /2 HTTP/1.1\r\nAuthorization: Bearer T0ken\r\nCookie: sid=S3cret\r\n\r\n"+monkeys)
	require.NoError(t, err)
	require.Len(t, xs, 2)
	for _, x := range xs {
		r.Exchange(x)
		require.NotContains(t, fmt.Sprintf("%+v", *x), "S3cret")
		require.NotContains(t, fmt.Sprintf("%+v", *x), "T0ken")
		require.Equal(t, r.Pseudonym("S3cret"), x.Session)
	}
}
