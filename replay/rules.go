package replay

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// Rules choose exchanges and change their requests. They work in this order, which is that of
// goreplay: methods; headers and parameters that are set; all other filters; rewriting of the
// URL, of headers and of JSON fields. Rules are for one goroutine at a time.
type Rules struct {
	methods, urls      []gameday.Filter // of each, one has to match
	filters            []filter         // all of them
	headers, params    []rewrite        // set
	targets, rewritten []rewrite        // changed by regular expressions
	json               []rewrite
	left               Tally
	allowed            []*regexp.Regexp // of urls
}

type filter struct {
	gameday.Filter
	re   *regexp.Regexp
	rule string
}

// NewRules returns the rules, or says all that is wrong with them.
func NewRules(filters []gameday.Filter, rewrites []gameday.Rewrite) (*Rules, error) {
	r := &Rules{}
	var problems []error
	for i, f := range filters {
		if err := r.filter(f); err != nil {
			problems = append(problems, fmt.Errorf("filter[%d]: %s: %w", i, f.Kind, err))
		}
	}
	for i, w := range rewrites {
		if err := r.rewrite(w); err != nil {
			problems = append(problems, fmt.Errorf("rewrite[%d]: %w", i, err))
		}
	}
	return r, errors.Join(problems...)
}

func (r *Rules) filter(f gameday.Filter) error {
	re, err := regexp.Compile(f.Match)
	if err != nil {
		return err
	}
	named := filter{Filter: f, re: re, rule: f.Kind + " " + f.Match}
	switch f.Kind {
	case gameday.AllowMethod:
		if !isToken(f.Match) {
			return fmt.Errorf("%q is no method", f.Match)
		}
		r.methods = append(r.methods, f)
		return nil
	case gameday.AllowURL:
		r.urls, r.allowed = append(r.urls, f), append(r.allowed, re)
		return nil
	case gameday.DisallowURL, gameday.BasicAuth:
	case gameday.AllowHeader, gameday.DisallowHeader:
		if !isToken(f.Name) {
			return fmt.Errorf("%q is no name of a header", f.Name)
		}
		named.rule = f.Kind + " " + f.Name + ": " + f.Match
	case gameday.HeaderLimiter, gameday.ParamLimiter:
		if f.Name == "" || f.Percent < 0 || f.Percent > 100 {
			return fmt.Errorf("%d%% of %q: want a name and 0 to 100 percent", f.Percent, f.Name)
		}
		named.rule = fmt.Sprintf("%s %s: %d%%", f.Kind, f.Name, f.Percent)
	default:
		return errors.New("no such kind of filter")
	}
	r.filters = append(r.filters, named)
	return nil
}

func (r *Rules) rewrite(w gameday.Rewrite) error {
	fields := 0
	for _, name := range []string{w.JSON, w.Header, w.Param, w.URL} {
		if name != "" {
			fields++
		}
	}
	switch {
	case fields != 1:
		return errors.New("want exactly one of json, header, param and url")
	case w.Header != "" && !isToken(w.Header):
		return fmt.Errorf("header %q: no such name", w.Header)
	case w.Match != "" && w.Header == "":
		return errors.New("match goes with header alone")
	}
	re, err := regexp.Compile(w.URL + w.Match) // at most one of them is set
	if err != nil {
		return err
	}
	rule := rewrite{route: route{w.Method, w.Path}, Rewrite: w, re: re}
	switch {
	case w.URL != "":
		r.targets = append(r.targets, rule)
	case w.Param != "":
		r.params = append(r.params, rule)
	case w.Match != "":
		r.rewritten = append(r.rewritten, rule)
	case w.Header != "":
		r.headers = append(r.headers, rule)
	default:
		r.json = append(r.json, rule)
	}
	return nil
}

// Apply changes the request of x, and returns the rule that leaves it out; "" keeps it. What is
// left out is counted.
func (r *Rules) Apply(x *Exchange) (rule string) {
	if rule = r.prepare(x); rule == "" {
		r.fields(x)
	}
	return rule
}

// Filtered returns how many exchanges were left out, by rule.
func (r *Rules) Filtered() Tally { return maps.Clone(r.left) }

