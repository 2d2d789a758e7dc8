package replay

import (
	"path"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// Other is the flow of what no flow matches.
const Other = "other"

// A route matches requests by method and by the glob of their path.
type route struct {
	method string // any when empty
	glob   string
}

// match reports whether the method and the path, without its query, fit. A * in the glob is one segment,
// or a part of one; ** is any rest.
func (r route) match(method, target string) bool {
	if r.method != "" && !strings.EqualFold(r.method, method) {
		return false
	}
	if r.glob == "" || r.glob == "**" {
		return true
	}
	target, _, _ = strings.Cut(target, "?")
	glob, target := strings.TrimPrefix(r.glob, "/"), strings.TrimPrefix(target, "/")
	for {
		g, globRest, globMore := strings.Cut(glob, "/")
		t, targetRest, targetMore := strings.Cut(target, "/")
		if g == "**" {
			return true
		}
		if g != t && (t == "" && g != "" || !segment(g, t)) {
			return false
		}
		if !globMore || !targetMore {
			return globMore == targetMore || globRest == "**" && !targetMore
		}
		glob, target = globRest, targetRest
	}
}

func segment(glob, text string) bool {
	if glob == "*" {
		return true
	}
	ok, err := path.Match(glob, text)
	return ok && err == nil
}

// routes finds flows; the first that matches wins.
type routes struct {
	flows []gameday.Flow // Other is the last
}

func newRoutes(flows []gameday.Flow) routes {
	all := append([]gameday.Flow(nil), flows...)
	return routes{append(all, gameday.Flow{Name: Other, Criticality: gameday.Sheddable})}
}

// find returns the index of the request's flow.
func (r routes) find(method, target string) int {
	last := len(r.flows) - 1
	for i, f := range r.flows[:last] {
		if (route{f.Method, f.Path}).match(method, target) {
			return i
		}
	}
	return last
}

func (r routes) index(name string) (int, bool) {
	for i, f := range r.flows {
		if f.Name == name {
			return i, true
		}
	}
	return 0, false
}
