package capture_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

const tapBuffered = `{
 "http_buffered_trace": {
  "request": {
   "headers": [
    {"key": ":authority", "value": "shop.example.com"},
    {"key": ":path", "value": "/orders?x=1"},
    {"key": ":method", "value": "POST"},
    {"key": "x-forwarded-proto", "value": "http"},
    {"key": "authorization", "value": "Bearer t-1"},
    {"key": "x-bin", "raw_value": "AWE="}
   ],
   "body": {"truncated": false, "as_bytes": "eyJhIjoxfQ=="},
   "trailers": [{"key": "grpc-x", "value": "1"}],
   "headers_received_time": "2026-11-02T10:00:00.100Z"
  },
  "response": {
   "headers": [{"key": ":status", "value": "201"}, {"key": "content-length", "value": "100"}],
   "body": {"truncated": true, "as_string": "half"},
   "trailers": [],
   "headers_received_time": "2026-11-02T10:00:00.140Z"
  },
  "downstream_connection": {"id": "7", "remote_address": {"socket_address": {"protocol": "TCP", "address": "192.0.2.1", "port_value": 5000}}}
 }
}
`

func TestEnvoyTap(t *testing.T) {
	xs, problems, in, err := importAs(t, tapBuffered, capture.ImportOptions{})
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, capture.FormatEnvoyTap, in.Format())
	require.Equal(t, "2026-11-02T10:00:00.1Z", in.Start().UTC().Format(time.RFC3339Nano))
	require.NotZero(t, xs[0].Conn)
	xs[0].Conn = 0
	require.Equal(t, []*replay.Exchange{{
		Session: "t-1", Method: "POST", Target: "/orders?x=1", Host: "shop.example.com",
		Header: replay.Header{{Name: "x-forwarded-proto", Value: "http"}, {Name: "authorization", Value: "Bearer t-1"}, {Name: "x-bin", Value: "\x01a"}},
		Body:   []byte(`{"a":1}`), Size: 7, Trailer: replay.Header{{Name: "grpc-x", Value: "1"}},
		Response: &replay.Response{
			Status: 201, Header: replay.Header{{Name: "content-length", Value: "100"}}, Body: []byte("half"), Size: 100,
			FirstByte: 40 * time.Millisecond, Duration: 40 * time.Millisecond,
		},
	}}, xs)
	require.EqualValues(t, 1, in.Counts().Truncated)
}

func TestEnvoyTapSegments(t *testing.T) {
	segment := func(id, what string) string {
		return `{"http_streamed_trace_segment":{"trace_id":"` + id + `",` + what + "}}\n"
	}
	head := func(path string) string {
		return `"request_headers":{"headers":[{"key":":method","value":"GET"},{"key":":path","value":"` + path + `"},{"key":"host","value":"h"}]}`
	}
	xs, problems, in, err := importAs(t,
		segment("1", head("/a"))+
			segment("2", head("/b"))+
			segment("1", `"request_body_chunk":{"as_string":"ab"}`)+
			segment("1", `"request_body_chunk":{"as_bytes":"Yw==","truncated":true}`)+
			segment("1", `"response_headers":{"headers":[{"key":":status","value":"200"}]}`)+
			segment("2", `"response_body_chunk":{"as_string":"too early"}`)+
			segment("1", `"response_body_chunk":{"as_string":"ok"}`)+
			segment("3", `"response_headers":{"headers":[{"key":":status","value":"200"}]}`)+
			`{"socket_buffered_trace":{"trace_id":"1"}}`+"\n"+
			`{"other":1}`, capture.ImportOptions{Rate: 10})
	require.NoError(t, err)
	require.Equal(t, []*replay.Exchange{
		{
			Method: "GET", Target: "/a", Host: "h", Header: replay.Header{}, Body: []byte("abc"), Size: 4,
			Response: &replay.Response{Status: 200, Body: []byte("ok"), Size: 2},
		},
		{Seq: 1, At: 100 * time.Millisecond, Method: "GET", Target: "/b", Host: "h", Header: replay.Header{}},
	}, xs)
	require.Equal(t, replay.Tally{capture.LostEntry: 1, capture.LostPart: 1, capture.LostTrace: 2}, in.Counts().Lost)
	require.Contains(t, problems[0], "a part of a response that has not begun")
	require.Contains(t, problems[2], "only the HTTP tap filter tells requests apart")
}

func FuzzEnvoyTap(f *testing.F) {
	f.Add(tapBuffered)
	f.Add(`{"http_streamed_trace_segment":{"trace_id":1,"request_headers":{"headers":[{"key":":method","value":"GET"},{"key":":path","value":"/"}]}}}{"http_streamed_trace_segment":{"trace_id":1,"request_body_chunk":{"as_string":"x"}}}`)
	f.Fuzz(func(t *testing.T, text string) { fuzzImport(t, text, capture.FormatEnvoyTap) })
}
