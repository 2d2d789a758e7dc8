package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/redact"
)

// TestPatterns looks into a header line that has no secret name; what stands in brackets is to go.
func TestPatterns(t *testing.T) {
	r := redactor(t, redact.Rules{})
	for _, c := range []struct{ sentence, text string }{
		{"an address", "mail [ada.l+x@mail.example.org], please"},
		{"an address at the end of a sentence", "to [ada@example.org]."},
		{"two addresses", "[ada@example.org],[bob@example.org]"},
		{"an address that begins with digits", "<[12345678@example.org]>"},
		{"no address without a domain", "ada@localhost @example.org a@1.2"},
		{"a card", "card [4111111111111111] visa"},
		{"a card in groups", "[4111 1111 1111 1111]"},
		{"a card with dashes", "x=[5500-0000-0000-0004];"},
		{"fifteen digits", "[378282246310005]"},
		{"a wrong check digit is no card", "4111111111111112"},
		{"a range that nobody issues is no card", "1234567812345670"},
		{"a number within a word is no card", "a4111111111111111 4111111111111111b"},
		{"times and sizes are no cards", "1763780400000 2026-11-22 10:05:03.123456 20000000000000"},
		{"an international phone number", "call [+49 170 1234567] now"},
		{"a phone number without blanks", "[+4917012345678]"},
		{"a phone number as in North America", "([555) 123-4567]"},
		{"dashes", "[555-123-4567]"},
		{"an address of a machine is no phone", "192.168.100.200 10.0.0.1:8080"},
		{"a time zone is no phone", "10:05:03 +0200"},
		{"a JSON Web Token", "t [eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl] u"},
		{"a key of a cloud", "[AKIAIOSFODNN7EXAMPLE]"},
		{"a key of a payment service", "[sk_live_4eC39HqLyjWDarjtT1zdp7dc]"},
		{"a word that begins alike", "eyJust skating AKIA ghp_"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			plain := strings.NewReplacer("[", "", "]", "").Replace(c.text)
			x := &replay.Exchange{Header: replay.Header{{Name: "X-Note", Value: plain}}}
			r.Exchange(x)
			var want strings.Builder
			for rest := c.text; ; {
				before, secret, found := strings.Cut(rest, "[")
				want.WriteString(before)
				if !found {
					break
				}
				secret, rest, _ = strings.Cut(secret, "]")
				require.NotEqual(t, secret, r.Pseudonym(secret))
				want.WriteString(r.Pseudonym(secret))
			}
			require.Equal(t, want.String(), x.Header[0].Value)
			once := x.Header[0].Value
			r.Exchange(x)
			require.Equal(t, once, x.Header[0].Value, "redacting twice changes nothing")
		})
	}
}

func TestPseudonymsKeepTheirForm(t *testing.T) {
	r := redactor(t, redact.Rules{})
	for _, card := range []string{"4111111111111111", "5500-0000-0000-0004", "3782 822463 10005", "6011111111111117"} {
		p := r.Pseudonym(card)
		require.Regexp(t, `^\d[ -]?0{3}[ -]?0{2}`, p)
		require.Len(t, p, len(card))
		require.Equal(t, card[0], p[0])
		require.Zero(t, checkDigit(p), p)
	}
	require.Equal(t, digitsOf(r.Pseudonym("4111111111111111")), digitsOf(r.Pseudonym("4111 1111 1111 1111")), "one card, however it is written")
	require.NotEqual(t, r.Pseudonym("4111111111111111"), r.Pseudonym("4012888888881881"))
	require.Regexp(t, `^gd-[a-z2-7]{16}@example\.com$`, r.Pseudonym("ada@example.org"))
	require.Equal(t, r.Pseudonym("ada@example.org"), r.Pseudonym("Ada@Example.org"), "one address, however it is written")
	require.Regexp(t, `^\+99 9\d\d \d{7}$`, r.Pseudonym("+49 170 1234567"))
	require.Regexp(t, `^999-\d{3}-\d{4}$`, r.Pseudonym("555-123-4567"))
}

func digitsOf(s string) string { return strings.NewReplacer(" ", "", "-", "").Replace(s) }

// checkDigit sums as Luhn does, from the right.
func checkDigit(s string) int {
	digits, sum := digitsOf(s), 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	return sum % 10
}

