package redact

import (
	"net/url"
	"strings"
)

// url replaces parameters of the query, fields of the fragment and the user part; everything
// else stays byte for byte, so odd targets stay odd.
func (r *Redactor) url(s string) string {
	s = r.userinfo(s)
	head, fragment, hasFragment := strings.Cut(s, "#")
	if path, query, ok := strings.Cut(head, "?"); ok {
		head = path + "?" + r.pairs(query, r.query)
	}
	if hasFragment {
		lead := fragment[:strings.LastIndexByte(fragment, '?')+1] // "#/route?token=x" of a client-side router
		return head + "#" + lead + r.pairs(fragment[len(lead):], r.query)
	}
	return head
}

// userinfo redacts "//user:password@host".
func (r *Redactor) userinfo(s string) string {
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
	return scheme + "://" + r.Pseudonym(rest[:at]) + rest[at:]
}

// pairs replaces the values of named fields in a=b&c=d. Values are decoded before they are
// hashed, so that the pseudonym does not depend on the spelling.
func (r *Redactor) pairs(s string, names set) string {
	var out strings.Builder
	last := 0 // s[:last] is in out
	for start := 0; start <= len(s); {
		end := start + strings.IndexAny(s[start:], "&;")
		if end < start {
			end = len(s)
		}
		name, _, found := strings.Cut(s[start:end], "=")
		if found && names.has(leaf(unescape(name))) {
			// A bare ; may separate fields or belong to the secret: it goes with the secret.
			if rest := strings.IndexByte(s[end:], '&'); rest >= 0 {
				end += rest
			} else {
				end = len(s)
			}
			value := s[start+len(name)+1 : end]
			out.WriteString(s[last : end-len(value)])
			out.WriteString(r.Pseudonym(unescape(value)))
			last = end
		}
		start = end + 1
	}
	if last == 0 {
		return s
	}
	out.WriteString(s[last:])
	return out.String()
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
