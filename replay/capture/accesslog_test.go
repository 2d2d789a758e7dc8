package capture_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

func importLog(t testing.TB, text string) (xs []*replay.Exchange, problems []string, a *capture.AccessLog) {
	t.Helper()
	a, err := capture.NewAccessLog(strings.NewReader(text), "access.log", capture.ImportOptions{
		Problem: func(err error) { problems = append(problems, err.Error()) },
	})
	require.NoError(t, err)
	xs, err = all(t, a)
	require.NoError(t, err)
	return xs, problems, a
}

func TestAccessLogKeepsTheShape(t *testing.T) {
	xs, problems, a := importLog(t, `83.149.9.216 - ada [17/May/2015:10:05:43 +0200] "GET /a?b=c HTTP/1.1" 200 203023 "http://ref/" "Mozilla/5.0 \"x\""
83.149.9.217 - - [17/May/2015:10:05:03 +0200] "POST /b HTTP/1.0" 304 -
`)
	require.Empty(t, problems)
	require.Equal(t, []*replay.Exchange{
		{Session: "83.149.9.217", Method: "POST", Target: "/b", Proto: "HTTP/1.0", ShapeOnly: true, Response: &replay.Response{Status: 304}},
		{
			Session: `83.149.9.216 Mozilla/5.0 "x"`, Seq: 1, At: 40 * time.Second, Method: "GET", Target: "/a?b=c", Proto: "HTTP/1.1", ShapeOnly: true,
			Header:   replay.Header{{Name: "Referer", Value: "http://ref/"}, {Name: "User-Agent", Value: `Mozilla/5.0 "x"`}},
			Response: &replay.Response{Status: 200, Size: 203023},
		},
	}, xs)
	require.Equal(t, "2015-05-17T08:05:03Z", a.Start().UTC().Format(time.RFC3339))
}

func TestAccessLogLines(t *testing.T) {
	const stamp = `h - - [17/May/2015:10:05:43 +0000] `
	for _, c := range []struct{ sentence, line, target, problem string }{
		{"a target with blanks", stamp + `"GET /a b HTTP/1.1" 200 1`, "/a b", ""},
		{"a target with escapes", stamp + `"GET /\x41\"\\ HTTP/1.1" 200 1`, `/A"\`, ""},
		{"a request without version", stamp + `"GET /a" 400 1`, "/a", ""},
		{"more fields behind", stamp + `"GET /a HTTP/1.1" 200 1 "-" "-" 0.003 "x"`, "/a", ""},
		{"an agent cut short", stamp + `"GET /a HTTP/1.1" 200 1 "-" "Mozil`, "/a", ""},
		{"a user with blanks", `h - ada l [17/May/2015:10:05:43 +0000] "GET /a HTTP/1.1" 200 1`, "/a", ""},
		{"an empty request", stamp + `"-" 408 0`, "", `access.log:1: "-" is not a request`},
		{"a request in TLS", stamp + `"\x16\x03\x01" 400 0`, "", `is not a request`},
		{"a request without end", stamp + `"GET /a HTTP/1.1 200 1`, "", "access.log:1: request has no end"},
		{"no time", "hello", "", "access.log:1: time missing"},
		{"a wrong time", `h - - [17/Foo/2015:10:05:43 +0000] "GET /a HTTP/1.1" 200 1`, "", `"17/Foo/2015:10:05:43 +0000" is not a time`},
		{"a wrong status", stamp + `"GET /a HTTP/1.1" abc 1`, "", `"abc" is not a status`},
		{"a wrong size", stamp + `"GET /a HTTP/1.1" 200 x`, "", `"x" is not a size`},
		{"a line over the limit", stamp + `"GET /` + strings.Repeat("a", 2<<20) + ` HTTP/1.1" 200 1`, "", "access.log:1: line exceeds the limit"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			xs, problems, a := importLog(t, c.line+"\n"+stamp+"\"GET /next HTTP/1.1\" 200 1\n")
			if c.problem != "" {
				require.Len(t, problems, 1)
				require.Contains(t, problems[0], c.problem)
				require.Equal(t, replay.Counts{Captured: 1, Lost: map[string]uint64{capture.LostLine: 1}}, a.Counts())
				return
			}
			require.Empty(t, problems)
			require.Len(t, xs, 2)
			require.Equal(t, c.target, xs[0].Target)
			require.Equal(t, "/next", xs[1].Target, "lines of one second keep their order")
		})
	}
}

// TestRealAccessLog imports 10,000 lines of a real server, where a data folder beside the
// repository has them.
func TestRealAccessLog(t *testing.T) {
	paths, err := filepath.Glob("../../../*/data/apache_logs")
	require.NoError(t, err)
	if len(paths) == 0 {
		t.Skip("data/apache_logs is not beside the repository")
	}
	in, err := capture.Open(paths[0], capture.ImportOptions{Problem: func(err error) { t.Error(err) }})
	require.NoError(t, err)
	defer in.Close()
	xs, err := all(t, in)
	require.NoError(t, err)
	require.Equal(t, replay.Counts{Captured: 10_000}, in.Counts())
	for i, x := range xs {
		require.True(t, x.ShapeOnly)
		require.GreaterOrEqual(t, x.At, xs[max(0, i-1)].At)
	}
	require.Equal(t, 83*time.Hour, xs[len(xs)-1].At.Truncate(time.Hour))
}

// FuzzAccessLog: no line makes the import panic; each is an exchange, a problem or blank.
func FuzzAccessLog(f *testing.F) {
	f.Add(`h - - [17/May/2015:10:05:43 +0000] "GET /a HTTP/1.1" 200 1 "-" "x"`)
	f.Add(`h - - [17/May/2015:10:05:43 +0000] "\x4" 200 -`)
	f.Fuzz(func(t *testing.T, line string) {
		line = strings.ReplaceAll(line, "\n", " ")
		xs, problems, _ := importLog(t, line)
		want := 1
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "\x1f\x8b") {
			want = 0
		}
		if len(xs)+len(problems) != want {
			t.Fatalf("%q: %d exchanges, %d problems", line, len(xs), len(problems))
		}
	})
}
