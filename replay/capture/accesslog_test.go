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

func importLog(t testing.TB, text string) (xs []*replay.Exchange, problems []string, a capture.Importer) {
	t.Helper()
	a, err := capture.Read(strings.NewReader(text), "access.log", capture.ImportOptions{
		Format:  capture.FormatCombined,
		Problem: func(err error) { problems = append(problems, err.Error()) },
	})
	if err != nil {
		require.ErrorContains(t, err, "the file is empty")
		return nil, nil, nil
	}
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
				cause := capture.LostLine
				if strings.Contains(c.problem, "limit") {
					cause = replay.LostLimit
				}
				require.Equal(t, replay.Counts{Captured: 1, Shape: 1, Lost: replay.Tally{cause: 1}}, a.Counts())
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
	require.Equal(t, replay.Counts{Captured: 10_000, Shape: 10_000}, in.Counts())
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

func TestAccessLogLayouts(t *testing.T) {
	at := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		sentence, layout, line string
		format                 capture.Format // as detected, without a layout
		want                   replay.Exchange
		start                  time.Time
	}{
		{
			"a load balancer writes the whole URL, and when the request came",
			"", `https 2026-11-02T10:00:00.250000Z app/shop/50dc6c495c0c9188 192.0.2.7:2817 10.0.0.1:80 0.000 0.200 0.050 201 201 512 366 "POST https://shop.example.com:443/orders?a=b HTTP/1.1" "shop/1 \x22x\x22" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "shop.example.com" "session-reused" 0 2026-11-02T10:00:00.000000Z "forward" "-" "-" "10.0.0.1:80" "201" "-" "-" TID_1`,
			capture.FormatALB,
			replay.Exchange{
				Session: `192.0.2.7 shop/1 "x"`, Method: "POST", Target: "/orders?a=b", Proto: "HTTP/1.1", Host: "shop.example.com",
				Header:   replay.Header{{Name: "User-Agent", Value: `shop/1 "x"`}},
				Response: &replay.Response{Status: 201, Size: 366, FirstByte: 250 * time.Millisecond, Duration: 250 * time.Millisecond},
			},
			at,
		},
		{
			"a load balancer that reached no target",
			"", `h2 2026-11-02T10:00:00.250000Z app/shop/50dc6c495c0c9188 [2001:db8::1]:2817 - -1 -1 -1 503 - 34 366 "GET http://shop.example.com:8080/ HTTP/2.0" "-" - -`,
			capture.FormatALB,
			replay.Exchange{
				Session: `[2001:db8::1]`, Method: "GET", Target: "/", Proto: "HTTP/2.0", Host: "shop.example.com:8080",
				Response: &replay.Response{Status: 503, Size: 366},
			},
			at.Add(250 * time.Millisecond),
		},
		{
			"Envoy's default",
			"", `[2026-11-02T10:00:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28, 10.0.0.1" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"`,
			capture.FormatEnvoy,
			replay.Exchange{
				Session: "10.0.35.28 nsq2http", Method: "POST", Target: "/api/v1/locations", Proto: "HTTP/2", Host: "locations", Size: 154,
				Header: replay.Header{
					{Name: "X-Forwarded-For", Value: "10.0.35.28, 10.0.0.1"},
					{Name: "User-Agent", Value: "nsq2http"},
					{Name: "X-Request-Id", Value: "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2"},
				},
				Response: &replay.Response{Status: 204, FirstByte: 226 * time.Millisecond, Duration: 226 * time.Millisecond},
			},
			at.Add(310 * time.Millisecond),
		},
		{
			"nginx with times: it notes the end of a request",
			`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" host=$host conn=$connection sid=$cookie_sid ct="$sent_http_content_type"`,
			`192.0.2.9 - - [02/Nov/2026:10:00:02 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl/8" rt=1.500 uct="0.001" host=shop conn=17 sid=s-1 ct="text/html"`,
			"",
			replay.Exchange{
				Session: "192.0.2.9 curl/8", Method: "GET", Target: "/a", Proto: "HTTP/1.1", Host: "shop",
				Header: replay.Header{{Name: "User-Agent", Value: "curl/8"}, {Name: "Cookie", Value: "sid=s-1"}},
				Response: &replay.Response{
					Status: 200, Size: 12, FirstByte: 1500 * time.Millisecond, Duration: 1500 * time.Millisecond,
					Header: replay.Header{{Name: "Content-Type", Value: "text/html"}},
				},
			},
			at.Add(500 * time.Millisecond),
		},
		{
			"nginx that writes JSON",
			`{"t":"$time_iso8601","m":"$request_method","u":"$uri","q":"$args","s":$status,"ms":$msec,"ua":"$http_user_agent","a":"${remote_addr}"}`,
			`{"t":"2026-11-02T10:00:00+00:00","m":"GET","u":"/caf\u00e9","q":"x=1","s":304,"ms":1793613600.250,"ua":"a \"b\"","a":"192.0.2.1"}`,
			"",
			replay.Exchange{
				Session: `192.0.2.1 a "b"`, Method: "GET", Target: "/café?x=1",
				Header: replay.Header{{Name: "User-Agent", Value: `a "b"`}}, Response: &replay.Response{Status: 304},
			},
			at.Add(250 * time.Millisecond),
		},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			in, err := capture.Read(strings.NewReader(c.line+"\n"), "access.log", capture.ImportOptions{
				Layout: c.layout, Problem: func(err error) { t.Error(err) },
			})
			require.NoError(t, err)
			xs, err := all(t, in)
			require.NoError(t, err)
			require.Len(t, xs, 1)
			if c.format != "" {
				require.Equal(t, c.format, in.Format())
			}
			require.True(t, in.Format().ShapeOnly())
			require.Equal(t, c.start, in.Start().UTC())
			if xs[0].Conn != 0 {
				require.Contains(t, c.layout, "$connection")
				xs[0].Conn = 0
			}
			c.want.ShapeOnly = true
			require.Equal(t, &c.want, xs[0])
		})
	}
}

