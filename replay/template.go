package replay

import (
	"strings"
)

// Placeholder stands in a template for a segment that differs from request to request.
const Placeholder = "{}"

// Lengths from which on a text is taken for a value.
const (
	segmentLong = 33 // a whole segment: titles of articles
	partLong    = 24 // a part without any separator: tokens
	partMixed   = 12 // the same with a digit in it
	partHex     = 8  // hexadecimal digits
	digitsMany  = 3  // digits in one part: SKU123
)

// Template returns the path, without its query, with [Placeholder] in place of every segment that looks like a value: it
// is a number or has one as a part (order-17), a date, a UUID, a hash, a token, a pseudonym of redaction, escaped, or very long.
// Versions (v2, v1.3) and words with a short number at their end (oauth2) stay.
func Template(path string) string {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if isValue(s) {
			segments[i] = Placeholder
		}
	}
	return strings.Join(segments, "/")
}

// isValue reports whether a segment looks like one thing of many rather than like a word that a program knows.
func isValue(segment string) bool {
	switch {
	case segment == "" || isVersion(segment):
		return false
	case len(segment) >= segmentLong || strings.HasPrefix(segment, pseudonymMark) || strings.ContainsAny(segment, "%@,={}"):
		return true
	}
	for part := range strings.FieldsFuncSeq(segment, func(r rune) bool { return r < 0x80 && !isDigit(r) && !isLetter(r) }) {
		if isValuePart(part) {
			return true
		}
	}
	return false
}

// isValuePart does the same for a part of a segment: letters and digits in one piece.
func isValuePart(part string) bool {
	digits, hex := 0, 0
	for _, r := range part {
		if isDigit(r) {
			digits++
		}
		if isDigit(r) || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' {
			hex++
		}
	}
	switch n := len(part); {
	case digits == n, digits >= digitsMany, n >= partLong:
		return true
	case hex == n:
		return n >= partHex
	default:
		return digits > 0 && n >= partMixed
	}
}

// isVersion reports whether a segment is the version of an API: v1, v1.2.
func isVersion(segment string) bool {
	number, ok := strings.CutPrefix(segment, "v")
	if !ok || number == "" || len(number) > 6 || !isDigit(rune(number[0])) {
		return false
	}
	return !strings.ContainsFunc(number, func(r rune) bool { return !isDigit(r) && r != '.' })
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
