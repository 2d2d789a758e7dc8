package capture_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// TestWhatAFormatDoesNotKeepIsTold writes one exchange, reads it again, and compares: what differs has been told, and nothing else.
func TestWhatAFormatDoesNotKeepIsTold(t *testing.T) {
	line := func(name, value string) replay.Header { return replay.Header{{Name: name, Value: value}} }
	call := func(x *replay.Exchange) { // of gRPC, as it is captured
		x.Method, x.Target, x.Proto, x.Header = "POST", "/shop.Cart/Add", "HTTP/2.0", line("content-type", "application/grpc")
		x.Body = []byte("\x00\x00\x00\x00\x02\xff\x00")
		x.Response = &replay.Response{Status: 200, Header: line("content-type", "application/grpc"), Body: x.Body, Size: 7, Trailer: line("grpc-status", "0")}
	}
	for _, c := range []struct {
		name   string
		change func(x *replay.Exchange)
		unkept map[capture.Format][]string
	}{
		{"nothing special", func(*replay.Exchange) {}, nil},
		{"a request that nobody answered", func(x *replay.Exchange) { x.Response = nil }, nil},
		{"bodies that are no text", func(x *replay.Exchange) {
			x.Body, x.Response.Body = []byte("\x00\xff\r\n\r\n"), []byte("\n🐵🙈🙉\n\xfe")
		}, nil},
		{"no body, and a length of it", func(x *replay.Exchange) { x.Body, x.Header = nil, line("Content-Length", "0") }, nil},
		{"the length of what an answer to HEAD does not have", func(x *replay.Exchange) {
			x.Method, x.Body, x.Response = "HEAD", nil, &replay.Response{Status: 200, Header: line("Content-Length", "500")}
		}, nil},
		{"header lines twice, in an order of their own, some empty", func(x *replay.Exchange) {
			x.Header = replay.Header{{Name: "b", Value: "1"}, {Name: "A", Value: ""}, {Name: "b", Value: "2"}}
			x.Response.Header = replay.Header{{Name: "Set-Cookie", Value: "a=1"}, {Name: "Set-Cookie", Value: "b=2; HttpOnly"}}
		}, nil},
		{
			"a header line in Latin-1", func(x *replay.Exchange) { x.Response.Header = line("Content-Disposition", "filename=caf\xe9") },
			map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptBytes}},
		},
		{
			"a target in Latin-1", func(x *replay.Exchange) { x.Target = "/caf\xe9" },
			map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptBytes}},
		},
		{
			"a line break within a header line and a target, as HTTP/2 can carry them", func(x *replay.Exchange) { x.Header, x.Target = line("a", "b\r\nc: d"), "/a\nb" },
			map[capture.Format][]string{capture.FormatGor: {capture.UnkeptBytes}},
		},
		{
			"a header line whose name is none", func(x *replay.Exchange) { x.Header = line(":path", "/") },
			map[capture.Format][]string{capture.FormatGor: {capture.UnkeptBytes}, capture.FormatHAR: {capture.UnkeptBytes}},
		},
		{
			"a trailer on both sides", func(x *replay.Exchange) { x.Trailer, x.Response.Trailer = line("Digest", "d"), line("X-Sum", "1") },
			map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptTrailer}},
		},
		{
			"a trailer without a body", func(x *replay.Exchange) { x.Body, x.Trailer = nil, line("Digest", "d") },
			map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptTrailer}},
		},
		{
			"a trailer of what has no body", func(x *replay.Exchange) { x.Response = &replay.Response{Status: 204, Trailer: line("X-Sum", "1")} },
			map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptTrailer}, capture.FormatGor: {capture.UnkeptTrailer}},
		},
		{"a call of gRPC", call, map[capture.Format][]string{
			capture.FormatHAR: {capture.UnkeptTrailer}, capture.FormatGor: {capture.UnkeptProtocol},
		}},
		{"a stream of gRPC", func(x *replay.Exchange) {
			call(x)
			x.Beats = []replay.Beat{{At: 1, Size: 7}, {At: 2, FromServer: true, Size: 7}}
		}, map[capture.Format][]string{
			capture.FormatHAR: {capture.UnkeptTrailer, capture.UnkeptTimes}, capture.FormatGor: {capture.UnkeptTimes, capture.UnkeptProtocol},
		}},
		{"a request to a proxy", func(x *replay.Exchange) { x.Target = "http://other/a" }, map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptTarget}}},
		{"a question about the server", func(x *replay.Exchange) { x.Method, x.Target = "OPTIONS", "*" }, map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptTarget}}},
		{"a target with a fragment", func(x *replay.Exchange) { x.Target = "/a#b" }, map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptTarget}}},
		{"an odd target", func(x *replay.Exchange) { x.Target = "//a b?c=%zz&&=\"" }, nil},
		{"no host", func(x *replay.Exchange) { x.Host = "" }, map[capture.Format][]string{capture.FormatHAR: {capture.UnkeptHost}}},
		{"a part of a request body", func(x *replay.Exchange) { x.Size = 100 }, map[capture.Format][]string{capture.FormatGor: {capture.UnkeptPart}}},
		{"a part of a response body", func(x *replay.Exchange) { x.Response.Size = 100 }, map[capture.Format][]string{capture.FormatGor: {capture.UnkeptPart}}},
		{
			"a response that broke off", func(x *replay.Exchange) { x.Response.Cut = true },
			map[capture.Format][]string{capture.FormatGor: {capture.UnkeptCut}, capture.FormatHAR: {capture.UnkeptCut}},
		},
		{"a session by its cookie", func(x *replay.Exchange) { x.Session, x.Header = "ada", line("Cookie", "sid=ada") }, nil},
		{
			"a session by something else", func(x *replay.Exchange) { x.Session = "ada" },
			map[capture.Format][]string{capture.FormatGor: {capture.UnkeptSession}, capture.FormatHAR: {capture.UnkeptSession}},
		},
	} {
		for _, format := range []capture.Format{capture.FormatGor, capture.FormatHAR} {
			t.Run(c.name+", as "+string(format), func(t *testing.T) {
				x := &replay.Exchange{
					Session: "conn-1bb", Conn: 443, Method: "POST", Target: "/a?b", Host: "shop", Proto: "HTTP/1.1", Body: []byte("body"), Upload: time.Millisecond,
					Response: &replay.Response{Status: 200, Body: []byte("ok"), FirstByte: 2 * time.Millisecond, Duration: 3 * time.Millisecond},
				}
				c.change(x)
				fit(x)
				told := capture.NewUnkept(format).Of(x)
				require.Equal(t, c.unkept[format], told)
				text, unfit := export(t, format, capture.ExportOptions{Start: time.Unix(1_800_000_000, 0)}, x)
				require.Empty(t, unfit)
				xs, problems, _, err := importAs(t, text, capture.ImportOptions{})
				require.NoError(t, err)
				require.Empty(t, problems)
				require.Len(t, xs, 1)
				require.Equal(t, len(told) == 0, same(x, xs[0]) == "", same(x, xs[0]))
			})
		}
	}
}

