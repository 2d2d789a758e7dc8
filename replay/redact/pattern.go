package redact

import "strings"

// A pattern is a kind of secret that shows by its form, wherever it stands. Its name is what
// Rules.Keep calls it.
type pattern string

const (
	patternEmail      pattern = "email"
	patternCard       pattern = "card"
	patternPhone      pattern = "phone"
	patternCredential pattern = "credential" // a JSON Web Token, or a key of a well-known service
	patternName       pattern = "name"       // not by form: something with a secret name
	patternEntropy    pattern = "entropy"    // not by form: too random to be a word; only scans look for it
)

// match is where a pattern is in a text.
type match struct {
	from, to int
	kind     pattern
}

// find returns the first secret in s[at:]. Text before at belongs to something else. Numbers and credentials begin where a
// word does, so the rest of each word is passed over.
func (r *Redactor) find(s string, at int) (m match, ok bool) {
	for i := at; i < len(s); {
		c, end := s[i], i+1
		switch {
		case c == '@':
			m, ok = emailAt(s, at, i)
		case hints[c] != 0 && (i == at || !word[s[i-1]]):
			if c == '+' || isDigit(c) {
				m, end = numberAt(s, i)
				ok = m.kind != ""
			} else {
				m, ok = credentialAt(s, i)
			}
		}
		if ok && r.looksFor[m.kind] {
			return m, true
		}
		ok = false
		i = wordEnd(s, end)
	}
	return match{}, false
}

// text replaces every secret that shows by its form. What takes the place of one may make another of what stands beside it, so
// that is looked at again.
func (p *pass) text(s string) string {
	for range looksMax {
		redacted := p.once(s)
		if redacted == s || p.found != nil {
			return redacted
		}
		s = redacted
	}
	return s
}

// looksMax is more often than any text needs to be looked at that is no riddle.
const looksMax = 8

// once replaces every secret that shows by its form in what a text is now.
func (p *pass) once(s string) string {
	m, ok := match{}, false
	if mayHold(s) {
		m, ok = p.find(s, 0)
	}
	if !ok {
		p.random(s)
		return s
	}
	var out strings.Builder
	done := 0
	for ; ok; m, ok = p.find(s, done) {
		p.random(s[done:m.from])
		out.WriteString(s[done:m.from])
		out.WriteString(p.secret(m.kind, s[m.from:m.to]))
		done = m.to
	}
	p.random(s[done:])
	out.WriteString(s[done:])
	return out.String()
}

// emailAt looks for an address around the @ at i; nothing before low belongs to it.
func emailAt(s string, low, i int) (match, bool) {
	from, to := i, i+1
	for from > low && (isAlnum(s[from-1]) || strings.IndexByte("._%+-'", s[from-1]) >= 0) {
		from--
	}
	for to < len(s) && (isAlnum(s[to]) || s[to] == '-' || s[to] == '.') {
		to++
	}
	domain := strings.TrimRight(s[i+1:to], ".-")
	dot := strings.LastIndexByte(domain, '.')
	if from == i || dot < 1 || len(domain)-dot-1 < 2 || strings.ContainsAny(domain[dot+1:], "0123456789-") {
		return match{}, false
	}
	m := match{from, i + 1 + len(domain), patternEmail}
	return m, !isEmailPseudonym(s[m.from:m.to])
}

const separators = " -.()/"

