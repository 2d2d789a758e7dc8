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

// isFieldValue is valueChars.all, eight bytes at a time: the values of header lines are the most of what is looked at.
func isFieldValue(text string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(text) >= 8; text = text[8:] {
		w := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
			uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
		control, del := (w-ones*' ')&^w, w^ones*0x7f // the high bit of the lowest byte below ' ', of the lowest that was 0x7f
		if (control|(del-ones)&^del)&highs != 0 {
			return false
		}
	}
	return valueChars.all(text)
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
