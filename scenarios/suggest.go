package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday/internal/typo"
)

// listMax is how many alternatives a hint spells out.
const listMax = 12

// suggest returns the hint for a word that is none of the known ones.
func suggest(word string, known []string) string {
	known = slices.Compact(slices.Clone(known))
	if near := typo.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 || len(known) > listMax {
		return ""
	}
	return "one of: " + strings.Join(known, ", ")
}