// numberAt looks at the digits, and what separates them, from i on. It returns where they end, and a
// match whose kind is empty when they are no secret.
func numberAt(s string, i int) (m match, end int) {
	var digits [20]byte
	var gaps [3]int // digits before the first three separators
	n, groups, dense := 0, 0, true
	start, end := i, i+1
	if s[i] == '+' {
		i++
	}
	for ; i < len(s) && n < len(digits); i++ {
		if isDigit(s[i]) {
			digits[n] = s[i] - '0'
			n++
			end = i + 1
			continue
		}
		if strings.IndexByte(separators, s[i]) < 0 || i > end && (i > end+1 || s[i] == s[i-1]) {
			break
		}
		dense = dense && (s[i] == ' ' || s[i] == '-') && i == end
		if i == end {
			if groups < len(gaps) {
				gaps[groups] = n
			}
			groups++
		}
	}
	m = match{from: start, to: end}
	for groups > 0 && gaps[min(groups, len(gaps))-1] == n && groups <= len(gaps) {
		groups-- // separators behind the last digit
	}
	switch {
	case n == len(digits) || end < len(s) && (isWord(s[end]) || s[end] == '@'):
	case s[start] == '+':
		if n >= 8 && n <= 15 && string(digits[:3]) != "\x09\x09\x09" {
			m.kind = patternPhone
		}
	case n >= 13 && isCard(digits[:n]) && (dense || groups == 0):
		m.kind = patternCard
	case n == 10 && groups == 2 && gaps[0] == 3 && gaps[1] == 6 && digits[0] > 1 && digits[0]+digits[1]+digits[2] != 27:
		m.kind = patternPhone // as written in North America
	}
	return m, end
}

// isCard reports whether digits are a card number: of a range that is issued, with a right check digit
// (Luhn, ISO/IEC 7812). Pseudonyms are not issued.
func isCard(d []byte) bool {
	if isCardPseudonym(d) || luhn(d) != 0 {
		return false
	}
	head := int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3])
	switch n := len(d); {
	case d[0] == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case head/100 >= 51 && head/100 <= 55, head >= 2221 && head <= 2720: // Mastercard
		return n == 16
	case head/100 == 34, head/100 == 37: // American Express
		return n == 15
	case head/10 >= 300 && head/10 <= 305, head/100 == 36, head/100 == 38, head/100 == 39: // Diners
		return n == 14 || n == 16
	case head == 6011, head/10 >= 644 && head/10 <= 649, head/100 == 65, head/100 == 62, head >= 3528 && head <= 3589: // Discover, UnionPay, JCB
		return n >= 16
	}
	return false
}

