package replay

import (
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
