package gameday

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseBind(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Bind
	}{
		{"an id into a path", "POST /orders $.order_id -> /orders/{}", Bind{BindEnd{"POST", "/orders", "$.order_id"}, BindEnd{"", "/orders/{}", ""}}},
		{"the same, cancelled", "post /orders $.order_id->DELETE /orders/{}/lines/*", Bind{BindEnd{"POST", "/orders", "$.order_id"}, BindEnd{"DELETE", "/orders/{}/lines/*", ""}}},
		{"a header into a header, whatever the request", "header:X-Next -> header:X-Token", Bind{BindEnd{"", "", "header:X-Next"}, BindEnd{"", "", "header:X-Token"}}},
		{"a hidden field into a form", "GET /cart html:_csrf -> POST /cart form:_csrf", Bind{BindEnd{"GET", "/cart", "html:_csrf"}, BindEnd{"POST", "/cart", "form:_csrf"}}},
		{"an element of an array into a query", "/list $[0].cursor -> /list query:after", Bind{BindEnd{"", "/list", "$[0].cursor"}, BindEnd{"", "/list", "query:after"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseBind(tt.text)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			again, err := ParseBind(got.String())
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
}

func TestParseBindSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no arrow", "POST /orders $.id /orders/{}", "such as"},
		{"no field of the answers", "POST /orders -> /orders/{}", "says not which field"},
		{"no field of the requests", "$.id -> /orders", "either one {}"},
		{"both ways at once", "$.id -> /orders/{} $.id", "either one {}"},
		{"two blanks", "$.id -> /a/{}/{}", "more than one {}"},
		{"a blank that is no segment", "$.id -> /a/x{}", "whole segment"},
		{"a blank that may be anywhere", "$.id -> /**/{}", "** before {}"},
		{"a blank in the source", "/a/{} $.id -> /a/{}", "only after ->"},
		{"an unknown field", "body:id -> /a/{}", `field "body:id"`},
		{"a query in an answer", "query:id -> /a/{}", `field "query:id"`},
		{"a field without a name", "header: -> /a/{}", `field "header:"`},
		{"a word too many", "GET /a $.id please -> /a/{}", `what is "please"`},
		{"nothing", "->", "says not which field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseBind(tt.text)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzParseBind(f *testing.F) {
	f.Add("POST /orders $.order_id -> /orders/{}")
	f.Add("header:A -> GET /a/** query:b")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBind(text)
		if err != nil {
			return
		}
		if again, err := ParseBind(b.String()); err != nil || again != b {
			t.Errorf("%q became %q: %v", text, b, err)
		}
	})
}