// luhn is the sum that is zero for a number whose last digit is right.
func luhn(d []byte) int {
	sum := 0
	for i, v := range d {
		n := int(v)
		if (len(d)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum % 10
}

// isCardPseudonym: five zeros behind the first digit are in no range that is issued.
func isCardPseudonym(d []byte) bool { return len(d) >= 13 && string(d[1:6]) == "\x00\x00\x00\x00\x00" }

// prefixes of keys that services give out, and the fewest characters that follow.
var prefixes = []struct {
	text  string
	least int
}{
	{"eyJ", 20},
	{"AKIA", 16},
	{"ASIA", 16},
	{"AIza", 30},
	{"ghp_", 30},
	{"gho_", 30},
	{"ghs_", 30},
	{"github_pat_", 30},
	{"glpat-", 18},
	{"sk_live_", 10},
	{"rk_live_", 10},
	{"sk_test_", 10},
	{"whsec_", 16},
	{"xoxb-", 10},
	{"xoxp-", 10},
	{"xoxa-", 10},
	{"AGE-SECRET-KEY-1", 30},
}

// A hint is what may begin with a byte.
type hint uint8

const (
	hintNumber hint = iota + 1
	hintCredential
)

// word has the bytes that words are made of, separates those that may stand between the digits of a number, hints what may
// begin with a byte, and seconds, for each byte that a credential begins with, those that may follow it: bit c & 63 stands
// for c.
var word, separates, hints, seconds = func() (w, between [256]bool, h [256]hint, after [256]uint64) {
	for c := range 256 {
		w[c] = isWord(byte(c))
		between[c] = strings.IndexByte(separators, byte(c)) >= 0
	}
	for _, p := range prefixes {
		h[p.text[0]] = hintCredential
		after[p.text[0]] |= 1 << (p.text[1] & 63)
	}
	h['-'], after['-'] = hintCredential, 1<<('-'&63) // PEM
	for c := '0'; c <= '9'; c++ {
		h[c] = hintNumber
	}
	h['+'] = hintNumber
	return w, between, h, after
}()

// wordEnd returns where the word ends that the byte before i belongs to; i when it belongs to none.
func wordEnd(s string, i int) int {
	if !word[s[i-1]] {
		return i
	}
	for i < len(s) && word[s[i]] {
		i++
	}
	return i
}

// The least that can show by its form: a@b.cc, and the digits of a phone number.
const (
	shortest  = 6
	digitsMin = 8
)

// mayHold reports whether there may be something in s that shows by its form. Nearly always nothing is, and this says so in
// a fraction of the time of looking for it.
func mayHold(s string) bool {
	if len(s) < shortest {
		return false
	}
	digits := 0 // with nothing but separators between them
	for i := 0; i < len(s); {
		c := s[i]
		if c == '@' {
			return true
		}
		i++
		switch {
		case hints[c] == hintNumber:
			for digits++; i < len(s) && isDigit(s[i]); i++ {
				digits++
			}
			if digits >= digitsMin {
				return true
			}
			if i < len(s) && word[s[i]] {
				digits = 0
			}
		case hints[c] == hintCredential && i < len(s) && seconds[c]&(1<<(s[i]&63)) != 0:
			return true
		case !separates[c]:
			digits = 0
		}
		i = wordEnd(s, i)
	}
	return false
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
)

func credentialAt(s string, i int) (match, bool) {
	if strings.HasPrefix(s[i:], pemBegin) {
		end := strings.Index(s[i:], pemEnd)
		line := strings.IndexAny(s[i:], "\r\n\\")
		if line < 0 || !strings.Contains(s[i:i+line], "PRIVATE KEY") {
			return match{}, false
		}
		if end < 0 {
			return match{i, len(s), patternCredential}, true // cut: all that there is
		}
		return match{i, i + end, patternCredential}, true
	}
	for _, p := range prefixes {
		if s[i] != p.text[0] || !strings.HasPrefix(s[i:], p.text) {
			continue
		}
		to := i + len(p.text)
		for to < len(s) && (isWord(s[to]) || s[to] == '-' || s[to] == '.') {
			to++
		}
		if p.text == "eyJ" && strings.Count(s[i:to], ".") < 2 {
			return match{}, false // three parts make a token
		}
		return match{i, to, patternCredential}, to-i-len(p.text) >= p.least
	}
	return match{}, false
}

// sameForm returns a pseudonym of the same form for values that have one: a validator takes it, and equal
// values stay equal however they are written. ok is false for all others.
func (m *mac) sameForm(value string) (pseudonym string, ok bool) {
	if at := strings.IndexByte(value, '@'); at > 0 {
		if found, ok := emailAt(value, 0, at); ok && found.to-found.from == len(value) {
			return emailHead + m.code("email", strings.ToLower(value)) + emailTail, true
		}
		return "", false
	}
	if value == "" || !isDigit(value[0]) && value[0] != '+' {
		return "", false
	}
	number, _ := numberAt(value, 0)
	if number.kind == "" || number.to != len(value) {
		return "", false
	}
	var d []byte
	for i := range len(value) {
		if isDigit(value[i]) {
			d = append(d, value[i]-'0')
		}
	}
	m.digits(number.kind, d)
	out := []byte(value)
	for i := range out {
		if isDigit(out[i]) {
			out[i], d = d[0]+'0', d[1:]
		}
	}
	return string(out), true
}

// digits replaces digits by others: of a card all but the first, so that the check digit is right and no
// issuer has it; of a phone all, in the country 999, which does not exist.
func (m *mac) digits(kind pattern, d []byte) {
	sum := m.sum(string(kind), string(d))
	keep := 3
	if kind == patternCard {
		keep = 6
		copy(d[1:6], []byte{0, 0, 0, 0, 0})
	} else {
		copy(d, []byte{9, 9, 9})
	}
	for i := keep; i < len(d); i++ {
		d[i] = sum[i] % 10 // 0 to 5 come up a little more often: 26 of 256 times instead of 25
	}
	if kind == patternCard {
		d[len(d)-1] = 0
		d[len(d)-1] = byte((10 - luhn(d)) % 10)
	}
}

const (
	emailHead = "gd-"
	emailTail = "@example.com" // reserved: nobody gets mail there
)

func isEmailPseudonym(s string) bool {
	code, ok := strings.CutSuffix(s, emailTail)
	if !ok {
		return false
	}
	code, ok = strings.CutPrefix(code, emailHead)
	return ok && isCode(code)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isWord(c byte) bool  { return isAlnum(c) || c == '_' }
