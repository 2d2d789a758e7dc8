package replay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// shop is a small system that makes up its own tokens and ids.
type shop struct {
	mu     sync.Mutex
	n      int
	users  map[string]string // by token
	owners map[string]string // of orders, by id
	keys   map[string]bool
	bad    []string // what a client got wrong
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.n++
	who, known := s.users[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	refuse := func(code int, why string) {
		s.bad = append(s.bad, fmt.Sprintf("%s %s: %s", r.Method, r.URL, why))
		w.WriteHeader(code)
	}
	switch {
	case r.URL.Path == "/login":
		token := fmt.Sprintf("live-token-%d", s.n)
		s.users[token] = fmt.Sprint(body["user"])
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: fmt.Sprintf("live-sid-%d", s.n)})
		fmt.Fprintf(w, `{"token":%q,"user_id":"u1"}`, token)
	case !known:
		refuse(http.StatusUnauthorized, "no token")
	case r.Method == "POST":
		key := r.Header.Get("Idempotency-Key")
		if c, err := r.Cookie("sid"); err != nil || !strings.HasPrefix(c.Value, "live-sid-") {
			refuse(http.StatusBadRequest, "no cookie")
			return
		}
		if s.keys[key] || body["key"] != key {
			refuse(http.StatusConflict, "key "+key+" was used")
			return
		}
		s.keys[key] = true
		id := fmt.Sprintf("o-%d", 1000+s.n)
		s.owners[id] = who
		w.Header().Set("Location", "/orders/"+id)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"order":{"order_id":%q},"number":%d}`, id, 70000+s.n)
	default:
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if owner, ok := s.owners[id]; !ok || owner != who {
			refuse(http.StatusNotFound, "order of "+owner+" asked by "+who)
		}
	}
}

func buyer(session, user string, at time.Duration) []*Exchange {
	token, order := "gd~token-"+session, "o-17-"+session
	bearer := Header{{"Authorization", "Bearer " + token}, {"Cookie", "sid=gd~sid-" + session}}
	key := "key-" + session
	body := func(x *Exchange, text string) *Exchange {
		x.Body, x.Size = []byte(text), int64(len(text))
		return x
	}
	answer := func(status int, h Header, text string) *Response {
		return &Response{Status: status, Header: h, Body: []byte(text), Size: int64(len(text))}
	}
	return []*Exchange{
		body(&Exchange{
			Session: session, At: at, Method: "POST", Target: "/login",
			Response: answer(200, Header{{"Set-Cookie", "sid=gd~sid-" + session + "; Path=/"}}, `{"token":"`+token+`","user_id":"u1"}`),
		}, `{"user":"`+user+`","password":"gd~pw"}`),
		body(&Exchange{
			Session: session, At: at + 30*time.Millisecond, Method: "POST", Target: "/orders", Header: append(Header{{"Idempotency-Key", key}}, bearer...),
			Response: answer(201, Header{{"Location", "/orders/" + order}}, `{"order":{"order_id":"`+order+`"},"number":4711}`),
		}, `{"key":"`+key+`","user_id":"u1"}`),
		{Session: session, At: at + 60*time.Millisecond, Method: "GET", Target: "/orders/" + order, Header: bearer, Response: answer(200, nil, `{}`)},
		{Session: session, At: at + 90*time.Millisecond, Method: "GET", Target: "/api/orders/" + order + "?n=4711", Header: bearer, Response: answer(200, nil, `{}`)},
	}
}

func TestLiveValuesTakeThePlaceOfRecordedOnes(t *testing.T) {
	s := &shop{users: map[string]string{}, owners: map[string]string{}, keys: map[string]bool{}}
	url := serve(t, s.ServeHTTP)
	var xs []*Exchange
	for i := range 5 {
		xs = append(xs, buyer(fmt.Sprintf("s%d", i), fmt.Sprintf("user%d", i), 0)...)
	}
	byTime(xs)
	flows := []gameday.Flow{{Name: "login", Path: "/login"}, {Name: "place_order", Method: "POST", Path: "/orders"}, {Name: "status", Path: "/**"}}
	traffic, slices := play(t, Config{
		Run: "r", Flows: flows, Open: opener(xs...), Targets: []string{url}, Ack: Ack{"place_order", "$.order.order_id"},
		Phases: gameday.Phases{Baseline: gameday.Duration(2 * time.Second)},
		Traffic: gameday.TrafficPlan{
			Unsafe: []string{"POST"}, Amplify: 3, Identity: []string{"$.user"},
			Rewrite: []gameday.Rewrite{{Method: "POST", Path: "/login", JSON: "$.password", Value: "secret of ${$.user}"}},
		},
	})
	require.Empty(t, s.bad)
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 5*3*4, total.Classes[gameday.ClassOK], "%v", total.Classes)
	require.Zero(t, traffic.Fidelity.Unresolved)
	require.Len(t, traffic.Acks, 15)
	for _, a := range traffic.Acks {
		require.Contains(t, s.owners, a.ID)
		require.Equal(t, "place_order", a.Flow)
	}
	users := map[string]int{}
	for _, who := range s.owners {
		users[who]++
	}
	require.Len(t, users, 15, "each copy is a user of its own")
	require.Equal(t, 1, users["user3"])
	require.Equal(t, 1, users["user3-c2"])
	require.Equal(t, 1, users["user3-c3"])
}

func TestAMissingLiveValueIsCounted(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{}`) })
	traffic, _ := play(t, Config{Open: opener(buyer("s", "u", 0)...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}}})
	require.EqualValues(t, 3, traffic.Fidelity.Unresolved)
	require.Contains(t, strings.Join(traffic.Fidelity.Problems, "\n"), "lacked a live value")
}

