package linkproxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2/hpack"
)

func TestHTTP1RequestsAreCountedByTheirFinalAnswer(t *testing.T) {
	type step struct{ request, response string }
	for _, row := range []struct {
		about string
		steps []step
		want  []string
	}{
		{"an answer", []step{{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nbody"}}, []string{"200"}},
		{"a body in several chunks", []step{{"POST / HTTP/1.1\r\n\r\n", ""}, {"body", ""}, {"", "HTTP/1.1 201 Created\r\n\r\n"}, {"", "more"}}, []string{"201"}},
		{"an interim answer first", []step{{"POST / HTTP/1.1\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}, {"body", "HTTP/1.1 429 Too Many Requests\r\n\r\n"}}, []string{"429"}},
		{"the rest of a body after an early answer", []step{{"POST / HTTP/1.1\r\n\r\n", "HTTP/1.1 413 X\r\n\r\n"}, {"body", ""}}, []string{"413"}},
		{"no answer", []step{{"GET / HTTP/1.1\r\n\r\n", ""}}, []string{"none"}},
		{"a second request after an answered one goes unanswered", []step{{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}, {"GET / HTTP/1.1\r\n\r\n", ""}}, []string{"200", "none"}},
		{"something else than HTTP", []step{{"\x16\x03\x01", "HTTP/1.1 200 OK"}}, nil},
		{"a probe", []step{{"OPTIONS * HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}}, nil},
		{"an upgrade, and what looks like a request and an answer in the new protocol", []step{{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"}, {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}}, []string{"101"}},
		{"a status that is none", []step{{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n"}}, []string{"invalid"}},
	} {
		t.Run(row.about, func(t *testing.T) {
			var got []string
			s := newSniffer(func(code string) { got = append(got, code) })
			for _, step := range row.steps {
				if step.request != "" {
					s.request([]byte(step.request))
				}
				if step.response != "" {
					s.response([]byte(step.response))
				}
			}
			s.Close()
			require.Equal(t, row.want, got)
		})
	}
}

// h2 builds frames of one direction of an HTTP/2 connection.
type h2 struct {
	bytes.Buffer
	headers bytes.Buffer
	encoder *hpack.Encoder
}

func (h *h2) frame(kind, flags byte, stream uint32, payload []byte) {
	h.Write([]byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags, byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream)})
	h.Write(payload)
}

func (h *h2) fields(pairs ...string) []byte {
	if h.encoder == nil {
		h.encoder = hpack.NewEncoder(&h.headers)
	}
	h.headers.Reset()
	for i := 0; i < len(pairs); i += 2 {
		_ = h.encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return bytes.Clone(h.headers.Bytes())
}

func TestGRPCRequestsAreCountedByStatusWhateverTheChunks(t *testing.T) {
	var up, down h2
	up.Write(http2Preface)
	up.frame(4, 0, 0, nil)
	for _, stream := range []uint32{1, 3, 5, 7} {
		up.frame(frameHeaders, flagEndHeaders, stream, up.fields(":path", "/x"))
		up.frame(frameData, flagEndStream, stream, []byte("request"))
	}
	down.frame(4, 0, 0, nil)
	// Stream 1 answers in full, its trailers split over a continuation.
	down.frame(frameHeaders, flagEndHeaders, 1, down.fields(":status", "200", "content-type", "application/grpc"))
	down.frame(frameData, 0, 1, []byte("answer"))
	trailers := down.fields("grpc-status", "0")
	down.frame(frameHeaders, flagEndStream, 1, trailers[:1])
	down.frame(frameContinuation, flagEndHeaders, 1, trailers[1:])
	// Stream 3 fails at once, its only frame padded; stream 5 is reset; stream 7 is never answered.
	only := down.fields(":status", "200", "grpc-status", "14")
	down.frame(frameHeaders, flagEndStream|flagEndHeaders|flagPadded, 3, append(append([]byte{2}, only...), 0, 0))
	down.frame(frameResetStream, 0, 5, []byte{0, 0, 0, 8})

	for _, size := range []int{1, 7, 1 << 20} {
		got := map[string]int{}
		s := newSniffer(func(code string) { got[code]++ })
		request := up.Bytes()
		s.request(request[:len(http2Preface)])
		chunked(request[len(http2Preface):], size, s.request)
		chunked(down.Bytes(), size, s.response)
		s.Close()
		require.Equal(t, map[string]int{"grpc_0": 1, "grpc_14": 1, "none": 2}, got, "chunks of %d", size)
	}
}

func chunked(data []byte, size int, each func([]byte)) {
	for len(data) > 0 {
		n := min(size, len(data))
		each(data[:n])
		data = data[n:]
	}
}

func TestRequestsOfARealHTTP2ClientAreCounted(t *testing.T) {
	w := newWorld(t, Config{})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			rw.WriteHeader(http.StatusTooManyRequests)
		}
		_, _ = io.WriteString(rw, "ok")
	})}
	l := w.listen(t)
	go server.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(func() { _ = server.Close() })

	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		Protocols: &protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialFrom(ctx, callerAddr, w.backend.Public)
		},
	}}
	for _, path := range []string{"/", "/busy", "/"} {
		answer, err := client.Get("http://promotion" + path)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
	seen := scrape(t, w.Proxy)
	require.Contains(t, seen, `gameday_link_requests_total{code="200",dst="promotion",dst_zone="z3",src="order",src_zone="z1"} 2`)
	require.Contains(t, seen, `gameday_link_requests_total{code="429",dst="promotion",dst_zone="z3",src="order",src_zone="z1"} 1`)
}

func TestTheSlidingSecondSeesABurstAcrossAClockSecond(t *testing.T) {
	var r rate
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	for range 50 {
		r.add(at(1950)) // one half of the burst in each clock second
		r.add(at(2050))
	}
	require.EqualValues(t, 100, r.peak(at(2100)))
	require.EqualValues(t, 100, r.peak(at(4000)), "still remembered by the next scrape")
	require.EqualValues(t, 0, r.peak(at(5200)), "and then forgotten")
	r.add(at(65_000))
	require.EqualValues(t, 1, r.peak(at(65_000)), "old laps of the ring do not count")
}

// FuzzSniffer feeds both directions of a connection with anything; nothing may panic or grow without bound.
func FuzzSniffer(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte("HTTP/1.1 200 OK\r\n\r\n"), 3)
	var down h2
	down.frame(frameHeaders, flagEndHeaders|flagEndStream|flagPadded|flagPriority, 1, down.fields(":status", "200"))
	f.Add(append(bytes.Clone(http2Preface), 0, 0, 0, 1, 4, 0, 0, 0, 1), down.Bytes(), 5)
	f.Fuzz(func(t *testing.T, up, down []byte, size int) {
		if size < 1 || size > 1<<16 {
			size = 1
		}
		s := newSniffer(func(code string) {
			if len(code) > 8 {
				t.Fatalf("unbounded code %q", code)
			}
		})
		if n := len(http2Preface); bytes.HasPrefix(up, http2Preface) {
			s.request(up[:n])
			up = up[n:]
		}
		chunked(up, size, s.request)
		chunked(down, size, s.response)
		s.Close()
	})
}
