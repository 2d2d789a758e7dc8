package replay

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/buger/goreplay/proto"
	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func TestRulesChoose(t *testing.T) {
	basic := func(user string) Field {
		return Field{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user))}
	}
	x := func(target string, h ...Field) Exchange {
		return Exchange{Method: "GET", Target: target, Host: "shop", Header: h}
	}
	one := func(kind, name, match string, percent int) []gameday.Filter {
		return []gameday.Filter{{Kind: kind, Name: name, Match: match, Percent: percent}}
	}
	for _, c := range []struct {
		sentence string
		filters  []gameday.Filter
		x        Exchange
		rule     string
	}{
		{"no rule keeps everything", nil, x("/"), ""},
		{"a method that is not among the allowed", one(gameday.AllowMethod, "", "POST", 0), x("/"), "allow-method"},
		{"one of two allowed methods", append(one(gameday.AllowMethod, "", "POST", 0), one(gameday.AllowMethod, "", "GET", 0)...), x("/"), ""},
		{"one of two allowed targets", append(one(gameday.AllowURL, "", "^/a", 0), one(gameday.AllowURL, "", "^/b", 0)...), x("/b"), ""},
		{"a target that is not allowed", one(gameday.AllowURL, "", "^/a", 0), x("/b?/a"), "allow-url"},
		{"a target that is disallowed by its query", one(gameday.DisallowURL, "", "debug=1", 0), x("/b?debug=1"), "disallow-url debug=1"},
		{"a header that must match and does", one(gameday.AllowHeader, "api-version", "^v1", 0), x("/", Field{"Api-Version", "v1.2"}), ""},
		{"a header that must match and is not there", one(gameday.AllowHeader, "api-version", "", 0), x("/"), "allow-header api-version: "},
		{"the host is a header", one(gameday.DisallowHeader, "host", "shop", 0), x("/"), "disallow-header host: shop"},
		{"a header that must not match and is not there", one(gameday.DisallowHeader, "x", ".*", 0), x("/"), ""},
		{"credentials that do not match", one(gameday.BasicAuth, "", "^customer[0-9]", 0), x("/", basic("admin:x")), "basic-auth ^customer[0-9]"},
		{"credentials that match", one(gameday.BasicAuth, "", "^customer[0-9]", 0), x("/", basic("customer1:x")), ""},
		{"credentials of another scheme pass", one(gameday.BasicAuth, "", "^customer[0-9]", 0), x("/", Field{"Authorization", "Bearer x"}), ""},
		{"none of the users", one(gameday.HeaderLimiter, "user-id", "", 0), x("/", Field{"User-Id", "7"}), "header-limiter user-id: 0%"},
		{"all of the users", one(gameday.HeaderLimiter, "user-id", "", 100), x("/", Field{"User-Id", "7"}), ""},
		{"a limiter of a header that is not there", one(gameday.HeaderLimiter, "user-id", "", 0), x("/"), ""},
		{"a limiter of a parameter", one(gameday.ParamLimiter, "user", "", 0), x("/?a=1&user=7"), "param-limiter user: 0%"},
		{"a limiter of a parameter that is not there", one(gameday.ParamLimiter, "user", "", 0), x("/?users=7"), ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			r, err := NewRules(c.filters, nil)
			require.NoError(t, err)
			require.Equal(t, c.rule, r.Apply(&c.x))
			if c.rule != "" {
				require.Equal(t, Tally{c.rule: 1}, r.Filtered())
			}
		})
	}
}

func TestRulesRewrite(t *testing.T) {
	x := &Exchange{
		Method: "POST", Target: "/v1/user/7/ping?a=1&key=old", Host: "www.example.com",
		Header: Header{{"Content-Length", "30"}, {"X-A", "1"}, {"Cookie", "a=b"}},
		Body:   []byte(`{"user":"ada","password":"gd~x"}`), Size: 32,
	}
	r, err := NewRules(nil, []gameday.Rewrite{
		{Header: "x-a", Value: "of ${$.user}"},
		{Header: "X-New", Value: "n"},
		{Param: "key", Value: "new"},
		{Param: "more", Value: "m"},
		{URL: "/nobody", Value: "/x"},
		{URL: "/v1/user/([^/]+)/ping", Value: "/v2/user/$1/ping"},
		{URL: "/v2", Value: "/v3"},
		{Header: "Host", Match: `(.*)\.example\.com`, Value: "$1.beta.example.com"},
		{Header: "Absent", Match: ".*", Value: "x"},
		{Header: "Cookie", Match: "b$", Value: "c"},
		{JSON: "$.password", Value: "pw-${$.user}"},
		{Method: "GET", Header: "X-Get", Value: "1"},
	})
	require.NoError(t, err)
	require.Empty(t, r.Apply(x))
	require.Equal(t, &Exchange{
		Method: "POST", Target: "/v2/user/7/ping?a=1&key=new&more=m", Host: "www.beta.example.com",
		Header: Header{{"Content-Length", "34"}, {"X-A", "of ada"}, {"Cookie", "a=c"}, {"X-New", "n"}},
		Body:   []byte(`{"user":"ada","password":"pw-ada"}`), Size: 34,
	}, x)
}