// prepare is Apply without the fields that a copy of a session may name anew.
func (r *Rules) prepare(x *Exchange) (rule string) {
	if rule = r.method(x.Method); rule == "" {
		for _, w := range r.headers {
			if w.match(x.Method, x.Target) {
				setHeader(x, w.Header, w.literal(x))
			}
		}
		for _, w := range r.params {
			if w.match(x.Method, x.Target) {
				x.Target = setParam(x.Target, w.Param, w.Value)
			}
		}
		rule = r.refuse(x)
	}
	if rule != "" {
		r.left.Count(rule, 1)
		return rule
	}
	for _, w := range r.targets {
		if w.match(x.Method, x.Target) && w.re.MatchString(x.Target) {
			x.Target = w.re.ReplaceAllString(x.Target, w.Value)
			break
		}
	}
	for _, w := range r.rewritten {
		if value := headerOf(x, w.Header); value != "" && w.match(x.Method, x.Target) && w.re.MatchString(value) {
			setHeader(x, w.Header, w.re.ReplaceAllString(value, w.Value))
		}
	}
	return ""
}

func (r *Rules) method(method string) string {
	for _, f := range r.methods {
		if f.Match == method {
			return ""
		}
	}
	if len(r.methods) > 0 {
		return gameday.AllowMethod
	}
	return ""
}

// refuse returns the rule that leaves x out, if any.
func (r *Rules) refuse(x *Exchange) string {
	allowed := len(r.allowed) == 0
	for _, re := range r.allowed {
		allowed = allowed || re.MatchString(x.Target)
	}
	if !allowed {
		return gameday.AllowURL
	}
	for _, f := range r.filters {
		if f.refuses(x) {
			return f.rule
		}
	}
	return ""
}

func (f filter) refuses(x *Exchange) bool {
	switch f.Kind {
	case gameday.DisallowURL:
		return f.re.MatchString(x.Target)
	case gameday.AllowHeader:
		value := headerOf(x, f.Name)
		return value == "" || !f.re.MatchString(value)
	case gameday.DisallowHeader:
		value := headerOf(x, f.Name)
		return value != "" && f.re.MatchString(value)
	case gameday.BasicAuth:
		coded, basic := strings.CutPrefix(x.Header.Get("Authorization"), "Basic ")
		plain, _ := base64.StdEncoding.DecodeString(coded) // what is no base64 matches as far as it goes
		return basic && !f.re.Match(plain)
	case gameday.HeaderLimiter:
		value := headerOf(x, f.Name)
		return value != "" && bucket(value) >= f.Percent
	case gameday.ParamLimiter:
		start, end := param(x.Target, f.Name)
		return start >= 0 && bucket(x.Target[start:end]) >= f.Percent
	}
	return false
}

// bucket puts a value into one of a hundred, by the hash that goreplay takes (FNV-1a, 32 bits), so that both choose
// the same users.
func bucket(value string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(value))
	return int(h.Sum32() % 100)
}

// headerOf returns the first line of that name, Host included.
func headerOf(x *Exchange, name string) string {
	if strings.EqualFold(name, "Host") {
		return x.Host
	}
	return x.Header.Get(name)
}

func setHeader(x *Exchange, name, value string) {
	if strings.EqualFold(name, "Host") {
		x.Host = value
		return
	}
	x.Header.Set(name, value)
}

// param returns where in a target the value of a query parameter stands; -1 when it is not there. Of several
// the first behind an & counts.
func param(target, name string) (start, end int) {
	for _, before := range []string{"&", "?"} {
		if at := strings.Index(target, before+name+"="); at >= 0 {
			start = at + len(name) + 2
			if n := strings.IndexByte(target[start:], '&'); n >= 0 {
				return start, start + n
			}
			return start, len(target)
		}
	}
	return -1, -1
}

func setParam(target, name, value string) string {
	if start, end := param(target, name); start >= 0 {
		return target[:start] + value + target[end:]
	}
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	return target + separator + name + "=" + value
}

// literal returns the value that a rule sets, for the recorded session itself.
func (w rewrite) literal(x *Exchange) string {
	b, _ := template(w.Value, x, plain, nil).append(nil, identity{}, nil)
	return string(b)
}

// fields rewrites fields of a JSON body.
func (r *Rules) fields(x *Exchange) {
	if len(r.json) == 0 || len(x.Body) == 0 || x.Truncated() {
		return
	}
	e := editor{rewrites: r.json}
	var c composer
	if !c.json(x.Body, func(spot, string, coding) (part, bool) { return part{}, false }, e.edits(x, nil)) {
		return
	}
	x.Body, _ = c.text().append(nil, identity{}, nil)
	x.Size = int64(len(x.Body))
	if x.Header.Has("Content-Length") {
		x.Header.Set("Content-Length", fmt.Sprint(len(x.Body)))
	}
}
