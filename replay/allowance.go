package replay

import (
	"slices"

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

// allows reports whether a request with effects may be sent.
func (e *editor) allows(x *Exchange) bool {
	return slices.ContainsFunc(e.allowed, func(r route) bool { return r.match(x.Method, x.Target) })
}
