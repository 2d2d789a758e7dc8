package replay

import "strings"

// A spot is where in a request a value stands.
type spot struct {
	where where
	name  string // of the header, cookie or parameter
	n     int    // of the segment, from 0
}

// A sorter may put a part in place of a value; it reports whether it did.
type sorter func(at spot, value string, code coding) (part, bool)

// A composer makes texts: it joins what is literal, and sorts the values in between.
type composer struct {
	parts   text
	pending []byte // literal text that is not yet a part
}

// text returns what was composed, and starts anew.
func (c *composer) text() text {
	c.flush()
	t := c.parts
	c.parts = nil
	return t
}

func (c *composer) flush() {
	if len(c.pending) > 0 {
		c.parts = append(c.parts, part{value: string(c.pending)})
		c.pending = c.pending[:0]
	}
}

// lit adds literal text as it is.
func (c *composer) lit(value string) { c.pending = append(c.pending, value...) }

// add adds a part.
func (c *composer) add(p part) {
	if p.kind == literal {
		c.lit(p.code.write(p.value))
		return
	}
	c.flush()
	c.parts = append(c.parts, p)
}

// target adds a request target: all of it, each path segment and each value of the query.
func (c *composer) target(target string, sort sorter) {
	if p, ok := sort(spot{where: inTarget}, target, plain); ok {
		c.add(p)
		return
	}
	path, rawQuery, hasQuery := strings.Cut(strings.TrimPrefix(target, "/"), "?")
	if len(target) > 0 && target[0] == '/' {
		c.lit("/")
	}
	for n := 0; ; n++ {
		segment, rest, more := strings.Cut(path, "/")
		c.token(spot{where: inPath, n: n}, segment, query, sort)
		if !more {
			break
		}
		c.lit("/")
		path = rest
	}
	if hasQuery {
		c.lit("?")
		c.form(inQuery, rawQuery, sort)
	}
}

// form adds a query or a form: each value.
func (c *composer) form(where where, form string, sort sorter) {
	for i, pair := range strings.Split(form, "&") {
		if i > 0 {
			c.lit("&")
		}
		name, value, ok := strings.Cut(pair, "=")
		c.lit(name)
		if ok {
			c.lit("=")
			c.token(spot{where: where, name: query.read(name)}, value, query, sort)
		}
	}
}

// cookies adds the value of a Cookie header. Cookies that name a session are the sender's own.
func (c *composer) cookies(cookies string, sort sorter) {
	for i, pair := range strings.Split(cookies, ";") {
		if i > 0 {
			c.lit(";")
		}
		name, value, ok := strings.Cut(pair, "=")
		c.lit(name)
		if !ok {
			continue
		}
		c.lit("=")
		p, ok := sort(spot{where: inCookie, name: strings.TrimSpace(name)}, value, plain)
		if !ok {
			p = part{value: value}
			if namesSession(name) {
				p.kind = renamed
			}
		}
		c.add(p)
	}
}

func namesSession(cookie string) bool {
	cookie = strings.ToLower(cookie)
	return strings.Contains(cookie, "sid") || strings.Contains(cookie, "sess")
}

// header adds the value of another header: all of it, or what follows the scheme.
func (c *composer) header(name, value string, sort sorter) {
	at := spot{where: inHeader, name: name}
	if p, ok := sort(at, value, plain); ok {
		c.add(p)
		return
	}
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || strings.Contains(rest, " ") {
		c.lit(value)
		return
	}
	c.lit(scheme + " ")
	c.token(at, rest, plain, sort)
}

// token adds one value as it is written.
func (c *composer) token(at spot, raw string, code coding, sort sorter) {
	if raw == "" {
		return
	}
	if p, ok := sort(at, code.read(raw), code); ok {
		c.add(p)
		return
	}
	c.lit(raw)
}

// json adds a JSON document, and reports whether it is one. edit may return parts in place of the value at
// a path; nil leaves it to sort.
func (c *composer) json(doc []byte, sort sorter, edit func(path string, code coding) text) bool {
	done := 0
	replace := func(start, end int, parts ...part) {
		c.lit(string(doc[done:start]))
		for _, p := range parts {
			c.add(p)
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
		if p, ok := sort(spot{where: inBody}, code.read(string(doc[start:end])), code); ok {
			replace(start, end, p)
		}
	})
	if ok {
		c.lit(string(doc[done:]))
	}
	return ok
}
