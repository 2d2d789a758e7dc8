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
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: tt.unsafe}}, newRoutes(nil), "h", "")
			require.Equal(t, tt.skip, e.reason(&Exchange{Method: tt.method, Target: tt.target}, 0))
		})
	}
}