func TestAccessLogLayoutsThatSayTooLittle(t *testing.T) {
	for layout, problem := range map[string]string{
		`$remote_addr "$request" $status`:      "no time: it needs $time_local",
		`[$time_local] $status`:                "no request: it needs $request",
		`$remote_addr$time_local "$request"`:   "have nothing between them",
		`[$time_local] "$request" $status $`:   "a $ without a name",
		`${remote_addr [$time_local] $request`: "a $ without a name",
	} {
		_, err := capture.Read(strings.NewReader("x"), "access.log", capture.ImportOptions{Layout: layout})
		require.ErrorContains(t, err, problem, layout)
	}
}

// FuzzLayout: no log_format and no line make the import panic.
func FuzzLayout(f *testing.F) {
	f.Add(`$remote_addr [$time_local] "$request" $status $request_time`, `h [17/May/2015:10:05:43 +0000] "GET /a HTTP/1.1" 200 0.1`)
	f.Add(`{"t":"$time_iso8601","u":"$request_uri"}`, `{"t":"2026-11-02T10:00:00+00:00","u":"/\u00e9"}`)
	f.Add(`[$time_start] "$request" $status $- $content_length`, `[2016-04-15T20:17:00.310Z] "POST / HTTP/2" 204 - 154`)
	f.Fuzz(func(t *testing.T, layout, line string) {
		in, err := capture.Read(strings.NewReader(line), "access.log", capture.ImportOptions{Format: capture.FormatNginx, Layout: layout})
		if err != nil {
			return
		}
		xs, err := all(t, in)
		if err == nil && uint64(len(xs)) != in.Counts().Captured {
			t.Fatalf("%d exchanges, ledger says %d", len(xs), in.Counts().Captured)
		}
	})
}