// TestListsOfRequestsTellWhatTheyDoNotKeep of a request: they hold nothing else.
func TestListsOfRequestsTellWhatTheyDoNotKeep(t *testing.T) {
	for _, c := range []struct {
		name   string
		x      replay.Exchange
		unkept []string
		unfit  map[capture.Format][]string
	}{
		{"nothing special", replay.Exchange{Target: "/a", Response: &replay.Response{Cut: true, Trailer: replay.Header{{Name: "a", Value: "\xff"}}}}, nil, nil},
		{"a header line in Latin-1", replay.Exchange{Target: "/a", Header: replay.Header{{Name: "a", Value: "caf\xe9"}}}, []string{capture.UnkeptBytes}, nil},
		{"a trailer", replay.Exchange{Target: "/a", Trailer: replay.Header{{Name: "a", Value: "b"}}}, []string{capture.UnkeptTrailer}, nil},
		{"a question about the server", replay.Exchange{Target: "*"}, []string{capture.UnkeptTarget}, nil},
		{"a line of a log", replay.Exchange{Target: "/a", ShapeOnly: true}, []string{capture.UnkeptShape}, nil},
		{
			"a stream of gRPC",
			replay.Exchange{Target: "/a", Header: replay.Header{{Name: "content-type", Value: "application/grpc+proto"}}, Beats: []replay.Beat{{}}},
			[]string{capture.UnkeptTimes},
			map[capture.Format][]string{capture.FormatK6: {capture.UnfitCall}},
		},
	} {
		for _, format := range []capture.Format{capture.FormatVegeta, capture.FormatK6} {
			c.x.Method, c.x.Session = "POST", "somebody"
			require.Equal(t, c.unkept, capture.NewUnkept(format).Of(&c.x), "%s, %s", c.name, format)
			_, unfit := export(t, format, capture.ExportOptions{}, &c.x)
			require.Equal(t, c.unfit[format], unfit, "%s, %s", c.name, format)
		}
	}
}

