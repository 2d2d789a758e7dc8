package redact_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/redact"
)

var key = []byte("a key of the tests, 32 bytes long")

func redactor(t testing.TB, rules redact.Rules) *redact.Redactor {
	t.Helper()
	r, err := redact.New(rules, key)
	require.NoError(t, err)
	return r
}

func TestHeaders(t *testing.T) {
	r := redactor(t, redact.Rules{Headers: []string{"X-Customer"}})
	p := r.Pseudonym
	for _, c := range []struct{ sentence, name, value, want string }{
		{"a bearer token keeps its scheme", "Authorization", "Bearer abc", "Bearer " + p("abc")},
		{"a credential without scheme goes as a whole", "authorization", "abc", p("abc")},
		{"basic credentials go as a whole", "Proxy-Authorization", "Basic dXNlcjpw", "Basic " + p("dXNlcjpw")},
		{"cookies keep their names and blanks", "Cookie", "sid=v1; lang=en;x", "sid=" + p("v1") + "; lang=" + p("en") + ";" + p("x")},
		{"a set cookie keeps its attributes", "Set-Cookie", "sid=v1; Path=/; HttpOnly", "sid=" + p("v1") + "; Path=/; HttpOnly"},
		{"a quoted cookie joins with a plain one", "Cookie", `sid="v1"`, "sid=" + p("v1")},
		{"an API key goes as a whole", "x-api-key", "k", p("k")},
		{"a configured header goes as a whole", "X-Customer", "Ada L", p("Ada L")},
		{"an empty value stays empty", "Cookie", "sid=", "sid="},
		{"a redacted value stays as it is", "Authorization", "Bearer " + p("abc"), "Bearer " + p("abc")},
		{"another header stays", "Accept", "*/*", "*/*"},
		{"a referer loses the token in its query", "Referer", "http://u:p@h/a?b=1&token=x#t", "http://" + p("u:p") + "@h/a?b=1&token=" + p("x") + "#t"},
		{"a location loses the token in its fragment", "Location", "/cb#access_token=x&state=2", "/cb#access_token=" + p("x") + "&state=2"},
		{"a client-side route loses the token behind it", "Location", "/#/reset?token=x", "/#/reset?token=" + p("x")},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			x := &replay.Exchange{Header: replay.Header{{Name: c.name, Value: c.value}}}
			r.Exchange(x)
			require.Equal(t, c.want, x.Header[0].Value)
		})
	}
}

func TestTargets(t *testing.T) {
	r := redactor(t, redact.Rules{Query: []string{"email"}})
	p := r.Pseudonym
	for _, c := range []struct{ sentence, target, want string }{
		{"a secret parameter", "/a?x=1&token=t&y=2", "/a?x=1&token=" + p("t") + "&y=2"},
		{"its spelling does not change the pseudonym", "/a?token=%74", "/a?token=" + p("t")},
		{"an escaped name is the name", "/a?%74oken=t", "/a?%74oken=" + p("t")},
		{"a nested name", "/a?user[password]=t&user.password=t", "/a?user[password]=" + p("t") + "&user.password=" + p("t")},
		{"a semicolon before it separates", "/a?x=1;token=t", "/a?x=1;token=" + p("t")},
		{"a semicolon in it goes with it", "/a?token=t;u&z=1", "/a?token=" + p("t;u") + "&z=1"},
		{"a configured parameter", "/a?EMAIL=a%40b", "/a?EMAIL=" + p("a@b")},
		{"odd targets stay odd", "//a/../%zz?&&=&a==b?c#", "//a/../%zz?&&=&a==b?c#"},
		{"no query", "*", "*"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			x := &replay.Exchange{Target: c.target}
			r.Exchange(x)
			require.Equal(t, c.want, x.Target)
		})
	}
}

