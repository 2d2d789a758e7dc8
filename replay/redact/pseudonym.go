package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"hash"
	"hash/maphash"
	"slices"
	"strings"
)

const prefix = "gd~"

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// mac makes pseudonyms with the key of a Redactor, for one goroutine. It is used again, because a new one costs more than a
// hash does, and because it knows the pseudonyms of secrets that came lately: the requests of a session repeat theirs. Each has
// the place that its own hash says, whose seed no sender knows, until another one takes it. They are in memory only.
type mac struct {
	hash  hash.Hash
	text  []byte
	out   [sha256.Size]byte
	seed  maphash.Seed
	known [macKnown]knownSecret
}

type knownSecret struct{ text, pseudonym string }

const (
	macKnown  = 256
	macSecret = 256      // bytes of a secret that is known
	macText   = 64 << 10 // as much as is kept of the room for a text
)

func newMac(key []byte) *mac {
	return &mac{hash: hmac.New(sha256.New, key), seed: maphash.MakeSeed()}
}

// pseudonym does what Redactor.Pseudonym says.
func (m *mac) pseudonym(secret string) string {
	if len(secret) > macSecret {
		return m.made(secret)
	}
	known := &m.known[maphash.String(m.seed, secret)%macKnown]
	if known.text != secret {
		secret = strings.Clone(secret) // it may be a part of a body, which changes, or of something large
		*known = knownSecret{secret, m.made(secret)}
	}
	return known.pseudonym
}

// made makes a pseudonym.
func (m *mac) made(secret string) string {
	if secret == "" || isPseudonym(secret) {
		return secret
	}
	if formed, ok := m.sameForm(secret); ok {
		return formed
	}
	return prefix + m.code("", secret)
}

// code is 16 characters of a keyed hash.
func (m *mac) code(domain, value string) string {
	var text [16]byte
	encoding.Encode(text[:], m.sum(domain, value)[:10])
	return string(text[:])
}

// sum is good until the next call. The empty domain is that of most pseudonyms.
func (m *mac) sum(domain, value string) []byte {
	m.text = m.text[:0]
	if domain != "" {
		m.text = append(append(m.text, domain...), ':')
	}
	m.text = append(m.text, value...)
	m.hash.Reset()
	m.hash.Write(m.text)
	if cap(m.text) > macText {
		m.text = nil
	}
	return m.hash.Sum(m.out[:0])
}

func isPseudonym(s string) bool {
	if code, ok := strings.CutPrefix(s, prefix); ok {
		return isCode(code)
	}
	if isEmailPseudonym(s) {
		return true
	}
	if s == "" || !isDigit(s[0]) && s[0] != '+' {
		return false
	}
	digits := slices.DeleteFunc([]byte(s), func(c byte) bool { return strings.IndexByte("+"+separators, c) >= 0 })
	for i, c := range digits {
		if !isDigit(c) {
			return false
		}
		digits[i] = c - '0'
	}
	return len(digits) >= 8 && len(digits) <= 15 && string(digits[:3]) == "\x09\x09\x09" && len(digits) < len(s) || isCardPseudonym(digits) && luhn(digits) == 0
}

func isCode(s string) bool {
	return len(s) == 16 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
