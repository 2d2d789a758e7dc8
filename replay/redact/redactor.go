package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gameday-dev/gameday/replay"
)

// A Redactor applies rules. It may be used by several goroutines.
type Redactor struct {
	key       []byte
	policy    string
	headers   set
	query     set
	form      set
	paths     []path
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
	x.Target = r.url(x.Target)
	r.header(x.Header)
	r.header(x.Trailer)
	x.Body = r.body(&x.Header, x.Body, &x.Size)
	if x.Response != nil {
		r.header(x.Response.Header)
		r.header(x.Response.Trailer)
		x.Response.Body = r.body(&x.Response.Header, x.Response.Body, &x.Response.Size)
	}
}

const prefix = "gd~"

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Pseudonym returns "gd~" and 16 characters of a keyed hash of the value (80 bits: two of a
// billion values collide with a chance of 1 in 2.4 million). The empty value and a value that
// is a pseudonym stay as they are, so redacting twice changes nothing. All characters may
// stand in a cookie, a bearer token and a URL.
func (r *Redactor) Pseudonym(value string) string {
	if value == "" || isPseudonym(value) {
		return value
	}
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(value))
	var sum [sha256.Size]byte
	var text [16]byte
	encoding.Encode(text[:], mac.Sum(sum[:0])[:10])
	return prefix + string(text[:])
}

func isPseudonym(s string) bool {
	if len(s) != len(prefix)+16 || !strings.HasPrefix(s, prefix) {
		return false
	}
	return strings.Trim(s[len(prefix):], "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func (r *Redactor) header(h replay.Header) {
	for i := range h {
		f := &h[i]
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		switch {
		case !r.headers.has(name):
			if name == "Referer" || name == "Location" || name == "Content-Location" {
				f.Value = r.url(f.Value)
			}
		case name == "Authorization" || name == "Proxy-Authorization":
			f.Value = r.credentials(f.Value)
		case name == "Cookie":
			f.Value = r.cookies(f.Value)
		case name == "Set-Cookie":
			pair, attributes, found := strings.Cut(f.Value, ";")
			f.Value = r.cookie(pair)
			if found {
				f.Value += ";" + attributes
			}
		default:
			f.Value = r.Pseudonym(f.Value)
		}
	}
}

// credentials keeps the scheme: "Bearer abc" becomes "Bearer gd~...".
func (r *Redactor) credentials(v string) string {
	scheme, rest, found := strings.Cut(v, " ")
	if !found {
		return r.Pseudonym(v)
	}
	return scheme + " " + r.Pseudonym(strings.TrimSpace(rest))
}

func (r *Redactor) cookies(v string) string {
	pairs := strings.Split(v, ";")
	for i, p := range pairs {
		pairs[i] = r.cookie(p)
	}
	return strings.Join(pairs, ";")
}

// cookie keeps the name, and the blank before it.
func (r *Redactor) cookie(pair string) string {
	trimmed := strings.TrimLeft(pair, " \t")
	blank := pair[:len(pair)-len(trimmed)]
	name, value, found := strings.Cut(trimmed, "=")
	if !found {
		return blank + r.Pseudonym(trimmed)
	}
	value = strings.TrimRight(value, " \t")
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1] // so that a quoted value joins with a plain one
	}
	return blank + name + "=" + r.Pseudonym(value)
}

// length sets Content-Length where the message had one.
func length(h *replay.Header, n int) {
	if h.Has("Content-Length") {
		h.Set("Content-Length", strconv.Itoa(n))
	}
}
