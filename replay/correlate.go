package replay

import (
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
	known map[string]struct{}
	said  map[string]struct{}
	bound uint64 // rules by hand whose value some answer before has, a bit each
}

// recognise reports whether the system handed the value out, and remembers what the client says.
func (l *lesson) recognise(value string) bool {
	if len(value) < minValueLen {
		return false
	}
	if _, ok := l.known[value]; ok {
		return true
	}
	if len(l.said) < maxSaid && len(value) <= maxValueLen {
		if l.said == nil {
			l.said = make(map[string]struct{})
		}
		l.said[value] = struct{}{}
	}
	return false
}

// learn returns what to capture from the live response to x.
func (l *lesson) learn(x *Exchange) (captures []capture) {
	r := x.Response
	if r == nil || r.Status < 200 || r.Status >= 400 {
		return nil
	}
	add := func(value string, p place) {
		_, own := l.said[value]
		if own || len(captures) == maxLearnt || len(value) < minValueLen || len(value) > maxValueLen {
			return
		}
		captures = append(captures, capture{value, p})
		if len(l.known) < maxKnown {
			if l.known == nil {
				l.known = make(map[string]struct{})
			}
			l.known[value] = struct{}{}
		}
	}
	eachHandedHeader(r.Header, func(p place, value string) {
		if handedOutByHeader(p, value) {
			add(value, p)
		}
	})
	if r.Truncated() {
		return captures
	}
	effect := !safe(x.Method)
	eachHandedBody(r.Header, r.Body, func(w where, name, raw []byte) {
		value := string(raw)
		switch w {
		case inBody:
			if value = unquote(raw); handedOut(string(name), value, raw[0] == '"', effect) {
				add(value, place{w, string(name)})
			}
		default:
			if isCredential(string(name)) || opaque(value, " ") {
				add(value, place{w, string(name)})
			}
		}
	})
	return captures
}

// handedOutByHeader reports whether a value in a header looks as if the system made it up.
func handedOutByHeader(p place, value string) bool {
	switch {
	case p.where == inCookie:
		return true
	case p.where == inLocation && strings.HasPrefix(p.name, "?"):
		return isCredential(p.name) || p.name == "?code" || p.name == "?state" || opaque(value, " /:")
	case p.where == inLocation:
		return true
	case p.name == "location" || p.name == "authorization":
		return true
	}
	return strings.HasPrefix(value, pseudonymMark) || isCredential(p.name)
}

// isCredential reports whether a name is one of those that systems give to what they want to have back.
func isCredential(name string) bool {
	name = strings.ToLower(name)
	for _, word := range [...]string{"token", "csrf", "xsrf", "nonce", "cursor", "etag", "session"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// opaque reports whether a value is long, has digits, and none of the characters that prose and addresses have.
func opaque(value, not string) bool {
	return strings.HasPrefix(value, pseudonymMark) || len(value) >= 16 && strings.ContainsAny(value, "0123456789") && !strings.ContainsAny(value, not)
}

// handedOut reports whether a JSON value looks as if the system made it up: any pseudonym, what is named
// like a credential, what is opaque; and in the answer to a request with effects also ids.
func handedOut(path, value string, isText, effect bool) bool {
	name := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	switch {
	case !isText:
		return effect && isNumber(value) && (strings.HasSuffix(name, "id") || strings.Contains(name, "number")) && len(value) >= minValueLen
	case isCredential(name) || opaque(value, " /:"):
		return true
	}
	return effect && strings.ContainsAny(value, "0123456789") && !strings.Contains(value, " ")
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
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}
