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

// allow reports whether one of them is for a request. An allowance for a path is none for what leads out of it.
func allow(allowed []route, method, target string) bool {
	return slices.ContainsFunc(allowed, func(r route) bool {
		return r.match(method, target) && (r.glob == "" || !climbs(target))
	})
}

// A licence is for a request with effects whose whole target is a live value: what was allowed is where the recording sent it.
type licence struct {
	recorded string // target
	allowed  []route
}

// licence returns that of r, if it needs one.
func (e *editor) licence(r *request) *licence {
	const at = 1 // in the head, behind the method
	if safe(r.method) || len(r.head) <= at || r.head[at].code != wholeTarget || r.head[at].kind != live {
		return nil
	}
	return &licence{r.head[at].value, e.allowed}
}

// within returns the live values without a target that is not allowed.
func (l *licence) within(known values, method string) values {
	if l == nil {
		return known
	}
	i := slices.IndexFunc(known, func(p pair) bool { return p.recorded == l.recorded })
	if i < 0 || allow(l.allowed, method, wholeTarget.write(known[i].now)) {
		return known
	}
	return slices.Delete(slices.Clone(known), i, i+1)
}

// climbs reports whether the path of a target has a segment . or .., by the reading of any server: escaped, even twice, behind a
// backslash, or with parameters.
func climbs(target string) bool {
	if !strings.ContainsAny(target, ".%") {
		return false
	}
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
