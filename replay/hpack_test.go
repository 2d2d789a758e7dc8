package replay

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2/hpack"
)

// decoded reads a header block as a server does.
func decoded(t testing.TB, block []byte) (fields []hpack.HeaderField, list int) {
	t.Helper()
	d := hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		fields = append(fields, f)
		list += int(f.Size())
	})
	_, err := d.Write(block)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	return fields, list
}

func TestARequestSaysOverHTTP2WhatItSaysOverHTTP1(t *testing.T) {
	long := strings.Repeat("long", 5000)
	type fields = [][2]string
	for _, tt := range []struct {
		name       string
		raw        string
		https, rpc bool
		want       fields
		body       string
	}{
		{
			"what all requests have", "GET / HTTP/1.1\r\nHost: shop\r\n\r\n", false, false,
			fields{{":method", "GET"}, {":scheme", "http"}, {":authority", "shop"}, {":path", "/"}},
			"",
		},
		{
			"a body, and names in lower case", "POST /orders?a=1 HTTP/1.1\r\nHost: shop:8443\r\nX-Session: Abc\r\nContent-Length: 4\r\n\r\n{\n}\n", true, false,
			fields{{":method", "POST"}, {":scheme", "https"}, {":authority", "shop:8443"}, {":path", "/orders?a=1"}, {"x-session", "Abc"}, {"content-length", "4"}},
			"{\n}\n",
		},
		{
			"an empty value, and one that is trimmed", "PATCH * HTTP/1.1\r\nHost: s\r\nA:\r\nB: \t b c \r\n\r\n", false, false,
			fields{{":method", "PATCH"}, {":scheme", "http"}, {":authority", "s"}, {":path", "*"}, {"a", ""}, {"b", "b c"}},
			"",
		},
		{
			"a path with spaces, which a live value may have", "GET /a b HTTP/1.1 HTTP/1.1\r\nHost: s\r\n\r\n", false, false,
			fields{{":method", "GET"}, {":scheme", "http"}, {":authority", "s"}, {":path", "/a b HTTP/1.1"}},
			"",
		},
		{
			"nothing that belongs to a connection", "GET / HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\nTE: gzip\r\nHost: other\r\nVia: v\r\n\r\n", false, false,
			fields{{":method", "GET"}, {":scheme", "http"}, {":authority", "s"}, {":path", "/"}, {"via", "v"}},
			"",
		},
		{
			"gRPC takes trailers", "POST /a/B HTTP/1.1\r\nHost: s\r\n\r\n", false, true,
			fields{{":method", "POST"}, {":scheme", "http"}, {":authority", "s"}, {":path", "/a/B"}, {"te", "trailers"}},
			"",
		},
		{
			"strings of any length", "GET /" + long + " HTTP/1.1\r\nHost: s\r\nCookie: " + long[:127] + "\r\nX: " + long[:128] + "\r\nY: " + long[:254] + "\r\nZ: " + long[:255] + "\r\n\r\n", false, false,
			fields{{":method", "GET"}, {":scheme", "http"}, {":authority", "s"}, {":path", "/" + long}, {"cookie", long[:127]}, {"x", long[:128]}, {"y", long[:254]}, {"z", long[:255]}},
			"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			block, size, body := appendFields(nil, []byte(tt.raw), tt.https, tt.rpc, false)
			got, list := decoded(t, block)
			var pairs fields
			for _, f := range got {
				pairs = append(pairs, [2]string{f.Name, f.Value})
				whole := f.Name == ":scheme" || f.Value == "GET" || f.Value == "POST" || f.Value == "/"
				require.Equal(t, !whole, f.Sensitive, "%s: nobody may put it into a table", f.Name)
			}
			require.Empty(t, cmp.Diff(tt.want, pairs))
			require.Equal(t, list, size)
			require.Equal(t, tt.body, string(body))
		})
	}
}

// The length of a body that is sent by and by is not said: who leaves early would have lied.
func TestALengthIsLeftOut(t *testing.T) {
	block, _, body := appendFields(nil, []byte("POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 4\r\nA: b\r\n\r\nbody"), false, false, true)
	fields, _ := decoded(t, block)
	require.Equal(t, "a", fields[4].Name)
	require.Equal(t, "body", string(body))
}

// All names of the static table that are used are where the standard has them.
func TestNamesOfTheStaticTable(t *testing.T) {
	for _, name := range []string{
		"accept-charset", "accept-encoding", "accept-language", "accept", "authorization", "cache-control", "content-encoding",
		"content-length", "content-type", "cookie", "if-match", "if-modified-since", "if-none-match", "range", "referer", "user-agent", "via",
	} {
		index, kept := nameIndex([]byte(name))
		require.True(t, kept)
		require.NotZero(t, index, name)
		fields, _ := decoded(t, appendField(nil, index, nil, []byte("v")))
		require.Equal(t, []hpack.HeaderField{{Name: name, Value: "v", Sensitive: true}}, fields)
	}
}

func TestWritingFieldsIsCheap(t *testing.T) {
	raw := []byte("POST /orders HTTP/1.1\r\nHost: shop\r\nUser-Agent: Mozilla/5.0\r\nX-Session: abc\r\nContent-Length: 2\r\n\r\n{}")
	to := make([]byte, 0, 1024)
	require.Zero(t, testing.AllocsPerRun(100, func() { appendFields(to, raw, false, false, false) }))
}

// Whatever stands in a request, the block can be read, and has it.
func FuzzFields(f *testing.F) {
	f.Add("GET", "/a?b=c", "shop", "X-Name", "value", "body")
	f.Add("OPTIONS", "*", "", "Cookie", "a=b; c=d", "")
	f.Fuzz(func(t *testing.T, method, target, host, name, value, body string) {
		if !isToken(method) || !isTarget(target) || !isHost(host) || !isToken(name) || value != "" && !plain.accepts(value) {
			t.Skip()
		}
		raw := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + name + ": " + value + "\r\n\r\n" + body
		block, size, rest := appendFields(nil, []byte(raw), true, true, false)
		fields, list := decoded(t, block)
		require.Equal(t, list, size)
		require.Equal(t, body, string(rest))
		require.Equal(t, method, fields[0].Value)
		require.Equal(t, host, fields[2].Value)
		require.Equal(t, target, fields[3].Value)
		if _, kept := nameIndex([]byte(strings.ToLower(name))); kept {
			require.Equal(t, strings.ToLower(name), fields[4].Name)
			require.Equal(t, strings.Trim(value, " \t"), fields[4].Value)
		}
	})
}
