package redact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/redact"
)

// BenchmarkExchange redacts a login and a page of a list, as they are common.
func BenchmarkExchange(b *testing.B) {
	r, err := redact.New(redact.Rules{}, nil)
	require.NoError(b, err)
	var items []string
	for i := range 50 {
		items = append(items, fmt.Sprintf(`{"id":%d,"sku":"a-%d","name":"thing, green","price":{"amount":1250,"currency":"EUR"},"tags":["new","sale"]}`, i, i))
	}
	list := []byte(`{"items":[` + strings.Join(items, ",") + `],"next":null}`)
	for _, c := range []struct {
		name           string
		request, reply string
	}{
		{"login", `{"user":"anna","password":"sesame"}`, `{"token":"abc","expires_in":3600}`},
		{"list", "", string(list)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x := replay.Exchange{
					Method: "POST", Target: "/api/v1/things?page=2&size=50", Host: "shop", Body: []byte(c.request), Size: int64(len(c.request)),
					Header: replay.Header{
						{Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"},
						{Name: "Accept", Value: "*/*"},
						{Name: "Accept-Encoding", Value: "gzip, deflate, br"},
						{Name: "Accept-Language", Value: "en-GB,en;q=0.9"},
						{Name: "Content-Type", Value: "application/json"},
						{Name: "Authorization", Value: "Bearer abcdefghijkl"},
					},
					Response: &replay.Response{
						Status: 200, Body: []byte(c.reply), Size: int64(len(c.reply)),
						Header: replay.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Date", Value: "Mon, 02 Nov 2026 09:00:00 GMT"}},
					},
				}
				r.Exchange(&x)
			}
		})
	}
}
