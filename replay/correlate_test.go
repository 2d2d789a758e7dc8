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
	require.Contains(t, strings.Join(traffic.Fidelity.Problems, "\n"), "3 requests (75.0%) lacked a live value that the recording has: say with --bind, or bind in the scenario")
}

// learnt returns the captures of one exchange in a session that begins with it.
func learnt(t *testing.T, method, target, sent string, status int, h Header, answer string) (got []string) {
	t.Helper()
	x := &Exchange{
		Method: method, Target: target, Body: []byte(sent), Size: int64(len(sent)),
		Response: &Response{Status: status, Header: h, Body: []byte(answer), Size: int64(len(answer))},
	}
	e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}}}, newRoutes(nil), "h", "")
	for _, c := range e.request(x, 0, &lesson{}).captures {
		got = append(got, c.recorded)
	}
	return got
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
		{"not what it said in several words", "POST", "/notes", `{"token":"gift for 2"}`, `{"token":"gift for 2","ok":true}`, nil},
		{"not the names and prices of a catalogue", "GET", "/search?q=tea", "", `[{"id":"p1","name":"Green tea 2","price":499}]`, nil},
		{"an opaque value", "GET", "/x", "", `{"v":"9f8e7d6c5b4a39281706"}`, []string{"9f8e7d6c5b4a39281706"}},
		{"nothing of what is no document", "POST", "/x", "", `<token>abc</token>`, nil},
		{"nothing that is too short to be told from chance", "GET", "/x", "", `{"token":"ab"}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, learnt(t, tt.method, tt.target, tt.sent, 200, nil, tt.answer))
		})
	}
}

func TestWhatIsLearntOfHeaders(t *testing.T) {
	for _, tt := range []struct {
		name        string
		status      int
		field, text string
		want        []string
	}{
		{"a cookie", 200, "Set-Cookie", "sid=abc; Path=/", []string{"abc"}},
		{"a cookie in quotes", 200, "set-cookie", `sid="abc"; Secure`, []string{"abc"}},
		{"an ETag", 200, "ETag", `W/"17"`, []string{`W/"17"`}},
		{"a token for forms", 200, "X-Xsrf-Token", "t-1", []string{"t-1"}},
		{"a session in a header of its own", 200, "Mcp-Session-Id", "s-17", []string{"s-17"}},
		{"credentials", 200, "Authorization", "Bearer abc", []string{"Bearer abc"}},
		{"a pseudonym, whatever the header", 200, "X-Odd", "gd~abc", []string{"gd~abc"}},
		{"where a new thing is", 201, "Location", "/orders/17x", []string{"/orders/17x", "17x"}},
		{"where it is on another host", 302, "Location", "https://shop.example/cart/c17?step=2", []string{"https://shop.example/cart/c17?step=2", "c17", "/cart/c17?step=2"}},
		{"the code of a redirect", 302, "Location", "/back?code=c%2F17&page=2&state=xyz#top", []string{"/back?code=c%2F17&page=2&state=xyz#top", "back", "c/17", "xyz"}},
		{"not a date", 200, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT", nil},
		{"not the name of a server", 200, "X-Served-By", "cache-fra-etou8220038-FRA", nil},
		{"nothing of a failure", 500, "Set-Cookie", "sid=abc", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, learnt(t, "GET", "/x", "", tt.status, Header{{tt.field, tt.text}}, ""))
		})
	}
}

func TestWhatIsLearntOfPages(t *testing.T) {
	page, form := Header{{"Content-Type", "text/html; charset=utf-8"}}, Header{{"Content-Type", "application/x-www-form-urlencoded"}}
	for _, tt := range []struct {
		name   string
		h      Header
		answer string
		want   []string
	}{
		{"a hidden field", page, `<form><input type="hidden" name="_csrf" value="a&amp;b1"><input name=q value=tea></form>`, []string{"a&b1"}},
		{"one without quotes, in capitals", page, `<INPUT TYPE=HIDDEN NAME=authenticity_token VALUE=abc/1==>`, []string{"abc/1=="}},
		{"a meta element", page, `<head><meta name="csrf-token" content="xyz"/><meta name="viewport" content="width=device-width"></head>`, []string{"xyz"}},
		{"an opaque hidden field, whatever its name", page, `<input type=hidden name=__VIEWSTATE value="/wEPDwUKLTM0NzU3Nzk4">`, []string{"/wEPDwUKLTM0NzU3Nzk4"}},
		{"not a plain one", page, `<input type="hidden" name="lang" value="en-GB">`, nil},
		{"not what is visible", page, `<input type="text" name="token" value="abc">`, nil},
		{"not what a script holds as text", page, `<script>var a = '<input type="hidden" name="token" value="abc">'</script>`, nil},
		{"a page that is cut", page, `<input type="hidden" name="token" value="ab`, nil},
		{"an access token of a form", form, `access_token=a%2Fb&scope=read&expires=3600`, []string{"a/b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, learnt(t, "GET", "/x", "", 200, tt.h, tt.answer))
		})
	}
}

