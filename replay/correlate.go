package replay

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// The limits of what is learnt about one session.
const (
	maxLearnt   = 32  // values of one response
	maxKnown    = 256 // values of one session
	maxSaid     = 256
	maxValueLen = 4 << 10
	minValueLen = 3
	maxBinds    = 64 // rules by hand
)

// pseudonymMark starts the values that redaction put in place of secrets.
const pseudonymMark = "gd~"

const digits = "0123456789"

// A capture is a recorded value and the place of the response where the live one will stand. Of a rule by hand
// the value is the rule's key.
type capture struct {
	recorded string
	place    place
}

// A lesson is what the recording teaches about one session: which values the system handed out, so that
// they can be recognised when the client sends them back. What the client said first is its own, and is not
// learnt.
type lesson struct {
	known, said hashes
	bound       uint64 // rules by hand whose value some answer before has, a bit each
}

// hashes are a few texts of which nothing else is kept: there are as many of these as there are sessions.
type hashes []uint64

// valueSeed makes hashes of values; it says nothing to any other process.
var valueSeed = maphash.MakeSeed()

func valueOf(text string) uint64 { return maphash.String(valueSeed, text) }

func (h hashes) has(value uint64) bool { return slices.Contains(h, value) }

// add puts a value in while there are fewer than most.
func (h *hashes) add(value uint64, most int) {
	if len(*h) >= most || h.has(value) {
		return
	}
	if len(*h) == cap(*h) { // by less than append would: half of all that is kept of a session are these
		*h = append(make(hashes, 0, len(*h)+max(8, len(*h)/4)), *h...)
	}
	*h = append(*h, value)
}

// recognise reports whether the system handed the value out, and remembers what the client says.
func (l *lesson) recognise(text string) bool {
	if len(text) < minValueLen {
		return false
	}
	value := valueOf(text)
	if l.known.has(value) {
		return true
	}
	if len(text) <= maxValueLen {
		l.said.add(value, maxSaid)
	}
	return false
}

// learn returns what to capture from the live response to x, given the names of header lines that were met before.
func (l *lesson) learn(x *Exchange, names *headings) (captures []capture) {
	r := x.Response
	if r == nil || r.Status < 200 || r.Status >= 400 {
		return nil
	}
	for i := range r.Header {
		f := &r.Header[i]
		if names.of(f.Name)&ofHandout == 0 && !strings.HasPrefix(f.Value, pseudonymMark) {
			continue // as most lines are: handedOutByHeader would have none of it
		}
		eachHandedHeader(r.Header[i:i+1], func(p place, value string) {
			if handedOutByHeader(p, value) {
				captures = l.capture(captures, strings.Clone(value), p) // without the record that it stands in
			}
		})
	}
	if len(r.Body) == 0 || r.Truncated() {
		return captures
	}
	return l.learnBody(captures, r, !safe(x.Method))
}

// learnBody adds to the captures what the body of a response hands out; effect says whether it was asked for something that
// may change the system.
func (l *lesson) learnBody(captures []capture, r *Response, effect bool) []capture {
	eachHandedBody(r.Header, r.Body, func(w where, name, raw []byte) {
		handed := w != inBody && (isCredential(name) || opaque(raw, " "))
		if w == inBody {
			isText := raw[0] == '"'
			raw = plainly(raw)
			handed = handedOut(name, raw, isText, effect)
		}
		if handed {
			captures = l.capture(captures, string(raw), place{w, string(name)})
		}
	})
	return captures
}

// plainly is unquote without a copy, where that can be.
func plainly(raw []byte) []byte {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	return []byte(unquote(raw))
}

// capture adds a value to the captures and to what is known, unless the client said it first.
func (l *lesson) capture(captures []capture, text string, p place) []capture {
	if len(captures) == maxLearnt || len(text) < minValueLen || len(text) > maxValueLen {
		return captures
	}
	value := valueOf(text)
	if l.said.has(value) {
		return captures
	}
	l.known.add(value, maxKnown)
	return append(captures, capture{text, p})
}

// handedOutByHeader reports whether a value in a header looks as if the system made it up.
func handedOutByHeader(p place, value string) bool {
	switch {
	case p.where == inCookie:
		return true
	case p.where == inLocation && strings.HasPrefix(p.name, "?"):
		return isCredential(p.name) || p.name == "?code" || p.name == "?state" || opaque([]byte(value), " /:")
	case p.where == inLocation:
		return true
	case p.name == "Location" || p.name == "Authorization":
		return true
	}
	return strings.HasPrefix(value, pseudonymMark) || isCredential(p.name)
}

