package replay

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// Each request that is not sent for want of a live value says why there was none.
func TestMissingValuesHaveACause(t *testing.T) {
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/failed":
			w.WriteHeader(http.StatusInternalServerError)
		case "/late":
			<-block
		case "/absent":
			_, _ = io.WriteString(w, `{}`)
		case "/many":
			_, _ = fmt.Fprintf(w, `{"token":"live"}`)
		}
	})
	from := func(path string) *Exchange {
		x := get(path, 0, path)
		x.Response.Body = []byte(`{"token":"recorded-` + path[1:] + `-1"}`)
		x.Response.Size = int64(len(x.Response.Body))
		return x
	}
	for _, tt := range []struct{ name, path, why string }{
		{"the answer is an error", "/failed", missFailed},
		{"the answer does not come", "/late", missLate},
		{"the answer has nothing at that place", "/absent", missAbsent},
		{"the answer has one", "/many", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := from(tt.path)
			then := get(tt.path, 10*time.Millisecond, "/orders/"+strings.TrimPrefix(tt.path, "/"))
			then.Header = Header{{"X-Token", "recorded-" + tt.path[1:] + "-1"}}
			last := *then
			last.At *= 2
			traffic, _ := play(t, Config{
				Open: opener(source, then, &last), Targets: []string{url}, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Second), Busy: "wait"},
			})
			var want map[string]int64
			if tt.why != "" && tt.why != missLate {
				want = map[string]int64{tt.why: 2}
			}
			if tt.why == missLate { // those behind it wait no longer than it did
				require.Subset(t, []string{missLate}, keys(traffic.Fidelity.UnresolvedBy))
				return
			}
			require.Equal(t, want, traffic.Fidelity.UnresolvedBy)
		})
	}
}

// What a session is denied after its login was not sent is told by the flow of the login.
func TestWhoWasNotLetInIsTold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		unsafe []string
		want   map[string]int64
	}{
		{"the login is not sent", nil, map[string]int64{"login": 2}},
		{"only what comes behind it is not", []string{"POST /login"}, nil},
		{"only the login is not", []string{"POST /orders"}, map[string]int64{"login": 3}},
		{"all is sent", []string{"POST"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &shop{users: map[string]string{}, owners: map[string]string{"o-17-s": "u"}, keys: map[string]bool{}}
			url := serve(t, s.ServeHTTP)
			traffic, _ := play(t, Config{
				Flows: []gameday.Flow{{Name: "login", Path: "/login"}, {Name: "orders", Path: "/**"}},
				Open:  opener(buyer("s", "u", 0)...), Targets: []string{url}, Traffic: gameday.TrafficPlan{
					Unsafe: tt.unsafe, Rewrite: []gameday.Rewrite{{Method: "POST", Path: "/login", JSON: "$.password", Value: "secret of ${$.user}"}},
				},
			})
			require.Equal(t, tt.want, traffic.Fidelity.LockedOut)
		})
	}
}

func keys(m map[string]int64) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestWhyAValueIsMissing(t *testing.T) {
	b := bindings{live: values{{"recorded", "text"}}}
	require.Equal(t, missForm, b.why(part{live, number, "recorded"}))
	require.Equal(t, missUnknown, b.why(part{live, plain, "another"}))
	for i := range maxKnown {
		b.set(fmt.Sprint(i), "now")
	}
	require.Equal(t, missLimit, b.why(part{live, plain, fmt.Sprint(maxKnown - 1)}))
}
