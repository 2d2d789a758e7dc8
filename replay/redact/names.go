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

// names say what becomes of what has them. They are equal when strings.EqualFold says so.
type names struct {
	known map[string]treatment // by folded name
	first [nameMax + 1]uint32  // by length, the first letters of those names: most are told apart by these from all that are known
}

func setOf(all []string) *names {
	n := new(names)
	for _, name := range all {
		n.set(name, whole)
	}
	return n
}

func (n *names) set(name string, t treatment) {
	if n.known == nil {
		n.known = make(map[string]treatment)
	}
	key := fold(name)
	n.known[key] = t
	if len(key) > 0 && len(key) <= nameMax {
		n.first[len(key)] |= letter(key[0])
	}
}

// letter is a bit that both cases of a letter have, and a few other characters.
func letter(c byte) uint32 { return 1 << (c & 31) }

// has reports whether anything is known of a name.
func (n *names) has(name string) bool { return n.of(name) != look }

// nameMax is longer than any usual name.
const nameMax = 64

// of returns what is known of a name. It is asked for every header line and field, so that usual
// names are folded without an allocation, and only those that may be known.
func (n *names) of(name string) treatment {
	var all byte
	for i := range len(name) {
		all |= name[i]
	}
	if name == "" || len(name) > nameMax || all >= 0x80 {
		return n.known[fold(name)]
	}
	if n.first[len(name)]&letter(name[0]) == 0 {
		return look
	}
	var folded [nameMax]byte
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		folded[i] = c
	}
	return n.known[string(folded[:len(name)])]
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
