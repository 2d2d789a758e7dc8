package redact

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gameday-dev/gameday/replay"
)

// A Redactor applies rules. It may be used by several goroutines.
type Redactor struct {
	passes    sync.Pool // of *pass
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
	p := r.passes.Get().(*pass)
	x.Session = p.mac.pseudonym(x.Session)
	p.exchange(x)
	r.passes.Put(p) // unless it panicked
}

// Pseudonym returns "gd~" and 16 characters of a keyed hash of the value (80 bits: two of a
// billion values collide with a chance of 1 in 2.4 million). All of these may stand in a cookie, a
// bearer token and a URL. E-mail addresses, card numbers and phone numbers become others of their
// kind, which nobody has. The empty value and a value that is a pseudonym stay as they are, so
// redacting twice changes nothing.
func (r *Redactor) Pseudonym(value string) string {
	p := r.passes.Get().(*pass)
	defer r.passes.Put(p)
	return p.mac.pseudonym(value)
}

// pass looks at exchanges, one after the other.
type pass struct {
	*Redactor
	mac   *mac
	media [mediaMax]media                         // see mediaOf
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
	pseudonym := p.mac.pseudonym(value)
	if p.found != nil && pseudonym != value {
		p.found(kind, strings.Join(p.place, " "), value)
	}
	return pseudonym
}

func (p *pass) header(h replay.Header) {
	for i := range h {
		f := &h[i]
		if p.found == nil {
			if how := p.headers.of(f.Name); how != look || mayHold(f.Value) { // which few lines are
				f.Value = p.field(how, f.Value)
			}
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