// TestRulesByHand: what the answer to /start has goes where the rule says, in the requests that it means.
func TestRulesByHand(t *testing.T) {
	for _, tt := range []struct {
		name, rule   string
		answer       string // live
		header       Header // of it
		method, next string
		h            Header // of the next request
		body         string
		want         string // in it
		missing      int
	}{
		{"a path", "POST /start $.id -> /orders/{}/lines", `{"id":7}`, nil, "GET", "/orders/old/lines", nil, "", "GET /orders/7/lines HTTP", 0},
		{"only the path that was meant", "POST /start $.id -> /orders/{}", `{"id":7}`, nil, "GET", "/orders/old/lines", nil, "", "GET /orders/old/lines HTTP", 0},
		{"only the method that was meant", "POST /start $.id -> POST /orders/{}", `{"id":7}`, nil, "GET", "/orders/old", nil, "", "GET /orders/old HTTP", 0},
		{"a path, quoted as it has to be", "$.id -> /orders/{}", `{"id":"a/b c"}`, nil, "GET", "/orders/old", nil, "", "GET /orders/a%2Fb%20c HTTP", 0},
		{"a parameter", "$.next -> query:after", `{"next":"n7"}`, nil, "GET", "/list?after=old&limit=5", nil, "", "GET /list?after=n7&limit=5 HTTP", 0},
		{"a header from a header", "header:X-Next -> header:X-Token", "", Header{{"x-next", "t7"}}, "GET", "/a", Header{{"x-token", "old"}}, "", "x-token: t7\r\n", 0},
		{"the credentials behind a scheme", "$.t -> header:Authorization", `{"t":"Bearer t7"}`, nil, "GET", "/a", Header{{"Authorization", "Bearer old"}}, "", "Authorization: Bearer t7\r\n", 0},
		{"a cookie", "cookie:a -> cookie:b", "", Header{{"Set-Cookie", "a=c7; Path=/"}}, "GET", "/a", Header{{"Cookie", "x=1; b=old"}}, "", "Cookie: x=1; b=c7\r\n", 0},
		{"a field of a body", "$.a.id -> POST $.order.id", `{"a":{"id":"o7"}}`, nil, "POST", "/a", nil, `{"order":{"id":"old"},"id":"old"}`, `{"order":{"id":"o7"},"id":"old"}`, 0},
		{"a field of a form", "html:tok -> form:tok", `<input type=hidden name=tok value=7>`, Header{{"Content-Type", "text/html"}}, "POST", "/a", Header{{"Content-Type", "application/x-www-form-urlencoded"}}, `q=1&tok=old`, `q=1&tok=7`, 0},
		{"nothing, when the answer lacks it", "$.id -> /orders/{}", `{}`, nil, "GET", "/orders/old", nil, "", "GET /orders/", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule, err := gameday.ParseBind(tt.rule)
			require.NoError(t, err)
			e := newEditor(Config{Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Bind: []gameday.Bind{rule}}}, newRoutes(nil), "h", "")
			l := &lesson{}
			x := &Exchange{Method: tt.method, Target: tt.next, Header: tt.h, Body: []byte(tt.body), Size: int64(len(tt.body))}
			before := e.request(x, 0, l) // nothing is replaced before the source was there
			require.False(t, before.head.needsLive() || before.body.needsLive())
			first := e.request(&Exchange{Method: "POST", Target: "/start"}, 0, l) // a tape without answers will do
			require.NotEmpty(t, first.captures)
			var live values
			bind(first.captures, answer{status: 200, header: tt.header, body: []byte(tt.answer)}, func(recorded, now string) { live.put(recorded, now) })
			raw, missing := e.request(x, 0, l).write(nil, testStamp(t, "r"), tag{}, identity{}, live)
			require.Equal(t, tt.missing, missing)
			require.Contains(t, string(raw), tt.want)
		})
	}
}

// FuzzHandouts: whatever a server answers, looking for values neither fails nor finds more than there is.
func FuzzHandouts(f *testing.F) {
	f.Add("text/html", "", `<input type=hidden name=a value=b><meta name=c content=d>`)
	f.Add("application/json", "gzip", `{"a":[1,{"b":"c"}]}`)
	f.Add("application/x-www-form-urlencoded", "", "a=b&c=%zz&=")
	f.Fuzz(func(t *testing.T, kind, location, body string) {
		h := Header{{"Content-Type", kind}, {"Location", location}, {"Set-Cookie", location}}
		seen := 0
		eachHandedHeader(h, func(place, string) { seen++ })
		eachHandedBody(h, []byte(body), func(_ where, _, raw []byte) { seen++ })
		if seen > len(kind)+len(body)+len(location)+5 {
			t.Errorf("%d values in %d bytes", seen, len(body))
		}
	})
}

func TestALiveValueCannotBreakOutOfItsPlace(t *testing.T) {
	evil := "x\r\nX-Admin: 1"
	known := values{{"tok", evil}, {"123", `1,"admin":true`}, {"name", `a","admin":"b`}, {"seg", "a/b?c d"}}
	var c composer
	sort := func(_ spot, v string, code coding) (part, bool) {
		_, ok := known.get(v)
		return part{live, code, v}, ok
	}
	c.header("Authorization", "Bearer tok", sort)
	got, missing := c.text().append(nil, identity{}, known)
	require.Equal(t, "Bearer tok", string(got))
	require.Equal(t, 1, missing)
	require.True(t, c.json([]byte(`{"n":123,"s":"name"}`), sort, func(string, coding) text { return nil }))
	got, missing = c.text().append(nil, identity{}, known)
	require.Equal(t, `{"n":123,"s":"a\",\"admin\":\"b"}`, string(got))
	require.Equal(t, 1, missing)
	c.target("/a/seg", sort)
	got, _ = c.text().append(nil, identity{}, known)
	require.NotContains(t, string(got), " ")
	require.NotContains(t, string(got), "?")
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"b",{"c":null}],"d\"e":"x\u00e9"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var same, other composer
		if !same.json(doc, func(spot, string, coding) (part, bool) { return part{}, false }, func(string, coding) text { return nil }) {
			return
		}
		out, _ := same.text().append(nil, identity{}, nil)
		if string(out) != string(doc) {
			t.Errorf("%q became %q", doc, out)
		}
		texts := func(_ spot, value string, c coding) (part, bool) {
			return part{renamed, c, value}, c == quoted // numbers never are
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
