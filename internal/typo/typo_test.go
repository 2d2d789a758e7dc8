package typo_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/typo"
)

func ExampleNearest() {
	fmt.Println(typo.Nearest("replya", []string{"run", "replay", "report"}))
	// Output: replay
}

func TestNearest(t *testing.T) {
	known := []string{"run", "plan", "replay", "report", "recover"}
	for _, row := range []struct{ why, word, want string }{
		{"two letters changed places", "recvoer", "recover"},
		{"and in a short word too", "rnu", "run"},
		{"two letters are wrong in a short word", "rem", ""},
		{"a letter is missing", "reply", "replay"},
		{"the case differs", "PLAN", "plan"},
		{"too much differs", "restart", ""},
		{"two letters tell nothing", "rn", ""},
		{"nobody types that by mistake", string(make([]byte, 100)), ""},
	} {
		require.Equal(t, row.want, typo.Nearest(row.word, known), row.why)
	}
}
