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

// A composer makes texts: it joins what is literal, and sorts the values in between. What it works with is used again
// for the next text.
type composer struct {
	parts    []composed
	literals []byte // of all parts
	flushed  int    // of the literals, those that belong to a part
}

// composed is a part whose value, if it is literal, are the literals up to end.
type composed struct {
	part
	end int
}

// text returns what was composed, and starts anew.
func (c *composer) text() text {
	c.flush()
	if len(c.parts) == 0 {
		return nil
	}
	t, literals, done := make(text, len(c.parts)), string(c.literals), 0
	for i, p := range c.parts {
		if t[i] = p.part; p.kind == literal {
			t[i].value, done = literals[done:p.end], p.end
		}
	}
	clear(c.parts)
	c.parts, c.literals, c.flushed = c.parts[:0], c.literals[:0], 0
	return t
}

// flush makes a part of the literals that belong to none.
func (c *composer) flush() {
	if c.flushed < len(c.literals) {
		c.flushed = len(c.literals)
		c.parts = append(c.parts, composed{end: c.flushed})
	}
}

// lit adds literal text as it is.
func (c *composer) lit(values ...string) {
	for _, value := range values {
		c.literals = append(c.literals, value...)
	}
}

// add adds a part.
func (c *composer) add(p part) {
	if p.kind == literal {
		c.lit(p.code.write(p.value))
		return
	}
	c.flush()
	c.parts = append(c.parts, composed{part: p})
}

// target adds a request target: all of it, each path segment and each value of the query.
func (c *composer) target(target string, sort sorter) {
	if p, ok := sort(spot{where: inTarget}, target, wholeTarget); ok {
		c.add(p)
		return
	}
	path, rawQuery, hasQuery := strings.Cut(strings.TrimPrefix(target, "/"), "?")
	if len(target) > 0 && target[0] == '/' {
		c.lit("/")
	}
	for n := 0; ; n++ {
		segment, rest, more := strings.Cut(path, "/")
		c.token(spot{where: inPath, n: n}, segment, pathSegment, sort)
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
	for more := true; more; {
		var pair string
		pair, form, more = strings.Cut(form, "&")
		name, value, ok := strings.Cut(pair, "=")
		c.lit(name)
		if ok {
			c.lit("=")
			c.token(spot{where: where, name: query.read(name)}, value, query, sort)
		}
		if more {
			c.lit("&")
		}
	}
}

// cookies adds the value of a Cookie header. Cookies that name a session are the sender's own.
func (c *composer) cookies(cookies string, sort sorter) {
	for more := true; more; {
		var pair string
		pair, cookies, more = strings.Cut(cookies, ";")
		c.cookie(pair, sort)
		if more {
			c.lit(";")
		}
	}
}

func (c *composer) cookie(pair string, sort sorter) {
	name, value, ok := strings.Cut(pair, "=")
	c.lit(name)
	if !ok {
		return
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
	c.lit(scheme, " ")
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

// json adds a JSON document, and reports whether it is one. edit, if there is one, may return parts in place of the
// value at a path; nil leaves it to sort.
func (c *composer) json(body []byte, sort sorter, edit func(path string, code coding) text) bool {
	doc, done := string(body), 0
	replace := func(start, end int, parts ...part) {
		c.lit(doc[done:start])
		for _, p := range parts {
			c.add(p)
		}
		done = end
	}
	ok := eachJSON(body, func(path []byte, start, end int) {
		code := number
		if doc[start] == '"' {
			code, start, end = quoted, start+1, end-1
		}
		if edit != nil {
			if parts := edit(string(path), code); parts != nil {
				replace(start, end, parts...)
				return
			}
		}
		if code == number && !isNumber(doc[start:end]) {
			return // true, false, null
		}
		if p, ok := sort(spot{where: inBody}, code.read(doc[start:end]), code); ok {
			replace(start, end, p)
		}
	})
	if ok {
		c.lit(doc[done:])
	}
	return ok
}
