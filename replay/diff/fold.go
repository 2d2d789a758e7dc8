package diff

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// Why answers were not compared.
const (
	causeSlow      = "the comparison could not keep up"
	causeMissing   = "another system gave no answer to the same request"
	causeUnseen    = "the recording has no answer"
	causePrimary   = "the primary failed"
	causeSecondary = "the secondary failed" // and says nothing of what is noise
	causePart      = "a body is not whole, or in an unknown coding"
	causeManyKinds = "too many kinds of difference"
)

// The limits of what is kept.
const (
	maxRoutes = 200
	maxFields = 200   // of a route
	maxGroups = 10000 // of a route: sets of fields that differed together
)

// A fold sums up comparisons. Whether an answer is noisy or wrong shows only at the end, when it is known how often
// its fields differ; until then answers are counted by the set of fields in which they do.
type fold struct {
	rules  rules
	o      Options
	roles  int
	out    gameday.Diff
	routes map[string]*route
}

type route struct {
	total   int64
	classes map[gameday.DiffClass]int64
	fields  map[string]*field // by path and kind
	ordered []*field
	groups  map[string]int64 // by numbers of fields
}

type field struct {
	gameday.DiffField
	number int
	real   int64  // answers in which it differs by more than what looks like noise, or is noise there
	why    string // it looks like noise
}

func newFold(r rules, o Options, roles int) *fold {
	f := &fold{rules: r, o: o, roles: roles, routes: make(map[string]*route)}
	f.out.Classes, f.out.NotCompared = make(map[gameday.DiffClass]int64), make(map[string]int64)
	return f
}

func (f *fold) leaveOut(cause string, n int64) {
	if n > 0 {
		f.out.NotCompared[cause] += n
	}
}

// compare judges one answer.
func (f *fold) compare(m *meeting) {
	a := m.answers[candidate]
	got := newAnswer(a.Class, a.Status, a.Header, a.Body, a.Size)
	want, cause := f.expected(m)
	shapeOnly := a.ShapeOnly && f.roles == 1
	if cause == "" && a.Status != 0 && !shapeOnly && (!got.whole || !want.whole) {
		cause = causePart
	}
	if cause != "" {
		f.leaveOut(cause, 1)
		return
	}
	r := f.route(a)
	if failed(got, want) {
		r.total++
		r.classes[gameday.DiffError]++
		return
	}
	other, cause := f.other(m, want)
	if cause != "" {
		f.leaveOut(cause, 1)
		return
	}
	r.total++
	noise := f.noise(r, m, want, other)
	found := f.differences(want, got, a, m.answers[primary])
	switch {
	case f.rules.fallback(got) && !f.rules.fallback(want):
		r.classes[gameday.DiffFallback]++
	case len(found) == 0:
		r.classes[gameday.DiffIdentical]++
	default:
		f.note(r, found, noise, m, want, got)
	}
}

// expected returns what the answer is compared with, or why there is nothing.
func (f *fold) expected(m *meeting) (*answer, string) {
	if p := m.answers[primary]; f.roles > 1 {
		if p.Status == 0 {
			return nil, causePrimary
		}
		return newAnswer(p.Class, p.Status, p.Header, p.Body, p.Size), ""
	}
	r := m.answers[candidate].Recorded
	if r == nil {
		return nil, causeUnseen
	}
	return newAnswer(recordedClass(r), r.Status, r.Header, r.Body, r.Size), ""
}

// recordedClass returns the class of the player in which a recorded call of gRPC failed; empty when it did not, or is none.
func recordedClass(r *replay.Response) gameday.Class {
	switch cmp.Or(r.Trailer.Get("Grpc-Status"), r.Header.Get("Grpc-Status")) {
	case "", "0":
		return ""
	case "8", "14":
		return gameday.ClassRejected
	}
	return gameday.ClassError
}

// other returns the answer of the secondary, nil where there is none, or why nothing can be learnt from it: what a failure is
// not like would pass for noise.
func (f *fold) other(m *meeting, want *answer) (*answer, string) {
	s := m.answers[secondary]
	if s == nil {
		return nil, ""
	}
	other := newAnswer(s.Class, s.Status, s.Header, s.Body, s.Size)
	switch {
	case failed(other, want):
		return nil, causeSecondary
	case !other.whole:
		return nil, causePart
	}
	return other, ""
}

// failed reports whether the answer is a failure that the expected one is not. Those of gRPC have the status 200 of HTTP.
func failed(got, want *answer) bool {
	refused := got.status == 429 || got.status >= 500
	return got.status == 0 || refused && got.status != want.status || got.status == 200 && !well(got.class) && got.class != want.class
}

// well reports whether a class is none of a failure.
func well(c gameday.Class) bool {
	return c == "" || c == gameday.ClassOK || c == gameday.ClassDegraded
}

// differences compares with the recording, or with the primary's answer.
func (f *fold) differences(want, got *answer, a, p *replay.Answered) []difference {
	d := differ{rules: f.rules, same: func(want, got string) bool { return stands(a, p, want, got) }}
	d.answers(want, got, a.ShapeOnly && p == nil)
	return d.found
}

// stands reports whether got stands for want: both took the place of one recorded value, or name one user.
func stands(a, p *replay.Answered, want, got string) bool {
	if p == nil {
		return a.Live[want] == got && got != "" || a.Suffix != "" && want+a.Suffix == got
	}
	for recorded, now := range a.Live {
		if now == got && p.Live[recorded] == want {
			return true
		}
	}
	return false
}

// noise finds where primary and secondary differ, and counts it.
func (f *fold) noise(r *route, m *meeting, want, other *answer) map[string]bool {
	if other == nil {
		return nil
	}
	noise := make(map[string]bool)
	for _, d := range f.differences(want, other, m.answers[secondary], m.answers[primary]) {
		noise[d.path] = true
	}
	for path := range noise {
		if x := r.field(path, ""); x != nil {
			x.Noise++
		}
	}
	return noise
}

