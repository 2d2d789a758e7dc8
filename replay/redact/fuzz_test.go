package redact_test

import (
	"encoding/json"
	"testing"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/redact"
)

// FuzzJSONPath: any path over any body leaves valid JSON, and redacting twice changes nothing.
func FuzzJSONPath(f *testing.F) {
	f.Add("$..token", `{"a":[{"token":"x"}],"token":7}`)
	f.Add("$.a[*]['b c'][0]", `{"a":[{"b c":["x"]}]} [1] 2 "x"`)
	f.Add("$..[2]", `[1,[2,3,4]]`)
	f.Add("$.*", `{"":"\ud800","\"":[{}]}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		r, err := redact.New(redact.Rules{JSON: []string{path}}, key)
		if err != nil {
			return
		}
		x := &replay.Exchange{Header: replay.Header{{Name: "Content-Type", Value: "application/json"}}, Body: []byte(body)}
		r.Exchange(x)
		once := string(x.Body)
		if json.Valid([]byte(body)) && !json.Valid(x.Body) {
			t.Fatalf("%q with %q became %q", body, path, once)
		}
		r.Exchange(x)
		if string(x.Body) != once {
			t.Fatalf("%q with %q became %q, then %q", body, path, once, x.Body)
		}
	})
}

// FuzzText: no target and no header value makes redaction panic or forget that it was done.
func FuzzText(f *testing.F) {
	f.Add("/a?token=x&b", "sid=1; a", "Bearer x")
	f.Fuzz(func(t *testing.T, target, cookie, auth string) {
		r, err := redact.New(redact.Rules{}, key)
		if err != nil {
			t.Fatal(err)
		}
		x := &replay.Exchange{Target: target, Header: replay.Header{
			{Name: "Cookie", Value: cookie}, {Name: "Authorization", Value: auth}, {Name: "Location", Value: target},
		}}
		r.Exchange(x)
		once := x.Target + x.Header[0].Value + x.Header[1].Value
		r.Exchange(x)
		if again := x.Target + x.Header[0].Value + x.Header[1].Value; again != once {
			t.Fatalf("%q, then %q", once, again)
		}
	})
}
