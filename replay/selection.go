package replay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// A Selection chooses exchanges. Those that meet every condition are selected; within a condition one
// match is enough, and an empty one is met by all.
type Selection struct {
	Methods  []string
	Paths    []string // globs as in flows: "/products/*", "/static/**"
	Statuses []string // "404", "5xx", or "none" for exchanges without response
	Sessions []string
	Flows    []gameday.Flow
}

// Empty reports whether there is no condition.
func (s Selection) Empty() bool {
	return len(s.Methods)+len(s.Paths)+len(s.Statuses)+len(s.Sessions)+len(s.Flows) == 0
}

// Check returns what is wrong with a selection.
func (s Selection) Check() error {
	for _, status := range s.Statuses {
		if _, _, err := statusRange(status); err != nil {
			return err
		}
	}
	for _, p := range s.Paths {
		if !strings.HasPrefix(p, "/") && p != "**" {
			return fmt.Errorf("path %q: want a glob that begins with a slash: /products/*, /static/**", p)
		}
	}
	return nil
}

// Misses returns the first condition that the exchange does not meet: method, path, status, session or
// flow; empty when it is selected.
func (s Selection) Misses(x *Exchange) (condition string) {
	miss := func(n int, matches func(i int) bool) bool {
		for i := range n {
			if matches(i) {
				return false
			}
		}
		return n > 0
	}
	switch {
	case miss(len(s.Methods), func(i int) bool { return strings.EqualFold(s.Methods[i], x.Method) }):
		return "method"
	case miss(len(s.Paths), func(i int) bool { return route{glob: s.Paths[i]}.match(x.Method, x.Target) }):
		return "path"
	case miss(len(s.Statuses), func(i int) bool { return hasStatus(x, s.Statuses[i]) }):
		return "status"
	case len(s.Sessions) > 0 && !slices.Contains(s.Sessions, x.Session):
		return "session"
	case miss(len(s.Flows), func(i int) bool { return route{s.Flows[i].Method, s.Flows[i].Path}.match(x.Method, x.Target) }):
		return "flow"
	}
	return ""
}

// Matches is the opposite of Misses: it returns "selected" for an exchange that is, else "".
func (s Selection) Matches(x *Exchange) (rule string) {
	if s.Misses(x) == "" {
		return "selected"
	}
	return ""
}

func hasStatus(x *Exchange, want string) bool {
	low, high, err := statusRange(want)
	if err != nil {
		return false
	}
	status := 0
	if x.Response != nil {
		status = x.Response.Status
	}
	return low <= status && status <= high
}

func statusRange(s string) (low, high int, err error) {
	if s == "none" {
		return 0, 0, nil
	}
	if class, ok := strings.CutSuffix(s, "xx"); ok && len(class) == 1 && class[0] >= '1' && class[0] <= '9' {
		low = int(class[0]-'0') * 100
		return low, low + 99, nil
	}
	if low, err = strconv.Atoi(s); err != nil || low < 100 || low > 999 {
		return 0, 0, fmt.Errorf("status %q: want a number such as 404, a class such as 5xx, or none", s)
	}
	return low, low, nil
}
