package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// listMax is how many alternatives a hint spells out.
const listMax = 12

// suggest returns the hint for a word that is none of the known ones.
func suggest(word string, known []string) string {
	known = slices.Compact(slices.Clone(known))
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 || len(known) > listMax {
		return ""
	}
	return "one of: " + strings.Join(known, ", ")
}

// nearest returns the known word that is a typing error away, or none: a third of its letters may differ, and
// of two letters none.
func nearest(word string, known []string) string {
	const wordMax = 64 // a longer one is no slip of the fingers
	if len(word) > wordMax || len(word) < 3 {
		return ""
	}
	best, distance := "", (len(word)+1)/3+1
	for _, k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(k))
		if d < distance {
			best, distance = k, d
		}
	}
	return best
}