// fit gives bodies the sizes that they have, unless more is said.
func fit(x *replay.Exchange) {
	x.Size = max(x.Size, int64(len(x.Body)))
	if r := x.Response; r != nil {
		r.Size = max(r.Size, int64(len(r.Body)))
	}
}

// same says how two exchanges differ. A length in the header may be written where there was none: the body is what counts.
func same(want, got *replay.Exchange) string {
	framing := func(f replay.Field) bool {
		return f.Name == "Content-Length" && f.Value != "500" || f.Name == "Transfer-Encoding"
	}
	return cmp.Diff(want, got, cmp.Comparer(bytes.Equal), cmp.Comparer(slices.Equal[[]replay.Beat]), cmp.Comparer(func(a, b replay.Header) bool {
		return slices.Equal(slices.DeleteFunc(slices.Clone(a), framing), slices.DeleteFunc(slices.Clone(b), framing))
	}))
}

// TestSessionsWithoutConnectionsSurvive: who asked what is kept, though nobody knows over which connection.
func TestSessionsWithoutConnectionsSurvive(t *testing.T) {
	var xs []*replay.Exchange
	for i, name := range []string{"ada", "bob", "ada", ""} {
		xs = append(xs, &replay.Exchange{Session: name, Seq: uint64(i), At: time.Duration(i) * time.Second, Method: "GET", Target: "/", Host: "h"})
	}
	for _, format := range []capture.Format{capture.FormatGor, capture.FormatHAR} {
		unkept := capture.NewUnkept(format)
		for _, x := range xs {
			require.Empty(t, unkept.Of(x), format)
		}
		text, _ := export(t, format, capture.ExportOptions{}, xs...)
		got, _, _, err := importAs(t, text, capture.ImportOptions{})
		require.NoError(t, err)
		require.Len(t, got, 4)
		require.Equal(t, got[0].Session, got[2].Session)
		require.Len(t, slices.Compact([]string{got[0].Session, got[1].Session, got[3].Session}), 3, format)
	}
}

// TestTrailersOfChunksAreRead, as recorders write them that keep the bytes of the wire.
func TestTrailersOfChunksAreRead(t *testing.T) {
	for _, c := range []struct {
		name, trailer string
		want          replay.Header
		problem       string
	}{
		{"two lines", "A: 1\r\nb:2\r\n\r\n", replay.Header{{Name: "A", Value: "1"}, {Name: "b", Value: "2"}}, ""},
		{"none", "\r\n", nil, ""},
		{"one that is cut off", "A: 1\r\n", nil, ""},
		{"nothing at all", "", nil, ""},
		{"something else", "what\r\n\r\n", nil, "trailer: header line \"what\" has no name"},
	} {
		text := "1 " + "000000000000000000000001" + " 1800000000000000000 0\nPOST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" + c.trailer + "\n🐵🙈🙉\n"
		xs, problems, _, err := importAs(t, text, capture.ImportOptions{})
		require.NoError(t, err, c.name)
		if c.problem != "" {
			require.Len(t, problems, 1, c.name)
			require.Contains(t, problems[0], c.problem, c.name)
			continue
		}
		require.Empty(t, problems, c.name)
		require.Equal(t, "abc", string(xs[0].Body), c.name)
		require.Equal(t, c.want, xs[0].Trailer, c.name)
	}
}
