package replay

import (
	"slices"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// allowances reads which requests with effects may be sent. What cannot be read allows nothing.
func allowances(texts []string) (all []route) {
	for _, text := range texts {
		if a, err := gameday.ParseAllowance(text); err == nil { // the checks have reported the others
			all = append(all, route{a.Method, a.Path})
		}
	}
	return all
}

// allows reports whether a request with effects may be sent. An allowance for a path is none for what leads out of it.
func (e *editor) allows(x *Exchange) bool {
	return slices.ContainsFunc(e.allowed, func(r route) bool {
		return r.match(x.Method, x.Target) && (r.glob == "" || !climbs(x.Target))
	})
}

// climbs reports whether the path of a target has a segment . or .., by the reading of any server: escaped, even twice, behind a
// backslash, or with parameters.
func climbs(target string) bool {
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	for range 2 {
		target = unescape.Replace(target)
	}
	for segment := range strings.SplitSeq(target, "/") {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return true
		}
	}
	return false
}

// unescape reads what a path climbs with. The rest, which may be badly escaped, stays as it is.
var unescape = strings.NewReplacer(`\`, "/",
	"%25", "%", "%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%3b", ";", "%3B", ";", "%5c", "/", "%5C", "/")
