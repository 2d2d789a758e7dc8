package redact

import (
	"fmt"
	"strconv"
	"strings"
)

// path is a compiled JSON path: the root, then steps into objects and arrays.
//
//	$.user.token   $['user']['token']   $..password   $.items[*].card   $.cards[0]   $.*
type path []step

type step struct {
	name  string // of an object's field, compared without case
	index int    // of an array's element; -1 for none
	any   bool   // every field or element
	deep  bool   // here or anywhere below
}

const (
	pathMax  = 4096 // bytes
	stepsMax = 32   // so that a set of positions fits a uint64
)

func parsePath(s string) (path, error) {
	fail := func(at int, what string) (path, error) {
		return nil, fmt.Errorf("redact: JSON path %q: column %d: %s: write it like $.user.token, $..password or $.items[*].card", s, at+1, what)
	}
	if len(s) > pathMax {
		return fail(0, "path is too long")
	}
	if !strings.HasPrefix(s, "$") {
		return fail(0, "it must start with $")
	}
	var p path
	for at := 1; at < len(s); {
		next := step{index: -1}
		if strings.HasPrefix(s[at:], "..") {
			next.deep = true
			at++ // the second dot starts the name
			if strings.HasPrefix(s[at:], ".[") {
				at++
			}
		}
		switch {
		case at < len(s) && s[at] == '.':
			end := at + 1
			for end < len(s) && s[end] != '.' && s[end] != '[' {
				end++
			}
			next.name = s[at+1 : end]
			if next.name == "" {
				return fail(at, "name missing")
			}
			next.any = next.name == "*"
			at = end
		case at < len(s) && s[at] == '[':
			inner, end, ok := bracket(s, at)
			if !ok {
				return fail(at, "bracket without end")
			}
			switch {
			case inner == "*":
				next.any = true
			case len(inner) >= 2 && (inner[0] == '\'' || inner[0] == '"') && inner[len(inner)-1] == inner[0]:
				next.name = inner[1 : len(inner)-1]
			default:
				n, err := strconv.Atoi(inner)
				if err != nil || n < 0 {
					return fail(at, "expected ['name'], [*] or [number]")
				}
				next.index = n
			}
			at = end
		default:
			return fail(at, "expected . or [")
		}
		if p = append(p, next); len(p) > stepsMax {
			return fail(at, "too many steps")
		}
	}
	if len(p) == 0 {
		return fail(len(s), "it names the whole body: use drop_other or name a field")
	}
	return p, nil
}

// bracket returns what stands between the bracket at a place and its end; quotes may hold a ].
func bracket(s string, at int) (inner string, end int, ok bool) {
	from := at + 1
	if from < len(s) && (s[from] == '\'' || s[from] == '"') {
		quote := strings.IndexByte(s[from+1:], s[from])
		if quote < 0 {
			return "", 0, false
		}
		end = from + 1 + quote + 1
	} else {
		stop := strings.IndexByte(s[from:], ']')
		if stop < 0 {
			return "", 0, false
		}
		end = from + stop
	}
	if end >= len(s) || s[end] != ']' {
		return "", 0, false
	}
	return s[from:end], end + 1, true
}

// matches reports whether the step takes a field (index -1) or an element (name "").
func (s step) matches(name string, index int) bool {
	if s.any {
		return true
	}
	if index >= 0 {
		return s.index == index
	}
	return s.index < 0 && strings.EqualFold(s.name, name)
}

// anywhere returns the name of a path that takes the fields of that name and nothing else, as $..password does.
func (p path) anywhere() (name string, ok bool) {
	if len(p) != 1 || !p[0].deep || p[0].any || p[0].index >= 0 {
		return "", false
	}
	return p[0].name, true
}

// advance takes a set of positions (bit i: i steps are matched) one level down, and reports
// whether the whole path is matched there.
func (p path) advance(at uint64, name string, index int) (down uint64, done bool) {
	for i, s := range p {
		if at&(1<<i) == 0 {
			continue
		}
		if s.deep {
			down |= 1 << i
		}
		if s.matches(name, index) {
			if i+1 == len(p) {
				done = true
			} else {
				down |= 1 << (i + 1)
			}
		}
	}
	return down, done
}
