package redact

import (
	"net/url"
	"strings"
)

// url replaces parameters of the query, fields of the fragment and the user part; everything
// else stays byte for byte, so odd targets stay odd.
func (p *pass) url(s string) string {
	s = p.userinfo(s)
	head, fragment, hasFragment := strings.Cut(s, "#")
	path, query, hasQuery := strings.Cut(head, "?")
	head = p.urlPath(path)
	if hasQuery {
		head += "?" + p.pairs(query, p.query)
	}
	if hasFragment {
		lead := fragment[:strings.LastIndexByte(fragment, '?')+1] // "#/route?token=x" of a client-side router
		return head + "#" + lead + p.pairs(fragment[len(lead):], p.query)
	}
	return head
}

// urlPath replaces what shows by its form in the segments of a path.
func (p *pass) urlPath(path string) string {
	if !strings.ContainsRune(path, '%') {
		return p.text(path)
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if plain, err := url.PathUnescape(segment); err == nil {
			if redacted := p.text(plain); redacted != plain {
				segments[i] = url.PathEscape(redacted)
			}
		}
	}
	return strings.Join(segments, "/")
}

// userinfo redacts "//user:password@host".
func (p *pass) userinfo(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return s
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return s
	}
	return scheme + "://" + p.secret(patternName, rest[:at]) + rest[at:]
}

// pairs replaces the values of named fields in a=b&c=d. Values are decoded before they are
// hashed, so that the pseudonym does not depend on the spelling.
func (p *pass) pairs(s string, named *names) string {
	var out strings.Builder
	last := 0 // s[:last] is in out
	for start := 0; start <= len(s); {
		end := start + strings.IndexAny(s[start:], "&;")
		if end < start {
			end = len(s)
		}
		name, _, found := strings.Cut(s[start:end], "=")
		if found && named.has(leaf(unescape(name))) {
			// A bare ; may separate fields or belong to the secret: it goes with the secret.
			if rest := strings.IndexByte(s[end:], '&'); rest >= 0 {
				end += rest
			} else {
				end = len(s)
			}
			value := s[start+len(name)+1 : end]
			out.WriteString(s[last : end-len(value)])
			p.at(name, func() { out.WriteString(escapeNumber(p.secret(patternName, unescape(value)))) })
			last = end
		} else {
			from := start
			if found {
				from += len(name) + 1
			}
			plain := unescape(s[from:end])
			p.at(name, func() {
				if redacted := p.text(plain); redacted != plain {
					out.WriteString(s[last:from])
					out.WriteString(url.QueryEscape(redacted))
					last = end
				}
			})
		}
		start = end + 1
	}
	if last == 0 {
		return s
	}
	out.WriteString(s[last:])
	return out.String()
}

// escapeNumber keeps the + of a phone number from becoming a blank.
func escapeNumber(pseudonym string) string {
	if strings.HasPrefix(pseudonym, "+") || strings.ContainsAny(pseudonym, " @") {
		return url.QueryEscape(pseudonym)
	}
	return pseudonym
}

// leaf is the last name of a nested field: "user[password]" and "user.password" are passwords.
func leaf(name string) string {
	name = strings.TrimRight(name, "]")
	if i := strings.LastIndexAny(name, "[."); i >= 0 && i+1 < len(name) {
		return name[i+1:]
	}
	return name
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
