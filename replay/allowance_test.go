package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func TestRequestsWithEffectsNeedAnAllowance(t *testing.T) {
	for _, tt := range []struct {
		name, method, target string
		unsafe               []string
		skip                 string
	}{
		{"a request without effects needs none", "GET", "/orders", nil, ""},
		{"nor does a query with a body", "QUERY", "/orders", nil, ""},
		{"a request with effects does", "POST", "/orders", nil, skipUnsafe},
		{"of its method", "POST", "/orders", []string{"PUT", "POST"}, ""},
		{"and no other's", "POST", "/orders", []string{"PUT"}, skipUnsafe},
		{"or of its path", "POST", "/graphql?op=Cart", []string{"POST /graphql"}, ""},
		{"and below it", "POST", "/search/products/tea", []string{"PUT /a", "POST /search/**"}, ""},
		{"and no other", "POST", "/orders", []string{"POST /search/**"}, skipUnsafe},
		{"with the same method", "DELETE", "/search/1", []string{"POST /search/**"}, skipUnsafe},
		{"nor what leads out of it", "POST", "/search/../orders", []string{"POST /search/**"}, skipUnsafe},
		{"at its end", "POST", "/search/..", []string{"POST /search/*"}, skipUnsafe},
		{"or stays where it is", "POST", "/search/./tea", []string{"POST /search/**"}, skipUnsafe},
		{"in escapes", "POST", "/search/%2e%2E/orders", []string{"POST /search/**"}, skipUnsafe},
		{"in one segment", "POST", "/search/..%2Forders", []string{"POST /search/**"}, skipUnsafe},
		{"escaped twice", "POST", "/search/%252e.%252forders", []string{"POST /search/**"}, skipUnsafe},
		{"among bad escapes", "POST", "/search/%zz/%2e./orders", []string{"POST /search/**"}, skipUnsafe},
		{"with backslashes", "POST", "/search/x%5c..%5C..%5corders", []string{"POST /search/**"}, skipUnsafe},
		{"with parameters", "POST", "/search/..;v=1/orders", []string{"POST /search/**"}, skipUnsafe},
		{"where a query begins", "POST", "/search/..?q=tea", []string{"POST /search/**"}, skipUnsafe},
		{"dots lead nowhere in names", "POST", "/search/v1..2/.tea/...", []string{"POST /search/**"}, ""},
		{"nor in queries", "POST", "/search?q=/../", []string{"POST /search"}, ""},
		{"all paths are all", "POST", "/search/../orders", []string{"POST"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: tt.unsafe}}, newRoutes(nil), "h", "")
			require.Equal(t, tt.skip, e.reason(&Exchange{Method: tt.method, Target: tt.target}, 0))
		})
	}
}
