package replay

import (
	"cmp"
	"slices"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// The limits of a Learner.
const (
	MaxRoutes = 50     // that are told apart, the most frequent; the rest is [Other]
	maxNames  = 50     // in one place of a path; where there are more they are values
	maxDepth  = 16     // segments of a path
	maxVerbs  = 16     // methods of one path
	maxNodes  = 20_000 // of the tree; paths that need more are Other
)

// A Learner finds the routes of recorded requests: methods with templates of paths, such as GET /products/{}. A segment is
// a placeholder where it looks like a value (see [Template]), and where more than 50 names are seen in its place. The same
// requests in the same order give the same routes. The zero value works; it is for one goroutine.
type Learner struct {
	root  stem
	nodes int
}

// A stem is what is known of the paths that begin alike.
type stem struct {
	names map[string]*stem
	value *stem // behind a value
	wide  bool  // names are values here
	verbs map[string]int64
}

// Add takes note of a request. Targets that are no path are passed over.
func (l *Learner) Add(method, target string) {
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") || strings.Count(path, "/") > maxDepth || !isToken(method) {
		return
	}
	at := &l.root
	for segment := range strings.SplitSeq(path[1:], "/") {
		if at = l.step(at, segment); at == nil {
			return
		}
	}
	if method = strings.ToUpper(method); len(at.verbs) < maxVerbs || at.verbs[method] > 0 {
		at.count(method, 1)
	}
}

// step goes one segment further; nil where the tree is full.
func (l *Learner) step(at *stem, segment string) *stem {
	if isValue(segment) || at.wide && segment != "" {
		if at.value == nil {
			at.value = l.grow()
		}
		return at.value
	}
	if next := at.names[segment]; next != nil {
		return next
	}
	next := l.grow()
	if next == nil {
		return nil
	}
	at.name(segment, next)
	if len(at.names) > maxNames {
		l.widen(at)
		return l.step(at, segment)
	}
	return next
}

func (l *Learner) grow() *stem {
	if l.nodes == maxNodes {
		return nil
	}
	l.nodes++
	return &stem{}
}

// widen makes values of all names but the empty one, which ends a path with a slash.
func (l *Learner) widen(at *stem) {
	at.wide = true
	for name, behind := range at.names {
		if name != "" {
			delete(at.names, name)
			at.value = l.join(at.value, behind)
		}
	}
}

// join returns what is known of either; both are used up, and may be nil.
func (l *Learner) join(a, b *stem) *stem {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	l.nodes--
	for method, n := range b.verbs {
		a.count(method, n)
	}
	a.value = l.join(a.value, b.value)
	for name, behind := range b.names {
		a.name(name, l.join(a.names[name], behind))
	}
	if a.wide || b.wide || len(a.names) > maxNames {
		l.widen(a)
	}
	return a
}

func (n *stem) name(segment string, behind *stem) {
	if n.names == nil {
		n.names = make(map[string]*stem)
	}
	n.names[segment] = behind
}

func (n *stem) count(method string, by int64) {
	if n.verbs == nil {
		n.verbs = make(map[string]int64)
	}
	n.verbs[method] += by
}

// Flows returns the most frequent routes, at most [MaxRoutes], as core flows that are named after them. They are in the
// order of their paths, a name before a value in the same place, so that the first that matches a request is its own.
func (l *Learner) Flows() []gameday.Flow {
	all := l.root.routes(nil, nil)
	slices.SortFunc(all, func(a, b learntRoute) int { return cmp.Or(cmp.Compare(b.count, a.count), a.compare(b)) })
	all = all[:min(len(all), MaxRoutes)]
	slices.SortFunc(all, learntRoute.compare)
	flows := make([]gameday.Flow, len(all))
	for i, r := range all {
		flows[i] = r.flow()
	}
	return flows
}

type learntRoute struct {
	segments []string // Placeholder where a value stands: no name is spelt so
	method   string
	count    int64
}

// routes appends all that end at n, which lies behind the segments, or further on.
func (n *stem) routes(to []learntRoute, segments []string) []learntRoute {
	for method, count := range n.verbs {
		to = append(to, learntRoute{slices.Clone(segments), method, count})
	}
	if n.value != nil {
		to = n.value.routes(to, append(segments, Placeholder))
	}
	for name, behind := range n.names {
		to = behind.routes(to, append(segments, name))
	}
	return to
}

func (r learntRoute) compare(s learntRoute) int {
	bySegment := slices.CompareFunc(r.segments, s.segments, func(a, b string) int {
		switch {
		case a == b:
			return 0
		case a == Placeholder:
			return 1
		case b == Placeholder:
			return -1
		}
		return strings.Compare(a, b)
	})
	return cmp.Or(bySegment, strings.Compare(r.method, s.method))
}

var literalGlob = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

func (r learntRoute) flow() gameday.Flow {
	glob := make([]string, len(r.segments))
	for i, s := range r.segments {
		if glob[i] = "*"; s != Placeholder {
			glob[i] = literalGlob.Replace(s)
		}
	}
	return gameday.Flow{
		Name: r.method + " /" + strings.Join(r.segments, "/"), Method: r.method, Path: "/" + strings.Join(glob, "/"), Criticality: gameday.Core,
	}
}
