package diff

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// maxRules bounds each list of Options.
const maxRules = 200

// ordinary are headers that say nothing about whether an answer is right: they belong to connections, caches and
// tracing, or hold credentials that players bind.
var ordinary = []string{
	"age", "alt-svc", "cf-ray", "connection", "content-encoding", "content-length", "date", "etag", "expires", "keep-alive", "last-modified",
	"nel", "report-to", "server", "server-timing", "set-cookie", "traceparent", "tracestate", "transfer-encoding", "via", "x-amz-cf-id",
	"x-amzn-requestid", "x-amzn-trace-id", "x-cache", "x-correlation-id", "x-request-id", "x-runtime", "x-served-by", "x-trace-id",
}

// A rule names a field: "status", "body", "header:Name", or a path of JSON and all below it. In a path [*] is any
// element, as are all indices, and ".." any depth: "$..updated_at".
type rule struct{ path string }

// fits reports whether the rule names the field at a path, or one that it lies in.
func (r rule) fits(path string) bool {
	if name, ok := strings.CutPrefix(r.path, "$.."); ok {
		for rest := path; ; {
			i := strings.Index(rest, name)
			if i < 1 {
				return false
			}
			if end := rest[i+len(name):]; rest[i-1] == '.' && (end == "" || end[0] == '.' || end[0] == '[') {
				return true
			}
			rest = rest[i+1:]
		}
	}
	rest, ok := strings.CutPrefix(path, r.path)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// newRule reads a rule as people write it.
func newRule(text string) (rule, error) {
	name, isHeader := strings.CutPrefix(strings.ToLower(text), "header:")
	switch {
	case isHeader && name != "" && !strings.ContainsAny(name, " :\t"):
		return rule{"header:" + name}, nil
	case text == "status" || text == "body" || text == "$":
		return rule{text}, nil
	case !strings.HasPrefix(text, "$.") && !strings.HasPrefix(text, "$[") || len(text) < 3 || text == "$..":
		return rule{}, fmt.Errorf("field %q: want $.path, $..name, header:name, status or body", text)
	}
	return rule{anyIndex(text)}, nil
}

// anyIndex replaces each [17] by [*].
func anyIndex(path string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(path, "[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		index, after, closed := strings.Cut(rest, "]")
		if !closed || strings.Trim(index, "0123456789*") != "" {
			b.WriteByte('[')
			path = rest
			continue
		}
		b.WriteString("[*]")
		path = after
	}
}

// A sign is a field, and perhaps its value, by which an answer says that it is a fallback.
type sign struct {
	rule
	value string // any when empty
}

type rules struct {
	ignore    []rule
	fallbacks []sign
}

func newRules(o Options) (rules, error) {
	var r rules
	var errs []error
	if len(o.Ignore) > maxRules || len(o.Fallback) > maxRules {
		return r, fmt.Errorf("more than %d fields to ignore, or signs of a fallback", maxRules)
	}
	for _, name := range ordinary {
		r.ignore = append(r.ignore, rule{"header:" + name})
	}
	for _, text := range o.Ignore {
		ignored, err := newRule(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("ignore: %w", err))
			continue
		}
		r.ignore = append(r.ignore, ignored)
	}
	for _, text := range o.Fallback {
		s, err := newSign(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("fallback: %w", err))
			continue
		}
		r.fallbacks = append(r.fallbacks, s)
	}
	return r, errors.Join(errs...)
}

// newSign reads a sign as people write it: "header:X-Source=backup".
func newSign(text string) (sign, error) {
	field, value, _ := strings.Cut(text, "=")
	at, err := newRule(field)
	return sign{at, value}, err
}

// CheckField says what is wrong with a text for Options.Ignore.
func CheckField(text string) error {
	_, err := newRule(text)
	return err
}

// CheckSign says what is wrong with a text for Options.Fallback.
func CheckSign(text string) error {
	_, err := newSign(text)
	return err
}

func (r rules) ignored(path string) bool {
	return slices.ContainsFunc(r.ignore, func(i rule) bool { return i.fits(path) })
}

// fallback reports whether an answer says that it is one.
func (r rules) fallback(a *answer) bool {
	return a.class == gameday.ClassDegraded || a.header.Has("X-Degraded") || slices.ContainsFunc(r.fallbacks, func(s sign) bool { return s.in(a) })
}

func (s sign) in(a *answer) bool {
	if name, ok := strings.CutPrefix(s.path, "header:"); ok {
		return a.header.Has(name) && (s.value == "" || a.header.Get(name) == s.value)
	}
	found := false
	eachValue("$", a.json, func(path, value string) {
		found = found || s.fits(path) && (s.value == "" || value == s.value)
	})
	return found
}

// hidden is the header of a fallback, which does not count as a difference: its class says it.
var hidden = rule{"header:x-degraded"}

// merged returns the values of each header by name in lower case.
func merged(h replay.Header) map[string]string {
	all := make(map[string]string, len(h))
	for _, f := range h {
		name := strings.ToLower(f.Name)
		if before, ok := all[name]; ok {
			all[name] = before + ", " + f.Value
			continue
		}
		all[name] = f.Value
	}
	return all
}