// isCredential reports whether a name is one of those that systems give to what they want to have back.
func isCredential[T string | []byte](name T) bool {
	for i := range len(name) {
		found := false
		switch name[i] | 0x20 {
		case 't':
			found = hasPrefixFold(name[i:], "token")
		case 'c':
			found = hasPrefixFold(name[i:], "csrf") || hasPrefixFold(name[i:], "cursor")
		case 'x':
			found = hasPrefixFold(name[i:], "xsrf")
		case 'n':
			found = hasPrefixFold(name[i:], "nonce")
		case 'e':
			found = hasPrefixFold(name[i:], "etag")
		case 's':
			found = hasPrefixFold(name[i:], "session")
		}
		if found {
			return true
		}
	}
	return false
}

// appendLower appends a name with its ASCII letters in lower case.
func appendLower[T string | []byte](to []byte, name T) []byte {
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// opaque reports whether a value is long, has digits, and none of the characters that prose and addresses have.
func opaque(value []byte, not string) bool {
	return bytes.HasPrefix(value, []byte(pseudonymMark)) || len(value) >= 16 && bytes.ContainsAny(value, digits) && !bytes.ContainsAny(value, not)
}

// handedOut reports whether a JSON value looks as if the system made it up: any pseudonym, what is named
// like a credential, what is opaque; and in the answer to a request with effects also ids.
func handedOut(path, value []byte, isText, effect bool) bool {
	name := path[bytes.LastIndexByte(path, '.')+1:]
	switch {
	case !isText:
		return effect && len(value) >= minValueLen && namesNumber(name) && isNumber(string(value))
	case isCredential(name) || opaque(value, " /:"):
		return true
	}
	return effect && bytes.ContainsAny(value, digits) && bytes.IndexByte(value, ' ') < 0
}

// namesNumber reports whether a name is one of an id or a number.
func namesNumber(name []byte) bool {
	var buf [64]byte
	lower := appendLower(buf[:0], name)
	return bytes.HasSuffix(lower, []byte("id")) || bytes.Contains(lower, []byte("number"))
}

// bind reads the live values of the captures out of an answer.
func bind(captures []capture, a answer, set func(recorded, now string)) {
	body := false
	for _, c := range captures {
		body = body || c.place.where <= inHTML
	}
	eachHandedHeader(a.header, func(p place, now string) {
		for _, c := range captures {
			if c.place == p && now != "" {
				set(c.recorded, now)
			}
		}
	})
	if !body {
		return
	}
	eachHandedBody(a.header, a.body, func(w where, name, raw []byte) {
		for _, c := range captures {
			if c.place.where != w || c.place.name != string(name) {
				continue
			}
			now := string(raw)
			if w == inBody {
				now = unquote(raw)
			}
			set(c.recorded, now)
		}
	})
}

// A binder is a rule by hand: what answers to some requests have at a place stands in other requests at a spot.
type binder struct {
	from, to route
	place    place
	spot     spot
	path     string // of the JSON value in the request, if it is one
	key      string // among live values; no recorded value is like it
}

func newBinders(rules []gameday.Bind) []binder {
	binders := make([]binder, 0, len(rules))
	for _, rule := range rules {
		b := binder{
			from: route{rule.From.Method, rule.From.Path}, to: route{rule.To.Method, strings.ReplaceAll(rule.To.Path, "{}", "*")},
			place: fieldPlace(rule.From.Field), key: "\x00" + rule.String(),
		}
		switch p := fieldPlace(rule.To.Field); {
		case rule.To.Field == "":
			before, _, _ := strings.Cut(strings.TrimPrefix(rule.To.Path, "/"), "{}")
			b.spot = spot{where: inPath, n: strings.Count(before, "/")}
		case p.where == inBody:
			b.spot, b.path = spot{where: inBody}, p.name
		default:
			b.spot = spot{where: p.where, name: p.name}
		}
		binders = append(binders, b)
	}
	return binders
}

// fits reports whether at is where the rule puts its value.
func (b *binder) fits(at spot) bool {
	if at.where == inHeader {
		return b.spot.where == inHeader && strings.EqualFold(at.name, b.spot.name)
	}
	return at == b.spot && b.path == ""
}

// binding returns the rules that apply to x in a session of which l is known.
func (e *editor) binding(x *Exchange, l *lesson) (active []*binder) {
	for i := range e.binders {
		if b := &e.binders[i]; l.bound&(1<<i) != 0 && b.to.match(x.Method, x.Target) {
			active = append(active, b)
		}
	}
	return active
}

// learnByHand adds to the captures what rules want of the answer to x, whatever it looks like.
func (e *editor) learnByHand(captures []capture, x *Exchange, l *lesson) []capture {
	if x.Response != nil && x.Response.Status >= 400 {
		return captures
	}
	for i := range e.binders {
		if b := &e.binders[i]; b.from.match(x.Method, x.Target) {
			captures = append(captures, capture{b.key, b.place})
			l.bound |= 1 << i
		}
	}
	return captures
}

// safe reports whether a method promises to change nothing.
func safe(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "REPORT", "SEARCH": // as the registry of methods has them
		return true
	}
	return false
}
