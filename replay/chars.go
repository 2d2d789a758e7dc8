package replay

import "strings"

// chars is a set of bytes. Every header line of every request is held against one.
type chars [256]bool

// charsOf returns the bytes that f accepts.
func charsOf(f func(c byte) bool) *chars {
	var s chars
	for c := range s {
		s[c] = f(byte(c))
	}
	return &s
}

// all reports whether text has no other bytes.
func (s *chars) all(text string) bool {
	for i := range len(text) {
		if !s[text[i]] {
			return false
		}
	}
	return true
}

var (
	tokenChars  = charsOf(func(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte(`()<>@,;:\"/[]?={}`, c) < 0 })
	targetChars = charsOf(func(c byte) bool { return c > ' ' && c != 0x7f })
	valueChars  = charsOf(func(c byte) bool { return c >= ' ' && c != 0x7f })
)

// hasPrefixFold reports whether text begins with a prefix of lower-case ASCII letters, in either case.
func hasPrefixFold[T string | []byte](text T, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if text[i]|0x20 != prefix[i] {
			return false
		}
	}
	return true
}
