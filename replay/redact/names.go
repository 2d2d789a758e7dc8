package redact

import (
	"strings"
	"unicode"
)

// treatment is what becomes of a header line, or of a field: of these all are secret that are named.
type treatment uint8

const (
	look        treatment = iota // what shows by its form is replaced
	address                      // it is a URL
	whole                        // it is secret
	credentials                  // it is secret but for its scheme
	cookies                      // it is secret but for names
	setCookie                    // and attributes
)

// names say what becomes of what has them. They are equal when strings.EqualFold says so; keys are folded.
type names map[string]treatment

func setOf(all []string) names {
	n := make(names, len(all))
	for _, name := range all {
		n[fold(name)] = whole
	}
	return n
}

// has reports whether anything is known of a name.
func (n names) has(name string) bool { return n.of(name) != look }

// nameMax is longer than any usual name.
const nameMax = 64

// of returns what is known of a name. It is asked for every header line and field, so that usual
// names are folded without an allocation.
func (n names) of(name string) treatment {
	var folded [nameMax]byte
	if len(name) > len(folded) {
		return n[fold(name)]
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 0x80:
			return n[fold(name)]
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		folded[i] = c
	}
	return n[string(folded[:len(name)])]
}

// fold makes names the same that are equal: each letter becomes the first of those that differ from it in case.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		first := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			first = min(first, other)
		}
		return first
	}, name)
}