func TestPatternsCanBeLeftAlone(t *testing.T) {
	r := redactor(t, redact.Rules{Keep: []string{"email", "card"}})
	x := &replay.Exchange{Target: "/a@example.org/4111111111111111/+49%20170%201234567"}
	r.Exchange(x)
	require.Regexp(t, `^/a@example\.org/4111111111111111/\+99%209`, x.Target)
	_, err := redact.New(redact.Rules{Patterns: []string{"dna"}}, nil)
	require.ErrorContains(t, err, `pattern "dna": want one of credential, card, email, phone`)
}

func TestScanFindsWhatIsLeft(t *testing.T) {
	secret := &replay.Exchange{
		Seq: 7, Session: "ada@example.org", Target: "/reset/Zk3vQ9xT7bLm2RpWc8Ys?mail=ada%40example.org",
		Header: replay.Header{
			{Name: "Authorization", Value: "Bearer hunter2hunter2"},
			{Name: "Cookie", Value: "sid=0123456789"},
			{Name: "Traceparent", Value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		},
		Body: []byte(`{"user":{"password":"hunter2"},"cards":["4111111111111111"],"id":"123e4567-e89b-12d3-a456-426614174000"}`), Size: 1,
		Response: &replay.Response{Header: replay.Header{{Name: "Content-Type", Value: "application/json"}}, Body: []byte(`{"token":"cut`), Size: 99},
	}
	s, err := redact.NewScanner(redact.Rules{})
	require.NoError(t, err)
	var got []redact.Finding
	s.Scan(secret, func(f redact.Finding) { got = append(got, f) })
	require.Equal(t, []redact.Finding{
		{7, "request target", "entropy", "Zk... (20 characters)"},
		{7, "request target mail", "email", "ad... (15 characters)"},
		{7, "request header Authorization", "name", "hu... (14 characters)"},
		{7, "request header Cookie", "name", "01... (10 characters)"},
		{7, "request body user password", "name", "7 characters"},
		{7, "request body cards [0]", "card", "41... (16 characters)"},
		{7, "response body", "unreadable", "0 characters"},
	}, got)
}

func TestScanFindsNothingBehindRedaction(t *testing.T) {
	r := redactor(t, redact.Rules{})
	x := &replay.Exchange{
		Session: "ada", Target: "/u/ada@example.org?token=abcdef&x=+49%20170%201234567",
		Header: replay.Header{{Name: "Cookie", Value: "sid=0123456789; a=b"}, {Name: "X-Note", Value: "555-123-4567 4111 1111 1111 1111"}, {Name: "Referer", Value: "http://a:b@c/?phone=%2B4917012345678"}},
		Body:   []byte("email=ada%40example.org&password=x"), Size: 34,
	}
	x.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Exchange(x)
	s, err := redact.NewScanner(redact.Rules{})
	require.NoError(t, err)
	s.Scan(x, func(f redact.Finding) { t.Errorf("%+v", f) })
}

// FuzzPatterns: redacting twice changes nothing, and a scan of what was redacted finds no name and no form.
func FuzzPatterns(f *testing.F) {
	f.Add("ada@example.org 4111 1111 1111 1111 +49 170 1234567 555-123-4567", `{"a":["x@example.org",4111111111111111]}`)
	f.Add("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END", "password=x&a=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")
	f.Add("7@a.bFF@a.bc a@b.cc_x@d.ee", "+49 170 12345(7@a.bc")
	f.Add("++49 170 1234567@a.bc", "<token>4111111111111111@example.org</token>")
	f.Fuzz(func(t *testing.T, line, body string) {
		r, err := redact.New(redact.Rules{}, key)
		if err != nil {
			t.Fatal(err)
		}
		x := &replay.Exchange{Target: "/" + line, Header: replay.Header{{Name: "X-Note", Value: line}}, Body: []byte(body), Size: int64(len(body))}
		r.Exchange(x)
		target, note, once := x.Target, x.Header[0].Value, string(x.Body)
		r.Exchange(x)
		if x.Target != target || x.Header[0].Value != note || string(x.Body) != once {
			t.Fatalf("%q, %q, %q, then %q, %q, %q", target, note, once, x.Target, x.Header[0].Value, x.Body)
		}
	})
}
