package replay

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/textproto"
	"strings"

	"golang.org/x/net/html"
)

// A place is where in a response a value stands.
type place struct {
	where where
	name  string // JSON path, or name of the cookie, header, field or parameter; names of headers in canonical form
}

type where uint8

const (
	inBody     where = iota // of JSON
	inForm                  // url-encoded
	inHTML                  // hidden inputs and meta elements
	inHeader                // all of its value
	inCookie                // Set-Cookie; in requests Cookie
	inLocation              // "": its last segment; "/": path and query; "?name": a parameter
	inTarget                // only in requests, as the two below: path and query
	inPath                  // one segment
	inQuery
)

// eachHandedHeader calls visit for each value in the header of a response.
func eachHandedHeader(h Header, visit func(p place, value string)) {
	for _, f := range h {
		name := textproto.CanonicalMIMEHeaderKey(f.Name) // which makes nothing new of the usual ones
		switch name {
		case "Set-Cookie":
			pair, _, _ := strings.Cut(f.Value, ";")
			if name, value, ok := strings.Cut(pair, "="); ok {
				visit(place{inCookie, strings.TrimSpace(name)}, strings.Trim(value, " \"")) // quotes are no part of it
			}
		case "Location":
			visit(place{inHeader, name}, f.Value)
			eachOfLocation(f.Value, visit)
		default:
			visit(place{inHeader, name}, f.Value)
		}
	}
}

func eachOfLocation(location string, visit func(p place, value string)) {
	path, rawQuery, _ := strings.Cut(location, "?")
	visit(place{inLocation, ""}, path[strings.LastIndexByte(path, '/')+1:])
	if target := onHost(location); target != location {
		visit(place{inLocation, "/"}, target)
	}
	rawQuery, _, _ = strings.Cut(rawQuery, "#")
	eachPair(rawQuery, func(name, value string) { visit(place{inLocation, "?" + name}, value) })
}

// onHost returns what of a URL its host is asked for: the target of a request. Of anything else it is all.
func onHost(url string) string {
	if scheme, rest, absolute := strings.Cut(url, "://"); absolute && isToken(scheme) {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
	}
	return url
}

// eachPair calls visit for each pair of a query or form, decoded.
func eachPair(form string, visit func(name, value string)) {
	for pair := range strings.SplitSeq(form, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			visit(query.read(name), query.read(value))
		}
	}
}

// eachHandedBody calls visit for each value in the body of a response, by the kind of document that it is. The name
// is valid only during the call; raw is a JSON value as it is written, of other documents the decoded value.
func eachHandedBody(h Header, body []byte, visit func(w where, name, raw []byte)) {
	if len(body) == 0 {
		return
	}
	kind := strings.ToLower(h.Get("Content-Type"))
	body = unzip(h, body)
	switch {
	case strings.Contains(kind, "html"):
		eachHidden(body, func(name, value string) { visit(inHTML, []byte(name), []byte(value)) })
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded") && len(body) <= maxJSON:
		eachPair(string(body), func(name, value string) { visit(inForm, []byte(name), []byte(value)) })
	default:
		eachJSON(body, func(path []byte, start, end int) { visit(inBody, path, body[start:end]) })
	}
}

// eachHidden calls visit for what an HTML page has for its scripts and forms to send back: hidden inputs and meta
// elements.
func eachHidden(page []byte, visit func(name, value string)) {
	page = page[:min(len(page), maxJSON)]
	if !bytes.Contains(page, []byte("<")) {
		return
	}
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
		default:
			continue
		}
		tag, more := z.TagName()
		wanted := map[string]string{"input": "value", "meta": "content"}[string(tag)]
		if wanted == "" {
			continue
		}
		attributes := make(map[string]string, 4)
		for more {
			var key, value []byte
			key, value, more = z.TagAttr()
			attributes[string(key)] = string(value)
		}
		if wanted == "value" && !strings.EqualFold(attributes["type"], "hidden") {
			continue
		}
		if name := attributes["name"]; name != "" {
			visit(name, attributes[wanted])
		}
	}
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

// fieldPlace returns the place of a field in the notation of gameday.BindEnd.
func fieldPlace(field string) place {
	if strings.HasPrefix(field, "$") {
		return place{inBody, field}
	}
	kind, name, _ := strings.Cut(field, ":")
	switch kind {
	case "header":
		return place{inHeader, textproto.CanonicalMIMEHeaderKey(name)}
	case "cookie":
		return place{inCookie, name}
	case "form":
		return place{inForm, name}
	case "html":
		return place{inHTML, name}
	}
	return place{inQuery, name}
}
