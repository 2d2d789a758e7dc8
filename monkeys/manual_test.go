package monkeys

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryMonkeyHasAManualPage(t *testing.T) {
	for _, name := range Catalog().Names() {
		page, ok := Manual(name)
		require.True(t, ok, name)
		require.Greater(t, len(page), 80, "%s says too little: %s", name, page)
		require.NotContains(t, page, "  \n", "every field of %s has a key and a comment", name)
	}
	_, ok := Manual("gremlin")
	require.False(t, ok)
}
