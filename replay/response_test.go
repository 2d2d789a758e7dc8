package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// read reads one response from src, whose bytes come in the parts that it gives, and what came with its end.
func (p *responseParser) read(src io.Reader, method string, keep bool) (a answer, rest []byte, err error) {
	p.begin(method, keep)
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		rest, done, failed := p.feed(buf[:n])
		switch {
		case failed != nil || done:
			return p.answer, rest, failed
		case errors.Is(err, io.EOF):
			return p.answer, nil, p.end()
		case err != nil:
			return p.answer, nil, err
		}
	}
}

func TestResponsesAreReadToTheirEnd(t *testing.T) {
	const next = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for _, tt := range []struct {
		name, method, text string
		want               answer
		body               string
	}{
		{"a body of known length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", answer{status: 200, size: 5}, "hello"},
		{"no body at all", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", answer{status: 200}, ""},
		{"chunks with extensions and a trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n", answer{status: 200, size: 15}, "hello0123456789"},
		{"a chunk that holds what looks like the end", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n", answer{status: 200, size: 5}, "0\r\n\r\n"},
		{"the answer to HEAD, whose length is that of a body which does not come", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", answer{status: 200}, ""},
		{"204 never has a body", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", answer{status: 204}, ""},
		{"304 keeps the length of what was not sent", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", answer{status: 304}, ""},
		{"interim answers come before the final one", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", answer{status: 201, size: 2}, "ok"},
		{"the server wants to close", "GET", "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 0\r\n\r\n", answer{status: 200, final: true}, ""},
		{"HTTP/1.0 closes unless it says otherwise", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", answer{status: 200, final: true}, ""},
		{"HTTP/1.0 says otherwise", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", answer{status: 200}, ""},
		{"a fallback was used, and it is said", "GET", "HTTP/1.1 200 OK\r\nx-degraded: promotion\r\nContent-Length: 0\r\n\r\n", answer{status: 200, degraded: true}, ""},
		{"turned away with a time to come back", "GET", "HTTP/1.1 503 Unavailable\r\nretry-after: 1\r\nContent-Length: 0\r\n\r\n", answer{status: 503, retry: true}, ""},
		{"lines that end in a bare newline, no reason", "GET", "HTTP/1.1 200\nContent-Length: 2\n\nok", answer{status: 200, size: 2}, "ok"},
		{"a length beside chunks does not count, and the connection is not used again", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", answer{status: 200, size: 2, final: true}, "ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tt.text + next), iotest.OneByteReader(strings.NewReader(tt.text + next))} {
				var p responseParser
				got, rest, err := p.read(src, tt.method, true)
				require.NoError(t, err)
				require.Equal(t, tt.body, string(got.body))
				got.header, got.body = nil, nil
				require.Equal(t, tt.want, got)
				again, _, err := p.read(io.MultiReader(bytes.NewReader(rest), src), "GET", false)
				require.NoError(t, err, "the next response starts where this one ended")
				require.Equal(t, answer{status: 200}, again)
			}
		})
	}
}

func TestABodyWithoutLengthEndsWithTheConnection(t *testing.T) {
	src := strings.NewReader("HTTP/1.1 200 OK\r\n\r\nto the end" + strings.Repeat("x", 3*bufferSize))
	got, _, err := new(responseParser).read(src, "GET", false)
	require.NoError(t, err)
	require.EqualValues(t, 10+3*bufferSize, got.size)
	require.True(t, got.final)
}

func TestBadResponsesAreErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "unexpected EOF"},
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "not an HTTP/1 response"},
		{"HTTP/2", "HTTP/2 200 OK\r\n\r\n", "not an HTTP/1 response"},
		{"a status in letters", "HTTP/1.1 abc OK\r\n\r\n", "no number"},
		{"a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", "out of range"},
		{"a status below all others", "HTTP/1.1 099 OK\r\n\r\n", "out of range"},
		{"a header without a colon", "HTTP/1.1 200 OK\r\nwhat\r\n\r\n", "has no name"},
		{"a header that ends early", "HTTP/1.1 200 OK\r\nContent-Le", "unexpected EOF"},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "content length"},
		{"a length beyond all bounds", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "content length"},
		{"two lengths that differ", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "two content lengths"},
		{"a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "unexpected EOF"},
		{"chunks cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "unexpected EOF"},
		{"a chunk size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "chunk size"},
		{"a chunk longer than it says", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", "longer than its size"},
		{"an endless header", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHead), "longer than"},
		{"an endless line", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 2*maxHead), "longer than"},
		{"an endless trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", maxHead), "longer than"},
		{"endless interim answers", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20), "interim"},
		{"another protocol from here on", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "switches protocols"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text))} {
				_, _, err := new(responseParser).read(src, "GET", false)
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
}

// FuzzResponse compares with net/http: what both accept has the same status and body and ends at the same byte. In
// whatever parts the bytes come, the answer is the same.
func FuzzResponse(f *testing.F) {
	f.Add("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	f.Add("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1")
	f.Add("HEAD", "HTTP/1.0 304 OK\r\nConnection: keep-alive\r\n\r\n")
	f.Add("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end")
	f.Fuzz(func(t *testing.T, method, text string) {
		got, rest, err := new(responseParser).read(strings.NewReader(text), method, true)
		split, _, splitErr := new(responseParser).read(iotest.OneByteReader(strings.NewReader(text)), method, true)
		if fmt.Sprint(got, err) != fmt.Sprint(split, splitErr) && len(text) < 4096 {
			t.Fatalf("%q: at once %+v %v, byte by byte %+v %v", text, got, err, split, splitErr)
		}
		if err != nil || len(text) >= 4096 {
			return
		}
		in := bufio.NewReader(strings.NewReader(text))
		theirs := &http.Response{}
		for theirs.StatusCode < 200 { // net/http returns interim answers
			if theirs, err = http.ReadResponse(in, &http.Request{Method: method}); err != nil {
				return // it is stricter about names
			}
		}
		body, err := io.ReadAll(theirs.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if theirs.StatusCode != got.status || err == nil && string(body) != string(got.body) {
			t.Errorf("%q: %d %q, net/http %d %q", text, got.status, got.body, theirs.StatusCode, body)
		}
		if after, _ := io.ReadAll(in); err == nil && string(after) != string(rest) {
			t.Errorf("%q: leaves %q, net/http %q", text, rest, after)
		}
	})
}

func BenchmarkReadResponse(b *testing.B) {
	text := []byte("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 02 Mar 2026 10:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 64\r\nConnection: keep-alive\r\n\r\n" +
		"0123456789012345678901234567890123456789012345678901234567890123")
	var p responseParser
	b.ReportAllocs()
	for b.Loop() {
		p.begin("GET", false)
		if _, done, err := p.feed(text); err != nil || !done {
			b.Fatal(err)
		}
	}
}
