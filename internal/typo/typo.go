// Package typo finds the word that somebody meant and mistyped. See the example of [Nearest].
package typo

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// wordMax is the longest word that is looked at: a longer one is no slip of the fingers.
const wordMax = 64

// Nearest returns the known word that is a typing error away, the first of several, or "": a third of its letters may
// differ, and of two letters none.
func Nearest(word string, known []string) string {
	if len(word) > wordMax || len(word) < 3 {
		return ""
	}
	best, distance := "", (len(word)+1)/3+1
	for _, k := range known {
		if d := errorsIn(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// errorsIn counts the letters that are wrong, missing or too much in a word; two neighbours that changed places are one.
func errorsIn(word, meant string) int {
	n := levenshtein.ComputeDistance(word, meant)
	if n != 2 || len(word) != len(meant) {
		return n
	}
	for i := range len(word) - 1 {
		if word[i] != meant[i] {
			if word[i] == meant[i+1] && word[i+1] == meant[i] {
				return 1
			}
			return n
		}
	}
	return n
}
