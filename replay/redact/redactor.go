package redact

import (
	"crypto/sha256"
	"encoding/base32"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gameday-dev/gameday/replay"
)

// A Redactor applies rules. It may be used by several goroutines.
type Redactor struct {
	macs      sync.Pool // of *mac
	policy    string
	headers   *names
	query     *names
	form      *names
	fields    *names // of JSON, wherever they are
	paths     []path // into JSON, other than to fields anywhere
	looksFor  map[pattern]bool
	dropOther bool

	dropped atomic.Int64
}

// Policy is the id of the rules: equal rules, equal id.
func (r *Redactor) Policy() string { return r.policy }

// Dropped is how many bodies were removed because no rule could look into them safely.
func (r *Redactor) Dropped() int64 { return r.dropped.Load() }

// Exchange replaces the secrets of x in place. Bodies that change are stored without content
// coding, with header lines that fit; bodies that should be looked into and cannot be (broken
// JSON, an unknown coding) are removed and count as truncated. The name of the session may be a
// cookie's value or a client's address, so it becomes a pseudonym too.
func (r *Redactor) Exchange(x *replay.Exchange) {
	x.Session = r.Pseudonym(x.Session)
	(&pass{Redactor: r}).exchange(x)
}

// pass is one exchange being looked at.
type pass struct {
	*Redactor
	place []string                                // where it looks, outermost first; kept for found alone
	found func(kind pattern, place, value string) // told of each secret; nil when nobody asks
	calm  bool                                    // what is random here is no secret
}

func (p *pass) exchange(x *replay.Exchange) {
	p.at("request target", func() { x.Target = p.url(x.Target) })
	p.at("request header", func() { p.header(x.Header) })
	p.at("request trailer", func() { p.header(x.Trailer) })
	p.at("request body", func() { x.Body = p.body(&x.Header, x.Body, &x.Size) })
	if a := x.Response; a != nil {
		p.at("response header", func() { p.header(a.Header) })
		p.at("response trailer", func() { p.header(a.Trailer) })
		p.at("response body", func() { a.Body = p.body(&a.Header, a.Body, &a.Size) })
	}
}

// at looks at a part.
func (p *pass) at(name string, look func()) {
	if p.found != nil {
		p.place = append(p.place, name)
		defer func() { p.place = p.place[:len(p.place)-1] }()
	}
	look()
}

// secret returns the pseudonym of a secret.
func (p *pass) secret(kind pattern, value string) string {
	pseudonym := p.Pseudonym(value)
	if p.found != nil && pseudonym != value {
		p.found(kind, strings.Join(p.place, " "), value)
	}
	return pseudonym
}

const prefix = "gd~"

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Pseudonym returns "gd~" and 16 characters of a keyed hash of the value (80 bits: two of a
// billion values collide with a chance of 1 in 2.4 million). All of these may stand in a cookie, a
// bearer token and a URL. E-mail addresses, card numbers and phone numbers become others of their
// kind, which nobody has. The empty value and a value that is a pseudonym stay as they are, so
// redacting twice changes nothing.
func (r *Redactor) Pseudonym(value string) string {
	if value == "" || isPseudonym(value) {
		return value
	}
	if formed, ok := r.sameForm(value); ok {
		return formed
	}
	return prefix + r.code("", value)
}

// code is 16 characters of a keyed hash.
func (r *Redactor) code(domain, value string) string {
	m := r.macs.Get().(*mac)
	defer r.macs.Put(m)
	var text [16]byte
	encoding.Encode(text[:], m.sum(domain, value)[:10])
	return string(text[:])
}

// mac hashes with the key of a Redactor. It is used again, because a new one costs more than the hash does.
type mac struct {
	hash hash.Hash
	text []byte
	out  [sha256.Size]byte
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

// macText is as much as is kept of the room for a text.
const macText = 64 << 10

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

func (p *pass) header(h replay.Header) {
	for i := range h {
		f := &h[i]
		if p.found == nil {
			f.Value = p.field(p.headers.of(f.Name), f.Value)
			continue
		}
		p.calm = calm.has(f.Name)
		p.at(f.Name, func() { f.Value = p.field(p.headers.of(f.Name), f.Value) })
	}
	p.calm = false
}

// treatments says what becomes of header lines, of which some are secret.
func treatments(secret []string) *names {
	all, special := new(names), new(names)
	for _, name := range []string{"Referer", "Location", "Content-Location"} {
		all.set(name, address)
	}
	special.set("Authorization", credentials)
	special.set("Proxy-Authorization", credentials)
	special.set("Cookie", cookies)
	special.set("Set-Cookie", setCookie)
	for _, name := range secret {
		all.set(name, max(whole, special.of(name)))
	}
	return all
}

// field returns what may be stored of a header line.
func (p *pass) field(how treatment, value string) string {
	switch how {
	case look:
		return p.text(value)
	case address:
		return p.url(value)
	case credentials:
		return p.credentials(value)
	case cookies:
		return p.cookies(value)
	case setCookie:
		pair, attributes, found := strings.Cut(value, ";")
		if value = p.cookie(pair); found {
			value += ";" + attributes
		}
		return value
	}
	return p.secret(patternName, value)
}

// credentials keeps the scheme: "Bearer abc" becomes "Bearer gd~...".
func (p *pass) credentials(v string) string {
	scheme, rest, found := strings.Cut(v, " ")
	if !found {
		return p.secret(patternName, v)
	}
	return scheme + " " + p.secret(patternName, strings.TrimSpace(rest))
}

func (p *pass) cookies(v string) string {
	pairs := strings.Split(v, ";")
	for i, pair := range pairs {
		pairs[i] = p.cookie(pair)
	}
	return strings.Join(pairs, ";")
}

// cookie keeps the name, and the blank before it.
func (p *pass) cookie(pair string) string {
	trimmed := strings.TrimLeft(pair, " \t")
	blank := pair[:len(pair)-len(trimmed)]
	name, value, found := strings.Cut(trimmed, "=")
	if !found {
		return blank + p.secret(patternName, trimmed)
	}
	value = strings.TrimRight(value, " \t")
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1] // so that a quoted value joins with a plain one
	}
	return blank + name + "=" + p.secret(patternName, value)
}

// length sets Content-Length where the message had one.
func length(h *replay.Header, n int) {
	if h.Has("Content-Length") {
		h.Set("Content-Length", strconv.Itoa(n))
	}
}
