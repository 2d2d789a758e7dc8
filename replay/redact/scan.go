package redact

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gameday-dev/gameday/replay"
)

// A Finding is something on a tape that looks like a secret.
type Finding struct {
	Exchange uint64 `json:"exchange"` // its Seq
	Place    string `json:"place"`    // "response body user token", "request header X-Key"
	Kind     string `json:"kind"`     // "name", "credential", "card", "email", "phone", "entropy", "unreadable"
	Sample   string `json:"sample"`   // its first two characters and its length: never all of it
}

// A Scanner looks for secrets that redaction left, or that were never redacted. It is used by one goroutine.
type Scanner struct{ r *Redactor }

// NewScanner returns a Scanner by the given rules: what they would replace is a finding.
func NewScanner(rules Rules) (*Scanner, error) {
	r, err := New(rules, nil)
	if err != nil {
		return nil, err
	}
	return &Scanner{r}, nil
}

// unreadable is a body that no rule can look into: who redacts removes it.
const unreadable pattern = "unreadable"

// Scan tells of everything in an exchange that looks like a secret. The exchange is not to be used
// afterwards. Besides what redaction replaces, these are words that are too random to be words.
func (s *Scanner) Scan(x *replay.Exchange, found func(Finding)) {
	p := s.r.passes.Get().(*pass)
	p.found = func(kind pattern, place, value string) {
		found(Finding{x.Seq, place, string(kind), sample(value)})
	}
	p.exchange(x)
	p.found = nil
	s.r.passes.Put(p)
}

// sample shows enough of a secret to find it, and too little to use it.
func sample(value string) string {
	n := utf8.RuneCountInString(value)
	if n < 8 {
		return fmt.Sprintf("%d characters", n)
	}
	first := []rune(value)[:2]
	return fmt.Sprintf("%s... (%d characters)", strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, string(first)), n)
}

// calm are header lines that are random by design, and give no access to anything.
var calm = setOf([]string{
	"Traceparent", "Tracestate", "X-Request-Id", "X-Correlation-Id", "X-B3-Traceid", "X-B3-Spanid", "X-Amzn-Trace-Id", "Etag", "If-Match",
	"If-None-Match", "Idempotency-Key", "User-Agent", "Content-Type", "Digest", "Content-Digest", "Content-Md5", "Sec-Websocket-Key",
	"Sec-Websocket-Accept", "Content-Security-Policy", "Report-To", "Nel", "Last-Modified",
})

// random tells of words that are too random.
func (p *pass) random(s string) {
	if p.found == nil || p.calm {
		return
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r > 0x7f || !isWord(byte(r)) && r != '-' && r != '+' && r != '~' }) {
		if tooRandom(word) {
			p.found(patternEntropy, strings.Join(p.place, " "), word)
		}
	}
}

const (
	randomMin = 20 // characters
	randomMax = 4096
	hexMin    = 32
)

// tooRandom reports whether a word looks like a key: letters of both cases and digits without a pattern, or
// many hexadecimal digits. Pseudonyms and UUIDs are no keys.
func tooRandom(word string) bool {
	if len(word) < randomMin || len(word) > randomMax || isPseudonym(word) || isUUID(word) {
		return false
	}
	var lower, upper, digits, hex int
	var count [128]int
	for i := range len(word) {
		c := word[i]
		count[c&0x7f]++
		switch {
		case isDigit(c):
			digits++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		}
		if isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' {
			hex++
		}
	}
	entropy := 0.0
	for _, n := range count {
		if n > 0 {
			share := float64(n) / float64(len(word))
			entropy -= share * math.Log2(share)
		}
	}
	if hex == len(word) {
		return hex >= hexMin && digits > 0 && digits < hex && entropy > 3
	}
	return lower > 0 && upper > 0 && digits >= 3 && entropy >= 3.9
}

// isUUID reports whether a word is hexadecimal in groups of 8, 4, 4, 4 and 12.
func isUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return strings.Trim(s, "0123456789abcdefABCDEF-") == ""
}
