package replay

import "strings"

// A sorter says what a value in a request is. Values of no interest are literal.
type sorter func(value string, code coding) kind

// target adds a request target: all of it, each path segment and each value of the query.
func (t *text) target(target string, sort sorter) {
	if k := sort(target, plain); k != literal {
		t.add(part{k, plain, target})
		return
	}
	path, rawQuery, hasQuery := strings.Cut(target, "?")
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			t.lit("/")
		}
		t.token(segment, query, sort)
	}
	if hasQuery {
		t.lit("?")
		t.form(rawQuery, sort)
	}
}

// form adds a query or a form: each value.
func (t *text) form(form string, sort sorter) {
	for i, pair := range strings.Split(form, "&") {
		if i > 0 {
			t.lit("&")
		}
		name, value, ok := strings.Cut(pair, "=")
		t.lit(name)
		if ok {
			t.lit("=")
			t.token(value, query, sort)
		}
	}
}

// cookies adds the value of a Cookie header. Cookies that name a session are the sender's own.
func (t *text) cookies(cookies string, sort sorter) {
	for i, pair := range strings.Split(cookies, ";") {
		if i > 0 {
			t.lit(";")
		}
		name, value, ok := strings.Cut(pair, "=")
		t.lit(name)
		if !ok {
			continue
		}
		t.lit("=")
		k := sort(value, plain)
		if k == literal && namesSession(name) {
			k = renamed
		}
		t.add(part{k, plain, value})
	}
}

func namesSession(cookie string) bool {
	cookie = strings.ToLower(cookie)
	return strings.Contains(cookie, "sid") || strings.Contains(cookie, "sess")
}

// header adds the value of another header: all of it, or what follows the scheme.
func (t *text) header(value string, sort sorter) {
	if k := sort(value, plain); k != literal {
		t.add(part{k, plain, value})
		return
	}
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || strings.Contains(rest, " ") {
		t.lit(value)
		return
	}
	t.lit(scheme + " ")
	t.token(rest, plain, sort)
}

// token adds one value as it is written.
func (t *text) token(raw string, code coding, sort sorter) {
	if raw == "" {
		return
	}
	value := code.read(raw)
	if k := sort(value, code); k != literal {
		t.add(part{k, code, value})
		return
	}
	t.lit(raw)
}

// json adds a JSON document, and reports whether it is one. edit may return parts in place of the value at
// a path; nil leaves it to sort.
func (t *text) json(doc []byte, sort sorter, edit func(path string, code coding) text) bool {
	done := 0
	replace := func(start, end int, parts ...part) {
		t.lit(string(doc[done:start]))
		for _, p := range parts {
			t.add(p)
		}
		done = end
	}
	ok := eachJSON(doc, func(path []byte, start, end int) {
		code := number
		if doc[start] == '"' {
			code, start, end = quoted, start+1, end-1
		}
		if parts := edit(string(path), code); parts != nil {
			replace(start, end, parts...)
			return
		}
		if code == number && !isNumber(string(doc[start:end])) {
			return // true, false, null
		}
		value := code.read(string(doc[start:end]))
		if k := sort(value, code); k != literal {
			replace(start, end, part{k, code, value})
		}
	})
	if ok {
		t.lit(string(doc[done:]))
	}
	return ok
}
