package capture

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quoted reads text up to its closing quote, and undoes its escapes. Text without an end yields
// what there is; whole tells the difference.
func quoted(s string) (text, rest string, whole bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return unescapeLog(s[:i]), s[i+1:], true
		}
	}
	return unescapeLog(s), "", false
}

// unescapeLog undoes what Apache and nginx do to quotes, backslashes and bytes that are not
// plain text.
func unescapeLog(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch s[i] {
		case '"', '\\', '/':
			out = append(out, s[i])
		case 'x':
			if i+2 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					out = append(out, byte(n))
					i += 2
					continue
				}
			}
			out = append(out, '\\', 'x')
		case 'u': // of nginx's escape=json
			if i+4 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
					out = utf8.AppendRune(out, rune(n))
					i += 4
					continue
				}
			}
			out = append(out, '\\', 'u')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			out = append(out, '\\', s[i])
		}
	}
	return string(out)
}