func TestWhatIsLearnt(t *testing.T) {
	for _, tt := range []struct {
		name, method, target, sent, answer string
		want                               []string
	}{
		{"a token, whatever the method", "GET", "/x", "", `{"csrf_token":"abc"}`, []string{"abc"}},
		{"a pseudonym, whatever its name", "GET", "/x", "", `{"a":["gd~1"]}`, []string{"gd~1"}},
		{"an id that the system made up", "POST", "/x", `{"q":1}`, `{"order_id":"o-17","line":{"id":4711}}`, []string{"o-17", "4711"}},
		{"not what the client said itself", "POST", "/carts/c-9", `{"product_id":"p17"}`, `{"product_id":"p17","cart":"c-9","ok":true}`, nil},
		{"not the names and prices of a catalogue", "GET", "/search?q=tea", "", `[{"id":"p1","name":"Green tea 2","price":499}]`, nil},
		{"an opaque value", "GET", "/x", "", `{"v":"9f8e7d6c5b4a39281706"}`, []string{"9f8e7d6c5b4a39281706"}},
		{"nothing of what is not JSON", "POST", "/x", "", `<token>abc</token>`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lesson{}
			x := &Exchange{
				Method: tt.method, Target: tt.target, Body: []byte(tt.sent), Size: int64(len(tt.sent)),
				Response: &Response{Status: 200, Body: []byte(tt.answer), Size: int64(len(tt.answer))},
			}
			e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}}}, newRoutes(nil), "h", "")
			var got []string
			for _, c := range e.request(x, l).captures {
				got = append(got, c.recorded)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestALiveValueCannotBreakOutOfItsPlace(t *testing.T) {
	evil := "x\r\nX-Admin: 1"
	values := map[string]string{"tok": evil, "123": `1,"admin":true`, "name": `a","admin":"b`, "seg": "a/b?c d"}
	var c composer
	sort := func(v string, _ coding) kind {
		if _, ok := values[v]; ok {
			return live
		}
		return literal
	}
	c.header("Bearer tok", sort)
	got, missing := c.text().append(nil, identity{}, values)
	require.Equal(t, "Bearer tok", string(got))
	require.Equal(t, 1, missing)
	require.True(t, c.json([]byte(`{"n":123,"s":"name"}`), sort, func(string, coding) text { return nil }))
	got, missing = c.text().append(nil, identity{}, values)
	require.Equal(t, `{"n":123,"s":"a\",\"admin\":\"b"}`, string(got))
	require.Equal(t, 1, missing)
	c.target("/a/seg", sort)
	got, _ = c.text().append(nil, identity{}, values)
	require.NotContains(t, string(got), " ")
	require.NotContains(t, string(got), "?")
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"b",{"c":null}],"d\"e":"x\u00e9"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var same, other composer
		if !same.json(doc, func(string, coding) kind { return literal }, func(string, coding) text { return nil }) {
			return
		}
		out, _ := same.text().append(nil, identity{}, nil)
		if string(out) != string(doc) {
			t.Errorf("%q became %q", doc, out)
		}
		texts := func(_ string, c coding) kind {
			if c == quoted {
				return renamed // numbers never are
			}
			return literal
		}
		other.json(doc, texts, func(string, coding) text { return nil })
		if out, _ := other.text().append(nil, identity{suffix: "9"}, nil); !json.Valid(out) {
			t.Errorf("%q became %q", doc, out)
		}
	})
}

func TestWhatFollowsFromAFailureIsSkippedAndNotUnresolved(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, `{}`, http.StatusServiceUnavailable) })
	traffic, slices := play(t, Config{Open: opener(buyer("s", "u", 0)...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}}})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 4, total.Due)
	require.EqualValues(t, 1, total.Sent, "the login")
	require.EqualValues(t, 3, traffic.Fidelity.Skipped["no live value"])
	require.Zero(t, traffic.Fidelity.Unresolved)
}
