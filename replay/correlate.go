package replay

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// The limits of what is learnt about one session.
const (
	maxLearnt   = 32  // values of one response
	maxKnown    = 256 // values of one session
	maxSaid     = 256
	maxValueLen = 4 << 10
	minValueLen = 3
)

// pseudonymMark starts the values that redaction put in place of secrets.
const pseudonymMark = "gd~"

// A place is where in a response a value stands.
type place struct {
	where where
	name  string // JSON path, or name of the cookie or header
}

type where uint8

const (
	inBody where = iota
	inCookie
	inHeader
	inLocation // its last segment
)

// A capture is a recorded value and the place of the response where the live one will stand.
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
}

// recognise is a sorter, and remembers what the client says.
func (l *lesson) recognise(value string, _ coding) kind {
	if len(value) < minValueLen {
		return literal
	}
	if _, ok := l.known[value]; ok {
		return live
	}
	if len(l.said) < maxSaid && len(value) <= maxValueLen {
		if l.said == nil {
			l.said = make(map[string]struct{})
		}
		l.said[value] = struct{}{}
	}
	return literal
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
	for _, f := range r.Header {
		eachHeaderValue(f, add)
	}
	if !r.Truncated() {
		effect := !safe(x.Method)
		body := unzip(r.Header, r.Body)
		eachJSON(body, func(path []byte, start, end int) {
			if value := unquote(body[start:end]); handedOut(string(path), value, body[start] == '"', effect) {
				add(value, place{inBody, string(path)})
			}
		})
	}
	return captures
}

// eachHeaderValue calls add for what a header of a response hands out.
func eachHeaderValue(f Field, add func(string, place)) {
	switch strings.ToLower(f.Name) {
	case "set-cookie":
		pair, _, _ := strings.Cut(f.Value, ";")
		if name, value, ok := strings.Cut(pair, "="); ok {
			add(value, place{inCookie, strings.TrimSpace(name)})
		}
	case "etag", "x-csrf-token":
		add(f.Value, place{inHeader, f.Name})
	case "location":
		add(f.Value, place{inHeader, f.Name})
		add(lastSegment(f.Value), place{inLocation, f.Name})
	}
}

func lastSegment(location string) string {
	path, _, _ := strings.Cut(location, "?")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// handedOut reports whether a JSON value looks as if the system made it up: any pseudonym, what is named
// like a credential, what is opaque; and in the answer to a request with effects also ids.
func handedOut(path, value string, isText, effect bool) bool {
	if isText && strings.HasPrefix(value, pseudonymMark) {
		return true
	}
	name := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	named := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(name, w) {
				return true
			}
		}
		return false
	}
	digits := strings.ContainsAny(value, "0123456789")
	switch {
	case !isText:
		return effect && isNumber(value) && (strings.HasSuffix(name, "id") || named("number")) && len(value) >= minValueLen
	case named("token", "csrf", "nonce", "cursor", "etag", "session"):
		return true
	case len(value) >= 16 && digits && !strings.ContainsAny(value, " /:"):
		return true
	}
	return effect && digits && !strings.Contains(value, " ")
}

// bind reads the live values of the captures out of an answer.
func bind(captures []capture, a answer, set func(recorded, now string)) {
	wanted := make(map[string]string) // recorded by JSON path
	for _, c := range captures {
		switch c.place.where {
		case inBody:
			wanted[c.place.name] = c.recorded
			continue
		case inHeader:
			if now := a.header.Get(c.place.name); now != "" {
				set(c.recorded, now)
			}
		case inLocation:
			if now := lastSegment(a.header.Get(c.place.name)); now != "" {
				set(c.recorded, now)
			}
		case inCookie:
			for _, f := range a.header {
				if strings.EqualFold(f.Name, "Set-Cookie") {
					pair, _, _ := strings.Cut(f.Value, ";")
					if name, now, _ := strings.Cut(pair, "="); strings.TrimSpace(name) == c.place.name && now != "" {
						set(c.recorded, now)
					}
				}
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	body := unzip(a.header, a.body)
	eachJSON(body, func(path []byte, start, end int) {
		if recorded, ok := wanted[string(path)]; ok {
			set(recorded, unquote(body[start:end]))
		}
	})
}

// unzip undoes gzip, up to the length that is looked into.
func unzip(h Header, body []byte) []byte {
	if !strings.EqualFold(h.Get("Content-Encoding"), "gzip") {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxJSON))
	if err != nil {
		return nil
	}
	return plain
}

// safe reports whether a method promises to change nothing.
func safe(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}