// note counts an answer by the fields in which it differs.
func (f *fold) note(r *route, found []difference, noise map[string]bool, m *meeting, want, got *answer) {
	seen := make(map[*field]bool) // whether it differs by more than noise
	var real []*field
	for _, d := range found {
		x := r.field(d.path, d.kind)
		if x == nil {
			f.leaveOut(causeManyKinds, 1)
			r.total--
			return
		}
		differs, known := seen[x]
		if !known {
			x.Count++
			seen[x] = false
		}
		if differs || noise[d.path] || f.looksNoisy(x, d) {
			continue
		}
		seen[x] = true
		real = append(real, x)
		if len(x.Examples) < f.o.Examples {
			x.Examples = append(x.Examples, f.example(m, d, want, got))
		}
	}
	slices.SortFunc(real, func(a, b *field) int { return cmp.Compare(a.number, b.number) })
	var key strings.Builder
	for _, x := range real {
		x.real++
		key.WriteString(strconv.Itoa(x.number) + " ")
	}
	if _, known := r.groups[key.String()]; !known && len(r.groups) == maxGroups {
		f.leaveOut(causeManyKinds, 1)
		r.total--
		return
	}
	r.groups[key.String()]++
}

// looksNoisy judges by looks where there is no secondary.
func (f *fold) looksNoisy(x *field, d difference) bool {
	if f.roles == 3 || !d.raw || d.path == "status" {
		return false
	}
	why := noisyByLooks(d.want, d.got)
	if why != "" {
		x.why = why
	}
	return why != ""
}

// example shows a difference without secrets: both answers are redacted, and compared again.
func (f *fold) example(m *meeting, d difference, want, got *answer) gameday.DiffExample {
	a := m.answers[candidate]
	e := gameday.DiffExample{At: gameday.Duration(a.At), Request: a.Method + " " + a.Path, Trace: a.Trace, Want: show(d.want), Got: show(d.got)}
	if f.o.Redact == nil || d.path == "status" {
		return e
	}
	e.Want, e.Got = "redacted", "redacted"
	again := differ{rules: f.rules, same: func(_, _ string) bool { return false }}
	again.answers(f.redacted(want), f.redacted(got), false)
	for _, r := range again.found {
		if r.path == d.path && r.kind == d.kind {
			e.Want, e.Got = show(r.want), show(r.got)
			break
		}
	}
	return e
}

func (f *fold) redacted(a *answer) *answer {
	header := slices.Clone(a.header)
	header.Del("Content-Encoding") // the body is decoded
	x := replay.Exchange{Target: "/", Response: &replay.Response{Status: a.status, Header: header, Body: slices.Clone(a.body), Size: int64(len(a.body))}}
	f.o.Redact(&x)
	return newAnswer(a.class, a.status, x.Response.Header, x.Response.Body, x.Response.Size)
}

// route finds the route of an answer: its flow, or its method and the template of its path.
func (f *fold) route(a *replay.Answered) *route {
	name := a.Flow
	if name == replay.Other || name == "" {
		name = a.Method + " " + replay.Template(a.Path)
	}
	r := f.routes[name]
	if r == nil && len(f.routes) >= maxRoutes {
		name = replay.Other
		r = f.routes[name]
	}
	if r == nil {
		r = &route{classes: make(map[gameday.DiffClass]int64), fields: make(map[string]*field), groups: make(map[string]int64)}
		f.routes[name] = r
	}
	return r
}

// field finds a field, whatever the kind when that is empty; nil when there are too many.
func (r *route) field(path, kind string) *field {
	x := r.fields[path]
	if x == nil {
		if len(r.fields) == maxFields {
			return nil
		}
		x = &field{number: len(r.ordered), DiffField: gameday.DiffField{Path: path}}
		r.fields[path] = x
		r.ordered = append(r.ordered, x)
	}
	if x.Kind == "" {
		x.Kind = kind
	}
	return x
}

// result judges what was counted.
func (f *fold) result() *gameday.Diff {
	f.out.Routes = []gameday.DiffRoute{}
	for name, r := range f.routes {
		r.judge(f.roles == 3)
		out := gameday.DiffRoute{Route: name, Classes: r.classes}
		for _, x := range r.ordered {
			if x.Count > 0 {
				out.Fields = append(out.Fields, x.DiffField)
			}
		}
		slices.SortStableFunc(out.Fields, func(a, b gameday.DiffField) int {
			if (a.Noisy == "") != (b.Noisy == "") {
				return map[bool]int{true: -1, false: 1}[a.Noisy == ""]
			}
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Path, b.Path))
		})
		for class, n := range r.classes {
			f.out.Classes[class] += n
		}
		f.out.Compared += r.total
		f.out.Routes = append(f.out.Routes, out)
	}
	slices.SortFunc(f.out.Routes, func(a, b gameday.DiffRoute) int { return cmp.Compare(a.Route, b.Route) })
	return &f.out
}

// judge decides which fields are noise, and so what the answers are that differ in them.
func (r *route) judge(counted bool) {
	for _, x := range r.ordered {
		switch {
		case counted:
			x.Noisy = noisyByCount(x.Count, x.Noise, r.total)
		case x.real == 0:
			x.Noisy = x.why
		}
	}
	for key, n := range r.groups {
		class := gameday.DiffNoisy
		for number := range strings.FieldsSeq(key) {
			if i, err := strconv.Atoi(number); err == nil && r.ordered[i].Noisy == "" {
				class = gameday.DiffWrong
			}
		}
		r.classes[class] += n
	}
}
