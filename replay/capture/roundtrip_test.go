package capture_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

func TestWhatAProgramAsksOfOthersIsRecorded(t *testing.T) {
	service := serve(t, &seen{})
	for _, c := range []struct {
		sentence string
		do       func(*http.Client) error
		want     func(*testing.T, *replay.Exchange)
	}{
		{"a POST that is answered", func(c *http.Client) error {
			resp, err := c.Post("http://"+service+"/a?b=c", "text/plain", strings.NewReader("hello"))
			if err != nil {
				return err
			}
			b, err := io.ReadAll(resp.Body)
			if string(b) != "hello" {
				err = fmt.Errorf("answered %q", b)
			}
			return errors.Join(err, resp.Body.Close())
		}, func(t *testing.T, x *replay.Exchange) {
			require.Equal(t, "POST /a?b=c "+service+" hello", x.Method+" "+x.Target+" "+x.Host+" "+string(x.Body))
			require.Equal(t, "text/plain", x.Header.Get("Content-Type"))
			require.Equal(t, "200 hello", fmt.Sprintf("%d %s", x.Response.Status, x.Response.Body))
			require.False(t, x.Response.Cut)
			require.Positive(t, x.Response.FirstByte)
			require.GreaterOrEqual(t, x.Response.Duration, x.Response.FirstByte)
		}},
		{"chunks with a trailer", func(c *http.Client) error {
			resp, err := c.Get("http://" + service + "/chunked")
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			return errors.Join(err, resp.Body.Close())
		}, func(t *testing.T, x *replay.Exchange) {
			require.Equal(t, "part 0;part 1;part 2;", string(x.Response.Body))
			require.Equal(t, replay.Header{{Name: "X-Sum", Value: "3"}}, x.Response.Trailer)
		}},
		{"a call of gRPC with two messages each way", func(c *http.Client) error {
			resp, err := c.Post("http://"+service+"/a", "application/grpc", strings.NewReader("\x00\x00\x00\x00\x01a\x00\x00\x00\x00\x02bc"))
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			return errors.Join(err, resp.Body.Close())
		}, func(t *testing.T, x *replay.Exchange) {
			sizes := make(map[bool][]int64)
			for _, b := range x.Beats {
				sizes[b.FromServer] = append(sizes[b.FromServer], b.Size)
				require.Positive(t, b.At)
			}
			require.Equal(t, map[bool][]int64{false: {6, 7}, true: {6, 7}}, sizes)
		}},
		{"an answer without a body", func(c *http.Client) error {
			resp, err := c.Head("http://" + service + "/a")
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}, func(t *testing.T, x *replay.Exchange) { require.False(t, x.Response.Cut) }},
		{"an answer that breaks off", func(c *http.Client) error {
			resp, err := c.Get("http://" + service + "/cut")
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			return resp.Body.Close()
		}, func(t *testing.T, x *replay.Exchange) {
			require.True(t, x.Response.Cut)
			require.Equal(t, "half", string(x.Response.Body))
		}},
		{"no answer", func(c *http.Client) error {
			_, err := c.Get("http://127.0.0.1:1/") //nolint:bodyclose // there is none
			if err == nil {
				return errors.New("somebody answered")
			}
			return nil
		}, func(t *testing.T, x *replay.Exchange) { require.Nil(t, x.Response) }},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			var m memory
			tap := capture.NewTap(&m, capture.Options{})
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			require.NoError(t, c.do(&http.Client{Transport: capture.RoundTripper(transport, tap)}))
			require.NoError(t, tap.Close())
			require.Len(t, m.xs, 1)
			c.want(t, m.xs[0])
			require.Zero(t, tap.Status().Held, "no memory is left behind")
		})
	}
}

// TestABodyThatIsSentAgainIsRecordedOnce: a transport tries again when an idle connection had gone.
func TestABodyThatIsSentAgainIsRecordedOnce(t *testing.T) {
	var m memory
	tap := capture.NewTap(&m, capture.Options{})
	again := roundTrip(func(r *http.Request) (*http.Response, error) {
		_, _ = io.CopyN(io.Discard, r.Body, 3)
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, body)
		return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Proto: "HTTP/1.1"}, nil
	})
	resp, err := (&http.Client{Transport: capture.RoundTripper(again, tap)}).Post("http://h/", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, tap.Close())
	require.Equal(t, "hello", string(m.xs[0].Body))
	require.Zero(t, tap.Status().Held)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestWhatAProgramSaysOnAWebSocketIsRecorded: both sides of it, and who ended it.
func TestWhatAProgramSaysOnAWebSocketIsRecorded(t *testing.T) {
	hello := frame(0x81, []byte("hello"), false)
	for _, c := range []struct {
		sentence   string
		extensions string
		last       []byte // that the program says
		want       []spoken
	}{
		{
			"ended by a close frame", "", frame(0x88, []byte("\x03\xe8"), true),
			[]spoken{{true, replay.TextMessage, "hello"}, {false, replay.BinaryMessage, "one"}, {false, replay.CloseMessage, "\x03\xe8"}},
		},
		{
			"ended by nobody's word", "", nil,
			[]spoken{{true, replay.TextMessage, "hello"}, {false, replay.BinaryMessage, "one"}, {false, replay.CloseMessage, "\x03\xee"}},
		},
		{"with an extension that nobody knows", "x-secret", nil, nil},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			service := httptest.NewServer(socket(c.extensions, string(hello)))
			defer service.Close()
			var m memory
			tap := capture.NewTap(&m, capture.Options{})
			request, err := http.NewRequest(http.MethodGet, service.URL+"/chat", nil)
			require.NoError(t, err)
			request.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Cookie": {"sid=ada"}}
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			resp, err := capture.RoundTripper(transport, tap).RoundTrip(request)
			require.NoError(t, err)
			require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
			conn := resp.Body.(io.ReadWriteCloser)
			_, err = io.ReadFull(conn, make([]byte, len(hello)))
			require.NoError(t, err)
			one := frame(0x82, []byte("one"), true)
			_, err = conn.Write(append(one, c.last...))
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			require.NoError(t, tap.Close())
			require.Len(t, m.xs, 1)
			require.Equal(t, 101, m.xs[0].Response.Status)
			require.Equal(t, c.want, m.spoken())
			for _, said := range m.messages {
				require.Equal(t, m.xs[0].Seq, said.Exchange)
				require.Equal(t, "ada", said.Session)
			}
			require.Zero(t, tap.Status().Held)
		})
	}
}
