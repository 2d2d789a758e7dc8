package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func TestSelection(t *testing.T) {
	order := &Exchange{Session: "ada", Method: "POST", Target: "/orders?x=1", Response: &Response{Status: 503}}
	silent := &Exchange{Method: "GET", Target: "/products/7"}
	for _, tt := range []struct {
		sentence string
		s        Selection
		x        *Exchange
		misses   string
	}{
		{"nothing asked for is met by all", Selection{}, silent, ""},
		{"methods compare without case", Selection{Methods: []string{"get", "post"}}, order, ""},
		{"another method", Selection{Methods: []string{"GET"}}, order, "method"},
		{"a glob over the path alone", Selection{Paths: []string{"/orders"}}, order, ""},
		{"a glob of a segment", Selection{Paths: []string{"/products/*"}}, silent, ""},
		{"another path", Selection{Paths: []string{"/products/*"}}, order, "path"},
		{"a status", Selection{Statuses: []string{"200", "503"}}, order, ""},
		{"a class of statuses", Selection{Statuses: []string{"5xx"}}, order, ""},
		{"no response", Selection{Statuses: []string{"none"}}, silent, ""},
		{"another status", Selection{Statuses: []string{"4xx", "none"}}, order, "status"},
		{"a session", Selection{Sessions: []string{"bob", "ada"}}, order, ""},
		{"no session", Selection{Sessions: []string{"ada"}}, silent, "session"},
		{"a flow", Selection{Flows: []gameday.Flow{{Method: "POST", Path: "/orders"}}}, order, ""},
		{"another flow", Selection{Flows: []gameday.Flow{{Method: "POST", Path: "/orders"}}}, silent, "flow"},
		{"the first condition that is not met", Selection{Methods: []string{"GET"}, Paths: []string{"/x"}}, order, "method"},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			require.NoError(t, tt.s.Check())
			require.Equal(t, tt.misses, tt.s.Misses(tt.x))
			require.Equal(t, tt.misses == "", tt.s.Matches(tt.x) == "selected")
		})
	}
	for _, wrong := range []string{"abc", "0xx", "99", "1000", "xx", "5x"} {
		require.ErrorContains(t, Selection{Statuses: []string{wrong}}.Check(), "want a number such as 404")
	}
	require.ErrorContains(t, Selection{Paths: []string{"orders"}}.Check(), "begins with a slash")
}