func TestRulesThatAreNone(t *testing.T) {
	_, err := NewRules(
		[]gameday.Filter{{Kind: "allow-all"}, {Kind: gameday.AllowURL, Match: "("}, {Kind: gameday.HeaderLimiter, Name: "a", Percent: 101}, {Kind: gameday.AllowHeader}, {Kind: gameday.AllowMethod, Match: "a b"}},
		[]gameday.Rewrite{{}, {JSON: "$.a", Header: "b"}, {Header: "a b"}, {Param: "a", Match: "b"}, {URL: "("}},
	)
	require.Error(t, err)
	for _, want := range []string{
		"filter[0]: allow-all: no such kind", "filter[1]: allow-url: error parsing regexp", `filter[2]: header-limiter: 101% of "a"`, `filter[3]: allow-header: ""`, "filter[4]",
		"rewrite[0]: want exactly one", "rewrite[1]: want exactly one", `rewrite[2]: header "a b"`, "rewrite[3]: match goes with header", "rewrite[4]: error parsing regexp",
	} {
		require.ErrorContains(t, err, want)
	}
}

// TestRulesMeanWhatGoreplayMeans applies each kind of rule to random requests, and the same operation of goreplay's package
// proto to their bytes: both keep the same requests, and make the same of them.
func TestRulesMeanWhatGoreplayMeans(t *testing.T) {
	hashed := func(value []byte) bool {
		h := fnv.New32a()
		h.Write(value)
		return h.Sum32()%100 < 40
	}
	api := regexp.MustCompile(`(?i)^/api|x=1`)
	for _, c := range []struct {
		flag     string
		filters  []gameday.Filter
		rewrites []gameday.Rewrite
		oracle   func(payload []byte) []byte // nil leaves the request out
	}{
		{"http-allow-method", []gameday.Filter{{Kind: gameday.AllowMethod, Match: "POST"}}, nil, func(p []byte) []byte {
			return when(string(proto.Method(p)) == "POST", p)
		}},
		{"http-allow-url", []gameday.Filter{{Kind: gameday.AllowURL, Match: api.String()}}, nil, func(p []byte) []byte {
			return when(api.Match(proto.Path(p)), p)
		}},
		{"http-disallow-url", []gameday.Filter{{Kind: gameday.DisallowURL, Match: api.String()}}, nil, func(p []byte) []byte {
			return when(!api.Match(proto.Path(p)), p)
		}},
		{"http-allow-header", []gameday.Filter{{Kind: gameday.AllowHeader, Name: "user-id", Match: "^[1-4]"}}, nil, func(p []byte) []byte {
			v := proto.Header(p, []byte("user-id"))
			return when(len(v) > 0 && regexp.MustCompile("^[1-4]").Match(v), p)
		}},
		{"http-disallow-header", []gameday.Filter{{Kind: gameday.DisallowHeader, Name: "user-id", Match: "^[1-4]"}}, nil, func(p []byte) []byte {
			v := proto.Header(p, []byte("user-id"))
			return when(len(v) == 0 || !regexp.MustCompile("^[1-4]").Match(v), p)
		}},
		{"http-header-limiter", []gameday.Filter{{Kind: gameday.HeaderLimiter, Name: "user-id", Percent: 40}}, nil, func(p []byte) []byte {
			v := proto.Header(p, []byte("user-id"))
			return when(len(v) == 0 || hashed(v), p)
		}},
		{"http-param-limiter", []gameday.Filter{{Kind: gameday.ParamLimiter, Name: "x", Percent: 40}}, nil, func(p []byte) []byte {
			v, at, _ := proto.PathParam(p, []byte("x"))
			return when(at < 0 || hashed(v), p)
		}},
		{"http-basic-auth-filter", []gameday.Filter{{Kind: gameday.BasicAuth, Match: "^u[0-5]"}}, nil, func(p []byte) []byte {
			coded, basic := bytes.CutPrefix(proto.Header(p, []byte("Authorization")), []byte("Basic "))
			plain, _ := base64.StdEncoding.DecodeString(string(coded))
			return when(!basic || regexp.MustCompile("^u[0-5]").Match(plain), p)
		}},
		{"http-set-header", nil, []gameday.Rewrite{{Header: "user-id", Value: "me"}}, func(p []byte) []byte {
			return proto.SetHeader(p, []byte("user-id"), []byte("me"))
		}},
		{"http-set-param", nil, []gameday.Rewrite{{Param: "x", Value: "new"}}, func(p []byte) []byte {
			return proto.SetPathParam(p, []byte("x"), []byte("new"))
		}},
		{"http-rewrite-url", nil, []gameday.Rewrite{{URL: "/api/([a-z]+)", Value: "/v2/$1"}}, func(p []byte) []byte {
			return proto.SetPath(p, regexp.MustCompile("/api/([a-z]+)").ReplaceAll(proto.Path(p), []byte("/v2/$1")))
		}},
		{"http-rewrite-header", nil, []gameday.Rewrite{{Header: "Host", Match: `(.*)\.example\.com`, Value: "$1.beta.example.com"}}, func(p []byte) []byte {
			return proto.SetHeader(p, []byte("Host"), regexp.MustCompile(`(.*)\.example\.com`).ReplaceAll(proto.Header(p, []byte("Host")), []byte("$1.beta.example.com")))
		}},
	} {
		t.Run(c.flag, func(t *testing.T) {
			rules, err := NewRules(c.filters, c.rewrites)
			require.NoError(t, err)
			kept, changed := 0, 0
			for seed := range uint64(400) {
				x := anyRequest(rand.New(rand.NewPCG(seed, 1)))
				before := payloadOf(x)
				want := c.oracle(bytes.Clone(before))
				if rules.Apply(x) != "" {
					require.Nil(t, want, "%s", before)
					continue
				}
				require.NotNil(t, want, "%s", before)
				require.Equal(t, string(proto.Path(want)), x.Target)
				require.Equal(t, proto.ParseHeaders(want), proto.ParseHeaders(payloadOf(x)))
				kept++
				if !bytes.Equal(before, payloadOf(x)) {
					changed++
				}
			}
			require.Positive(t, kept)
			require.Equal(t, c.rewrites != nil, changed > 0)
			require.EqualValues(t, 400-kept, rules.Filtered().Total())
		})
	}
}

