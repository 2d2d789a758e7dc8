package replay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCharactersToldApart(t *testing.T) {
	for _, tt := range []struct {
		text                 string
		token, target, value bool
	}{
		{"GET", true, false, true},
		{"X-Request-Id", true, false, true},
		{"/a/b?c=d", false, true, true},
		{"*", true, true, true},
		{"/caf\u00e9", false, true, true},
		{"/\xff", false, true, true},
		{"a b", false, false, true},
		{"/a b", false, false, true},
		{"a\r\nb", false, false, false},
		{"tab\t", false, false, false},
		{"\x7f", false, false, false},
		{"a:b", false, false, true},
		{"", false, false, false},
	} {
		require.Equal(t, tt.token, isToken(tt.text), "token %q", tt.text)
		require.Equal(t, tt.target, isTarget(tt.text), "target %q", tt.text)
		require.Equal(t, tt.value, plain.accepts(tt.text), "value %q", tt.text)
	}
}

// A byte is told anywhere in a text, however long it is.
func TestEveryByteOfAValueIsLookedAt(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				text := []byte(strings.Repeat("v", n))
				text[at] = byte(c)
				require.Equal(t, valueChars[c], isFieldValue(string(text)), "%q", text)
				text[n-1-at] = 0x80
				require.Equal(t, valueChars.all(string(text)), isFieldValue(string(text)), "%q", text)
			}
		}
	}
}

func TestHeadingsAreTheSameAtEverySight(t *testing.T) {
	var all headings
	names := []string{"", "Cookie", "cookie", "UPGRADE", "Idempotency-Key", "content-type", "X-Gameday-Mark", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Location", "x-csrf-token", "Accept", "no name", strings.Repeat("x", 100)}
	for i := range 2000 { // more than there is room for
		names = append(names, fmt.Sprintf("X-%d", i))
	}
	for range 2 {
		for _, name := range names {
			require.Equal(t, headingOf(name), all.of(name), name)
		}
	}
	require.Equal(t, ofHop|ofUpgrade, headingOf("Upgrade"))
	require.Equal(t, misnamed, headingOf("no name"))
}

func TestHeadersOfAConnectionAreKnown(t *testing.T) {
	for length, names := range hop {
		for _, name := range names {
			require.Len(t, name, length)
			require.True(t, isHop(name))
			require.True(t, isHop(strings.ToUpper(name)))
			require.False(t, isHop(name+"s"))
		}
	}
	require.False(t, isHop("Accept"))
	require.False(t, isHop(""))
}

func TestNamesOfCredentials(t *testing.T) {
	for name, want := range map[string]bool{
		"token": true, "access_Token": true, "X-CSRF": true, "_xsrf": true, "nonceValue": true, "next-cursor": true, "ETag": true,
		"SESSIONID": true, "toke": false, "tocken": false, "name": false, "": false, "sess": false,
	} {
		require.Equal(t, want, isCredential(name), name)
		require.Equal(t, want, isCredential([]byte(name)), name)
	}
}
