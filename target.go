package gameday

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Kind says what a target is.
type Kind string

// The kinds of target.
const (
	KindInstance Kind = "instance" // one running copy of a service
	KindLink     Kind = "link"     // the way from callers to callees
	KindZone     Kind = "zone"     // everything in one failure domain
	KindService  Kind = "service"  // all copies of a service, those yet to come included
	KindTraffic  Kind = "traffic"  // the replayed load itself
)

// Endpoint names one side of a link. An empty field matches everything.
type Endpoint struct {
	Service string `json:"service,omitempty"`
	Zone    string `json:"zone,omitempty"`
}

// String returns "order", "order@z3", "@z3", or "*" when e matches everything.
func (e Endpoint) String() string {
	switch {
	case e == Endpoint{}:
		return "*"
	case e.Zone == "":
		return e.Service
	}
	return e.Service + "@" + e.Zone
}

// Target is one thing that a fault can act on.
type Target struct {
	Kind    Kind              `json:"kind"`
	Name    string            `json:"name"` // unique in the platform: "product-z1-1", "order->promotion", "z3"
	Service string            `json:"service,omitempty"`
	Zone    string            `json:"zone,omitempty"`
	From    Endpoint          `json:"from,omitzero"` // links only
	To      Endpoint          `json:"to,omitzero"`   // links only
	Labels  map[string]string `json:"labels,omitempty"`
	Healthy bool              `json:"healthy,omitempty"` // as far as the platform knew when it was found
}

// Platform is the system under test as monkeys see it. What else it can do is found with [Able].
type Platform interface {
	// Name identifies the platform in records, for example "local".
	Name() string

	// Find returns every target that matches s, ordered by name. It reads only, ignores the selector's
	// mode and limits (see Selector.Pick), and returns no error for an empty answer.
	Find(ctx context.Context, s Selector) ([]Target, error)
}

// Mode says how many of the matching targets a selector takes.
type Mode string

// The modes of selection.
const (
	ModeAll     Mode = "all"
	ModeOne     Mode = "one"
	ModeCount   Mode = "count"
	ModePercent Mode = "percent"
)

// Selector chooses targets. Empty fields match everything; Labels must all match.
type Selector struct {
	Kind     Kind              `json:"kind"`
	Service  string            `json:"service,omitempty"`
	Zone     string            `json:"zone,omitempty"`
	Instance string            `json:"instance,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	From     Endpoint          `json:"from,omitzero"` // links only
	To       Endpoint          `json:"to,omitzero"`   // links only

	Mode       Mode    `json:"mode,omitempty"`        // all when empty
	Count      int     `json:"count,omitempty"`       // for ModeCount
	Percent    float64 `json:"percent,omitempty"`     // for ModePercent, 0 to 100, of the healthy matches, rounded down but at least one
	MinHealthy int     `json:"min_healthy,omitempty"` // healthy matches that must be left alone
	AllowEmpty bool    `json:"allow_empty,omitempty"` // an empty selection skips the step instead of failing the run
	Follow     bool    `json:"follow,omitempty"`      // matching instances that appear later come under the fault too
}

// ErrNoTarget reports a selection that is empty, or that the minimum of healthy targets forbids.
var ErrNoTarget = errors.New("no target")

// String describes s for people: "1 of service product in z3".
func (s Selector) String() string {
	var b strings.Builder
	switch s.Mode {
	case ModeOne:
		b.WriteString("one ")
	case ModeCount:
		fmt.Fprintf(&b, "%d ", s.Count)
	case ModePercent:
		fmt.Fprintf(&b, "%g%% ", s.Percent)
	default:
		b.WriteString("all ")
	}
	b.WriteString(string(s.Kind))
	if s.Kind == KindLink {
		fmt.Fprintf(&b, " %s->%s", s.From, s.To)
	}
	for _, f := range []struct{ word, value string }{{"service", s.Service}, {"zone", s.Zone}, {"instance", s.Instance}} {
		if f.value != "" {
			fmt.Fprintf(&b, " %s=%s", f.word, f.value)
		}
	}
	return b.String()
}

// Pick chooses among the found targets by mode, using r for every choice so that a seed repeats it, and
// never leaves fewer than MinHealthy healthy ones. Targets that are already unhealthy are not picked for
// instances: a fault on what is down already proves nothing. An empty choice is ErrNoTarget.
func (s Selector) Pick(r *rand.Rand, found []Target) ([]Target, error) {
	candidates := slices.Clone(found)
	if s.Kind == KindInstance {
		candidates = slices.DeleteFunc(candidates, func(t Target) bool { return !t.Healthy })
	}
	slices.SortFunc(candidates, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	want := s.wanted(len(candidates))
	if spare := len(candidates) - s.MinHealthy; s.Kind == KindInstance && want > spare {
		if s.Mode != ModePercent && s.Mode != ModeAll || spare <= 0 {
			return nil, fmt.Errorf("select %s: %d of %d healthy would leave fewer than the minimum of %d: %w", s, want, len(candidates), s.MinHealthy, ErrNoTarget)
		}
		want = spare
	}
	if want == 0 || want > len(candidates) {
		return nil, fmt.Errorf("select %s: %d match, %d wanted: %w", s, len(candidates), max(want, 1), ErrNoTarget)
	}
	r.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
	picked := candidates[:want]
	slices.SortFunc(picked, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return picked, nil
}

func (s Selector) wanted(candidates int) int {
	switch s.Mode {
	case ModeOne:
		return 1
	case ModeCount:
		return s.Count
	case ModePercent:
		if candidates == 0 || s.Percent <= 0 {
			return 0
		}
		return max(1, int(math.Floor(float64(candidates)*s.Percent/100)))
	}
	return candidates
}
