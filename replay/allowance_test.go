package replay

import (
	"bytes"
	"strings"
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

// TestALiveValueLeadsNowhereElse: what the system made up does not change what was allowed.
func TestALiveValueLeadsNowhereElse(t *testing.T) {
	for _, tt := range []struct{ name, unsafe, method, target, recorded, now, want string }{
		{"an id takes its place", "POST /carts/**", "POST", "/carts/c-17/pay", "c-17", "c-18", "/carts/c-18/pay"},
		{"so does one with dots in it", "POST /carts/**", "POST", "/carts/c-17/pay", "c-17", "v1..2.", "/carts/v1..2./pay"},
		{"what would part a segment is escaped", "POST /carts/**", "POST", "/carts/c-17", "c-17", "a/b?c d+e", "/carts/a%2Fb%3Fc%20d+e"},
		{"the directory above is none", "POST /carts/**", "POST", "/carts/c-17/orders", "c-17", "..", ""},
		{"nor is that without effects", "", "GET", "/carts/c-17/orders", "c-17", "..", ""},
		{"nor the same directory", "POST /carts/**", "POST", "/carts/c-17", "c-17", ".", ""},
		{"nor a way in one segment", "POST /carts/**", "POST", "/carts/c-17", "c-17", "../orders", ""},
		{"behind a question mark", "POST /carts/**", "POST", "/carts/c-17", "c-17", "?/../../orders", ""},
		{"with backslashes", "POST /carts/**", "POST", "/carts/c-17", "c-17", `a\..\..\orders`, ""},
		{"escaped already", "POST /carts/**", "POST", "/carts/c-17/orders", "c-17", "%2e%2E", ""},
		{"with parameters", "POST /carts/**", "POST", "/carts/c-17/orders", "c-17", "..;v=1", ""},
		{"nor nothing at all", "POST /carts/**", "POST", "/carts/c-17/orders", "c-17", "", ""},
		{"in a query it is a text", "POST /carts", "POST", "/carts?of=c-17", "c-17", "..", "/carts?of=.."},
		{"a redirect is followed", "POST /carts/**", "POST", "/carts/17?step=2", "/carts/17?step=2", "/carts/18?step=3", "/carts/18?step=3"},
		{"with its host left out", "POST /carts/**", "POST", "/carts/17", "/carts/17", "http://127.0.0.1/carts/18", "/carts/18"},
		{"not to what is not allowed", "POST /carts/**", "POST", "/carts/17", "/carts/17", "/orders/18", ""},
		{"not by way of what is", "POST /carts/**", "POST", "/carts/17", "/carts/17", "/carts/%2e%2e/orders/18", ""},
		{"not behind a host either", "POST /carts/**", "POST", "/carts/17", "/carts/17", "//127.0.0.1/orders/18", ""},
		{"not with a line of its own", "POST", "POST", "/carts/17", "/carts/17", "/orders/18 HTTP/1.1", ""},
		{"anywhere, where all are allowed", "POST", "POST", "/carts/17", "/carts/17", "/orders/18", "/orders/18"},
		{"anywhere, without effects", "", "GET", "/carts/17", "/carts/17", "/orders/18", "/orders/18"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: []string{tt.unsafe}}}, newRoutes(nil), "h", "")
			r := e.request(&Exchange{Method: tt.method, Target: tt.target, Response: &Response{Status: 200}}, 0, &lesson{known: hashes{valueOf(tt.recorded)}})
			require.Empty(t, r.skip)
			live := values{{tt.recorded, tt.now}}
			p, lacks := r.lacks(live)
			require.Equal(t, tt.want == "", lacks)
			sent, missing := target(t, r, live)
			if lacks {
				require.Equal(t, missForm, (&bindings{live: live}).why(p))
				require.Equal(t, 1, missing)
				tt.want = tt.target
			}
			require.Equal(t, tt.want, sent)
		})
	}
}

// target returns where a request would be sent, and how many live values it lacks.
func target(t *testing.T, r *request, live values) (string, int) {
	t.Helper()
	raw, missing := r.write(nil, testStamp(t, "r"), tag{}, identity{}, live)
	line, _ := cutLine(raw)
	_, rest, _ := bytes.Cut(line, []byte(" "))
	return strings.TrimSuffix(string(rest), requestVersion), missing
}

// FuzzAllowance: whatever the system makes up, requests with effects go where one may go.
func FuzzAllowance(f *testing.F) {
	f.Add("/a/c-17/x", "c-17", "..")
	f.Add("/a/17?b=/17", "/a/17?b=/17", "http://h/a/../b")
	f.Add("/a/%2e/17", "a/17", `a;b\..%2f`)
	f.Fuzz(func(t *testing.T, recorded, value, now string) {
		e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: []string{"POST /a/**"}}}, newRoutes(nil), "h", "")
		r := e.request(&Exchange{Method: "POST", Target: recorded, Response: &Response{Status: 200}}, 0, &lesson{known: hashes{valueOf(value)}})
		if r.skip != "" {
			return
		}
		if sent, _ := target(t, r, values{{value, now}}); !isTarget(sent) || !allow(e.allowed, "POST", sent) {
			t.Errorf("%q with %q for %q is sent to %q", recorded, now, value, sent)
		}
	})
}
