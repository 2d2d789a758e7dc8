package replay

import (
	"math"
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
	tree  *branch
}

func newRoutes(flows []gameday.Flow) routes {
	all := append([]gameday.Flow(nil), flows...)
	r := routes{flows: append(all, gameday.Flow{Name: Other, Criticality: gameday.Sheddable}), tree: newBranch()}
	for i, f := range flows {
		r.tree.add(f, i)
	}
	return r
}

// find returns the index of the request's flow.
func (r routes) find(method, target string) int {
	target, _, _ = strings.Cut(target, "?")
	if i := r.tree.find(method, strings.TrimPrefix(target, "/"), noRoute); i != noRoute {
		return i
	}
	return len(r.flows) - 1
}

func (r routes) index(name string) (int, bool) {
	for i, f := range r.flows {
		if f.Name == name {
			return i, true
		}
	}
	return 0, false
}

const noRoute = math.MaxInt

// A branch holds flows whose globs begin alike, so that a request is not held against each of them in turn. It finds what
// [route.match] would.
type branch struct {
	first int // of all flows here and further on
	ends  []end
	rests []end // of globs with ** here
	names map[string]*branch
	globs []globBranch
}

// An end is where the glob of a flow ends.
type end struct {
	method string // any when empty
	flow   int
}

type globBranch struct {
	glob string
	*branch
}

func newBranch() *branch { return &branch{first: noRoute, names: make(map[string]*branch)} }

// add puts flow i into the tree. Flows come in order.
func (b *branch) add(f gameday.Flow, i int) {
	at, e := b, end{f.Method, i}
	at.first = min(at.first, i)
	rest, more := strings.TrimPrefix(f.Path, "/"), true
	if f.Path == "" {
		rest = "**"
	}
	for more {
		var glob string
		glob, rest, more = strings.Cut(rest, "/")
		if glob == "**" {
			at.rests = append(at.rests, e)
			return
		}
		at = at.next(glob)
		at.first = min(at.first, i)
		if rest == "**" {
			at.ends = append(at.ends, e) // a/** is a, too
		}
	}
	at.ends = append(at.ends, e)
}

// next returns the branch behind a segment of a glob.
func (b *branch) next(glob string) *branch {
	if !strings.ContainsAny(glob, `*?[\`) {
		if b.names[glob] == nil {
			b.names[glob] = newBranch()
		}
		return b.names[glob]
	}
	for _, g := range b.globs {
		if g.glob == glob {
			return g.branch
		}
	}
	b.globs = append(b.globs, globBranch{glob, newBranch()})
	return b.globs[len(b.globs)-1].branch
}

// find returns the first flow that matches, if it is before best, else best.
func (b *branch) find(method, target string, best int) int {
	if b.first >= best {
		return best
	}
	best = firstEnd(b.rests, method, best)
	text, rest, more := strings.Cut(target, "/")
	into := func(next *branch) {
		if more {
			best = next.find(method, rest, best)
		} else {
			best = firstEnd(next.ends, method, best)
		}
	}
	if next := b.names[text]; next != nil {
		into(next)
	}
	for _, g := range b.globs {
		if g.glob == text || text != "" && segment(g.glob, text) {
			into(g.branch)
		}
	}
	return best
}

// firstEnd returns the first flow that ends here with the method, if it is before best, else best.
func firstEnd(ends []end, method string, best int) int {
	for _, e := range ends {
		if e.flow >= best {
			break
		}
		if e.method == "" || strings.EqualFold(e.method, method) {
			return e.flow
		}
	}
	return best
}
