package redact

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzHints: what find would find, mayHold lets it look for.
func FuzzHints(f *testing.F) {
	for _, s := range []string{
		"a@b.cc", "+49 170 1234567", "+12345678", "555-123-4567", "(555) 123-4567", "4111 1111 1111 1111", "378282246310005",
		"-----BEGIN RSA PRIVATE KEY-----\nabc", "x -----BEGIN PRIVATE KEY-----\n-----END",
	} {
		f.Add(s)
	}
	for _, p := range prefixes {
		f.Add(p.text + strings.Repeat("a", p.least) + ".b.c")
		f.Add("key=" + p.text + strings.Repeat("1", p.least) + ".b.c")
	}
	r, err := New(Rules{}, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		if m, ok := r.find(s, 0); ok && !mayHold(s) {
			t.Fatalf("%q: %s at %d to %d", s, m.kind, m.from, m.to)
		}
	})
}

func TestMostTextMayHoldNothing(t *testing.T) {
	for _, s := range []string{
		"", "*/*", "ok\n", "keep-alive", "gzip, deflate, br", "text/html; charset=utf-8", "en-GB,en;q=0.9", "Wed, 02 Nov",
		"Mozilla/5.0 (X11; Linux x86_64; rv:1.9)", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "/api/v1/things/1234567", "the best, asked",
	} {
		require.False(t, mayHold(s), s)
	}
}

// TestNamesAreEqualAsEqualFoldSays holds for letters too that only differ from ASCII in their case.
func TestNamesAreEqualAsEqualFoldSays(t *testing.T) {
	long := "x-" + strings.Repeat("long-", 30)
	all := []string{"Cookie", "X-Api-Key", "x-api-kez", "passwd", "password", "Straße", "token", "", "-", long}
	secret := setOf([]string{"cookie", "X-API-KEY", "PASSWORD", "straße", "TOKEN", strings.ToUpper(long)})
	known := []string{"cookie", "x-api-key", "password", "straße", "token", long}
	for _, name := range all {
		for _, name := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "k", "\u212a"), strings.ReplaceAll(name, "s", "\u017f"), name + "s"} {
			want := false
			for _, k := range known {
				want = want || strings.EqualFold(name, k)
			}
			require.Equal(t, want, secret.has(name), "%q", name)
		}
	}
	require.False(t, new(names).has("cookie"))
	require.True(t, setOf([]string{""}).has(""))
}
