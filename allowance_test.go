package gameday

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllowancesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]string{
		"POST": "POST", "patch": "PATCH", " post  /Search/** ": "POST /Search/**", "M-SEARCH": "M-SEARCH", "PUT /a/*/b": "PUT /a/*/b",
	} {
		a, err := ParseAllowance(text)
		require.NoError(t, err)
		require.Equal(t, want, a.String())
	}
	for _, text := range []string{"", "/search", "POST search", "POST /a /b", "POST /[", "PO ST", "*"} {
		_, err := ParseAllowance(text)
		require.Error(t, err, text)
	}
}