func when(keep bool, p []byte) []byte {
	if keep {
		return p
	}
	return nil
}

func anyRequest(r *rand.Rand) *Exchange {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	x := &Exchange{
		Method: pick("GET", "POST", "DELETE"),
		Target: pick("/", "/api/cart", "/API/x", "/health") + pick("", "?x=1", "?x=2&y=3", "?y=1&x=4&x=5", "?xx=1", "?x="),
		Host:   pick("www.example.com", "localhost:8080"),
	}
	if n := r.IntN(100); n < 80 {
		x.Header = append(x.Header, Field{pick("User-Id", "user-id"), fmt.Sprint(n)})
	}
	if n := r.IntN(10); n < 7 {
		x.Header = append(x.Header, Field{"Authorization", pick("Basic ", "Bearer ") + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "u%d:p", n))})
	}
	return x
}

func payloadOf(x *Exchange) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", x.Method, x.Target, x.Host)
	for _, f := range x.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	return []byte(b.String() + "\r\n")
}

func TestPrettify(t *testing.T) {
	gzipped := "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xffK\x04\x00C\xbe\xb7\xe8\x01\x00\x00\x00" // "a"
	for _, c := range []struct {
		sentence, coding, body, want string
		header                       Header
	}{
		{"gzip comes off", "gzip", gzipped, "a", Header{{"Content-Length", "1"}}},
		{"what is broken stays", "gzip", "nonsense", "nonsense", Header{{"Content-Encoding", "gzip"}, {"Content-Length", "9"}}},
		{"an unknown coding stays", "br", "x", "x", Header{{"Content-Encoding", "br"}, {"Content-Length", "9"}}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			x := &Exchange{Response: &Response{Header: Header{{"Content-Encoding", c.coding}, {"Content-Length", "9"}}, Body: []byte(c.body), Size: int64(len(c.body))}}
			x.Prettify()
			require.Equal(t, c.want, string(x.Response.Body))
			require.Equal(t, c.header, x.Response.Header)
		})
	}
	x := &Exchange{Header: Header{{"Transfer-Encoding", "chunked"}}, Body: []byte("abc"), Size: 3}
	x.Prettify()
	require.Equal(t, Header{{"Content-Length", "3"}}, x.Header)
}
