package gameday

import (
	"fmt"
	"path"
	"strings"
)

// An Allowance is a kind of request with effects that a replay may send: those of a method, or only those of it whose path fits a
// glob, as for a [Flow]. A search, or a query of GraphQL, is a POST without effects.
type Allowance struct {
	Method string
	Path   string // any when empty
}

// ParseAllowance reads "POST" or "POST /search/**".
func ParseAllowance(text string) (Allowance, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 || strings.Trim(words[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != "" {
		return Allowance{}, fmt.Errorf(`%q: want a method, or a method and a path, such as "POST /search/**"`, text)
	}
	a := Allowance{Method: strings.ToUpper(words[0])}
	if len(words) == 1 {
		return a, nil
	}
	if a.Path = words[1]; a.Path[0] != '/' {
		return Allowance{}, fmt.Errorf("%q: a path begins with /", text)
	}
	if _, err := path.Match(a.Path, ""); err != nil {
		return Allowance{}, fmt.Errorf("%q: %w", text, err)
	}
	return a, nil
}

// String is what ParseAllowance reads.
func (a Allowance) String() string { return strings.TrimSpace(a.Method + " " + a.Path) }