func TestBodies(t *testing.T) {
	r := redactor(t, redact.Rules{JSON: []string{"$.user.mail", "$.items[*].card", "$.pins[1]", "$['a.b']", "$..secrets"}})
	p := r.Pseudonym
	const asJSON, asForm = "application/json; charset=utf-8", "application/x-www-form-urlencoded"
	for _, c := range []struct{ sentence, contentType, body, want string }{
		{"a default name at any depth", asJSON, `{"a":[{"token":"t"}]}`, `{"a":[{"token":"` + p("t") + `"}]}`},
		{"blanks and order stay", asJSON, "{ \"b\" : 1,\n \"password\" :\t\"x\" , \"a\":2 }\n", "{ \"b\" : 1,\n \"password\" :\t\"" + p("x") + "\" , \"a\":2 }\n"},
		{"a path", asJSON, `{"user":{"mail":"e"},"mail":"f"}`, `{"user":{"mail":"` + p("e") + `"},"mail":"f"}`},
		{"every element", asJSON, `{"items":[{"card":1},{"card":"2"}]}`, `{"items":[{"card":"` + p("1") + `"},{"card":"` + p("2") + `"}]}`},
		{"one element", asJSON, `{"pins":[1,2,3]}`, `{"pins":[1,"` + p("2") + `",3]}`},
		{"a quoted name", asJSON, `{"a.b":"s"}`, `{"a.b":"` + p("s") + `"}`},
		{"everything below what is selected", asJSON, `{"secrets":{"x":[1,"y"],"z":null,"on":true}}`, `{"secrets":{"x":["` + p("1") + `","` + p("y") + `"],"z":null,"on":true}}`},
		{"an escaped string is what it says", asJSON, `{"token":"\u0074"}`, `{"token":"` + p("t") + `"}`},
		{"an escaped name is the name", asJSON, `{"\u0074oken":"t"}`, `{"\u0074oken":"` + p("t") + `"}`},
		{"both of two equal names", asJSON, `{"token":"a","token":"b"}`, `{"token":"` + p("a") + `","token":"` + p("b") + `"}`},
		{"lines of JSON", "application/x-ndjson", "{\"token\":\"a\"}\n{\"token\":\"b\"}\n", "{\"token\":\"" + p("a") + "\"}\n{\"token\":\"" + p("b") + "\"}\n"},
		{"JSON without a label", "", `{"token":"a"}`, `{"token":"` + p("a") + `"}`},
		{"JSON cut short is dropped", asJSON, `{"a":1,"token":"secr`, ""},
		{"JSON without a secret stays", asJSON, `{"a": 1}`, `{"a": 1}`},
		{"a form", asForm, "user=ada&password=a+b&x=1", "user=ada&password=" + p("a b") + "&x=1"},
		{"a multipart form with a password is dropped", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--b--\r\n", ""},
		{"a multipart form without one stays", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nx\r\n--b--\r\n", "--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nx\r\n--b--\r\n"},
		{"text stays", "text/plain", "a token of love: none", "a token of love: none"},
		{"a secret name in text", "text/plain", "user=ada token=abc; PASSWORD: \"a b\"", "user=ada token=" + p("abc") + "; PASSWORD: \"" + p("a b") + "\""},
		{"a secret name in markup", "application/xml", "<a><password>p w</password></a>", "<a><password>" + p("p w") + "</password></a>"},
		{"an address in a JSON text", asJSON, `{"note":"to ada@example.org!","n":7}`, `{"note":"to ` + p("ada@example.org") + `!","n":7}`},
		{"a card that is a JSON number stays a number", asJSON, `{"x":4111111111111111}`, `{"x":` + p("4111111111111111") + `}`},
		{"a JSON text alone", asJSON, `"ada@example.org"`, `"` + p("ada@example.org") + `"`},
		{"an address in a form", asForm, "q=ada%40example.org&x=1", "q=" + strings.ReplaceAll(p("ada@example.org"), "@", "%40") + "&x=1"},
		{"a card in a multipart form", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n4111 1111 1111 1111\r\n--b--\r\n", "--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n" + p("4111 1111 1111 1111") + "\r\n--b--\r\n"},
		{"bytes that are no text stay", "application/octet-stream", "\xff\xfe ada@example.org", "\xff\xfe ada@example.org"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			x := &replay.Exchange{
				Header: replay.Header{{Name: "Content-Type", Value: c.contentType}, {Name: "Content-Length", Value: "0"}},
				Body:   []byte(c.body), Size: int64(len(c.body)),
			}
			r.Exchange(x)
			require.Equal(t, c.want, string(x.Body))
			require.Equal(t, c.want == "", x.Truncated())
		})
	}
}

func TestCodedBodiesAreDecodedWhenTheyChange(t *testing.T) {
	r := redactor(t, redact.Rules{})
	for coding, encode := range map[string]func(string) []byte{"gzip": gzipped, "zstd": zstded} {
		body := encode(`{"token":"abc"}`)
		resp := &replay.Response{
			Header: replay.Header{
				{Name: "Content-Encoding", Value: coding},
				{Name: "Content-Type", Value: "application/json"},
				{Name: "Content-Length", Value: "99"},
				{Name: "Digest", Value: "old"},
			},
			Body: body, Size: int64(len(body)),
		}
		r.Exchange(&replay.Exchange{Response: resp})
		want := `{"token":"` + r.Pseudonym("abc") + `"}`
		require.Equal(t, want, string(resp.Body), coding)
		require.EqualValues(t, len(want), resp.Size)
		require.Equal(t, replay.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Content-Length", Value: "31"}}, resp.Header)

		plain := encode(`{"name":"abc"}`)
		resp = &replay.Response{Header: replay.Header{{Name: "Content-Encoding", Value: coding}, {Name: "Content-Type", Value: "application/json"}}, Body: plain}
		r.Exchange(&replay.Exchange{Response: resp})
		require.Equal(t, plain, resp.Body, "what holds no secret stays as it was sent")
	}
}

func TestACodingNobodyCanReadIsDropped(t *testing.T) {
	r := redactor(t, redact.Rules{})
	for _, c := range []struct {
		contentType, coding string
		kept                bool
	}{
		{"application/json", "br", false},
		{"application/json", "gzip", false}, // broken
		{"", "br", false},
		{"text/html", "br", false},
		{"text/html", "gzip", false}, // broken
		{"image/svg+xml", "br", true},
	} {
		x := &replay.Exchange{Header: replay.Header{{Name: "Content-Encoding", Value: c.coding}, {Name: "Content-Type", Value: c.contentType}}, Body: []byte("???"), Size: 3}
		r.Exchange(x)
		require.Equal(t, c.kept, len(x.Body) > 0, "%+v", c)
	}
	require.EqualValues(t, 5, r.Dropped())
}

// TestOneSecretOnePseudonym is what replay needs: the token of the login answer is the token
// of the next request, wherever it stands.
func TestOneSecretOnePseudonym(t *testing.T) {
	r := redactor(t, redact.Rules{})
	login := &replay.Exchange{Response: &replay.Response{
		Header: replay.Header{{Name: "Set-Cookie", Value: "sid=S3cret; Path=/"}},
		Body:   []byte(`{"token":"T0ken"}`),
	}}
	cart := &replay.Exchange{
		Target: "/cart?token=T0ken",
		Header: replay.Header{{Name: "Authorization", Value: "Bearer T0ken"}, {Name: "Cookie", Value: "sid=S3cret"}},
	}
	r.Exchange(login)
	r.Exchange(cart)
	token := strings.TrimSuffix(strings.TrimPrefix(string(login.Response.Body), `{"token":"`), `"}`)
	require.Regexp(t, `^gd~[a-z2-7]{16}$`, token)
	require.Equal(t, "Bearer "+token, cart.Header.Get("Authorization"))
	require.Equal(t, "/cart?token="+token, cart.Target)
	named := &replay.Exchange{Session: "S3cret"} // by an importer, before redaction
	r.Exchange(named)
	require.Equal(t, "sid="+named.Session, cart.Header.Get("Cookie"))
	require.Equal(t, login.Response.Header[0].Value, cart.Header.Get("Cookie")+"; Path=/")

	again, err := redact.New(redact.Rules{}, key)
	require.NoError(t, err)
	require.Equal(t, token, again.Pseudonym("T0ken"), "the key alone makes the pseudonym")
	stranger, err := redact.New(redact.Rules{}, nil)
	require.NoError(t, err)
	require.NotEqual(t, token, stranger.Pseudonym("T0ken"), "another key makes another")
}

func TestRules(t *testing.T) {
	r := redactor(t, redact.Rules{Keep: []string{"$..password", "Password", "cookie"}})
	x := &replay.Exchange{
		Header: replay.Header{{Name: "Cookie", Value: "a=b"}, {Name: "Content-Type", Value: "application/json"}},
		Body:   []byte(`{"password":"p","token":"t"}`),
	}
	r.Exchange(x)
	require.Equal(t, "a=b", x.Header.Get("Cookie"))
	require.Equal(t, `{"password":"p","token":"`+r.Pseudonym("t")+`"}`, string(x.Body))

	require.Equal(t, redactor(t, redact.Rules{}).Policy(), redactor(t, redact.Rules{}).Policy())
	require.NotEqual(t, r.Policy(), redactor(t, redact.Rules{}).Policy())

	drop := redactor(t, redact.Rules{DropOther: true})
	x = &replay.Exchange{Body: []byte("<xml/>"), Size: 6}
	drop.Exchange(x)
	require.True(t, x.Truncated())
}

func TestBadRulesAreReportedAtOnce(t *testing.T) {
	_, err := redact.New(redact.Rules{JSON: []string{"token", "$.a[", "$", "$.."}, Keep: []string{"Nothing"}}, nil)
	for _, want := range []string{`"token": column 1: it must start with $`, `"$.a[": column 4: bracket without end`, `"$": column 2: it names the whole body`, `"$..": column 3: name missing`, `keep "Nothing"`} {
		require.ErrorContains(t, err, want)
	}
	_, err = redact.New(redact.Rules{}, []byte("short"))
	require.ErrorContains(t, err, "give at least 16")
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func zstded(s string) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll([]byte(s), nil)
}
