package capture_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

const jsonTargets = `{"method":"POST","url":"http://shop:81/cart?x=1","header":{"X-B":["1","2"],"Content-Type":["text/plain"],"Host":["other"]},"body":"YWJj"}

{"method":"GET","url":"https://shop"}
`

func TestVegetaJSONTargets(t *testing.T) {
	xs, problems, in, err := importAs(t, jsonTargets+`{"method":"GET"}`+"\n"+`{"method":`+"\n", capture.ImportOptions{Rate: 20})
	require.NoError(t, err)
	require.Equal(t, capture.FormatVegeta, in.Format())
	require.True(t, in.Format().Timeless())
	require.Equal(t, []*replay.Exchange{
		{
			Method: "POST", Target: "/cart?x=1", Host: "other", Body: []byte("abc"), Size: 3,
			Header: replay.Header{{Name: "Content-Type", Value: "text/plain"}, {Name: "X-B", Value: "1"}, {Name: "X-B", Value: "2"}},
		},
		{Seq: 1, At: 50 * time.Millisecond, Method: "GET", Target: "/", Host: "shop"},
	}, xs)
	require.Equal(t, replay.Tally{capture.LostTarget: 2}, in.Counts().Lost)
	require.Equal(t, `x:4: url "": want http://host/path`, problems[0])
}

const httpTargets = `# what a shop is asked
GET http://shop/a
X-A: 1
x-b:2

POST http://shop/b
Content-Type: text/plain
# the body
@testdata/body.txt

GET http://shop/c
DELETE http://shop/d
`

func TestVegetaHTTPTargets(t *testing.T) {
	xs, problems, in, err := importAs(t, httpTargets+"GET http://shop/e\nno colon\n\nPUT http://shop/f\n@../capture.go\n\nPUT /g\n", capture.ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, capture.FormatTargets, in.Format())
	var got []string
	for _, x := range xs {
		got = append(got, x.Method+" "+x.Host+x.Target+" "+string(x.Body))
	}
	require.Equal(t, []string{"GET shop/a ", "POST shop/b a body\n", "GET shop/c ", "DELETE shop/d ", "PUT /g "}, got)
	require.Equal(t, replay.Header{{Name: "X-A", Value: "1"}, {Name: "x-b", Value: "2"}}, xs[0].Header)
	require.Len(t, problems, 2)
	require.Equal(t, `x:13: header line "no colon": want Name: value`, problems[0])
	require.Contains(t, problems[1], "it must lie below the directory in which this runs")
}

// TestTargetsAsVegetaReadsThem: the importers yield what vegeta itself reads.
func TestTargetsAsVegetaReadsThem(t *testing.T) {
	for format, text := range map[capture.Format]string{capture.FormatVegeta: jsonTargets, capture.FormatTargets: httpTargets} {
		read := vegeta.NewJSONTargeter
		if format == capture.FormatTargets {
			read = vegeta.NewHTTPTargeter
		}
		want := read(strings.NewReader(text), nil, nil)
		xs, _, _, err := importAs(t, text, capture.ImportOptions{Format: format})
		require.NoError(t, err)
		for _, x := range xs {
			var v vegeta.Target
			require.NoError(t, want(&v))
			r, err := v.Request()
			require.NoError(t, err)
			require.Equal(t, r.Method, x.Method)
			require.Equal(t, r.Host, x.Host)
			require.Equal(t, r.URL.RequestURI(), x.Target)
			require.Equal(t, string(v.Body), string(x.Body))
			h := make(http.Header)
			for _, f := range x.Header {
				h[f.Name] = append(h[f.Name], f.Value)
			}
			r.Header.Del("Host")
			require.Equal(t, r.Header, h)
		}
		require.ErrorIs(t, want(new(vegeta.Target)), vegeta.ErrNoTargets)
	}
}

func TestRatesThatMakeNoTimes(t *testing.T) {
	for _, rate := range []float64{-1, 1e10} {
		_, err := capture.Read(strings.NewReader(jsonTargets), "x", capture.ImportOptions{Rate: rate})
		require.ErrorContains(t, err, "the rate of a source without times")
	}
}

func TestFormatsAreTold(t *testing.T) {
	for _, c := range []struct {
		sentence, text string
		format         capture.Format
	}{
		{"a request record", "1 " + connA1 + " 5 0\nGET / HTTP/1.1\r\n\r\n", capture.FormatGor},
		{"an archive", `  {"log": {"version":`, capture.FormatHAR},
		{"a tap", "{\n\"http_buffered_trace\":{", capture.FormatEnvoyTap},
		{"targets in JSON, the body first", `{"body":"YQ==","method":"GET","url":"http://h/"}`, capture.FormatVegeta},
		{"targets behind a comment", "# a\n\nGET http://h/ \n", capture.FormatTargets},
		{"a log behind a line of something else", "#Version: 1.0\n" + `h - - [17/May/2015:10:05:43 +0000] "GET /a HTTP/1.1" 200 1` + "\n", capture.FormatCombined},
		{"anything else is a log with problems", "hello", capture.FormatCombined},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			in, err := capture.Read(strings.NewReader(c.text), "x", capture.ImportOptions{})
			require.NoError(t, err)
			require.Equal(t, c.format, in.Format())
		})
	}
	_, err := capture.Read(strings.NewReader("x"), "x", capture.ImportOptions{Format: "warc"})
	require.ErrorContains(t, err, `format "warc": unknown; one of [gor har`)
	_, err = capture.Read(strings.NewReader("x"), "x", capture.ImportOptions{Format: capture.FormatNginx})
	require.ErrorContains(t, err, "needs its log_format")
	_, err = capture.Open("nowhere.gor", capture.ImportOptions{})
	require.True(t, errors.Is(err, os.ErrNotExist))
}

func FuzzTargets(f *testing.F) {
	f.Add(jsonTargets, true)
	f.Add(httpTargets, false)
	f.Fuzz(func(t *testing.T, text string, json bool) {
		format := capture.FormatTargets
		if json {
			format = capture.FormatVegeta
		}
		fuzzImport(t, text, format)
	})
}

// FuzzDetect: whatever a file is taken for, reading it ends.
func FuzzDetect(f *testing.F) {
	for _, text := range []string{harText, tapBuffered, jsonTargets, httpTargets, "1 a 5\nGET / HTTP/1.1\r\n\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzzImport(t, text, "") })
}
