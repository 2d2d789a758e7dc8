package wire

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// Rules are what the flags of filters and rewriting ask for.
type Rules struct {
	Filters  []gameday.Filter
	Rewrites []gameday.Rewrite
}

// compile returns the rules as they work; nil when there are none.
func (r Rules) compile() (*replay.Rules, error) {
	if len(r.Filters)+len(r.Rewrites) == 0 {
		return nil, nil
	}
	rules, err := replay.NewRules(r.Filters, r.Rewrites)
	if err != nil {
		return nil, Refused{err}
	}
	return rules, nil
}

// A RuleFlag is a flag that adds a rule. Its name and its syntax are those of goreplay without the http-.
type RuleFlag struct {
	Name, Usage string
	Set         func(text string) error
}

// Flags returns the flags; each call of a Set adds a rule.
func (r *Rules) Flags() []RuleFlag {
	filter := func(kind string) func(string) error {
		return func(text string) error { return r.addFilter(kind, text) }
	}
	return []RuleFlag{
		{"allow-method", "only this method (repeatable): GET", filter(gameday.AllowMethod)},
		{"allow-url", "only targets that match a regular expression (repeatable): ^/api", filter(gameday.AllowURL)},
		{"disallow-url", "leave out targets that match (repeatable): ^/health", filter(gameday.DisallowURL)},
		{"allow-header", "only requests whose header matches: 'api-version:^v1'", filter(gameday.AllowHeader)},
		{"disallow-header", "leave out requests whose header matches: 'User-Agent: bot'", filter(gameday.DisallowHeader)},
		{"basic-auth-filter", "leave out basic credentials that do not match: ^customer[0-9]", filter(gameday.BasicAuth)},
		{"header-limiter", "a share of the values of a header, always the same: user-id:25%", filter(gameday.HeaderLimiter)},
		{"param-limiter", "same for a query parameter: user_id:25%", filter(gameday.ParamLimiter)},
		{"set-header", "set a header: 'User-Agent: staging' (repeatable)", r.setHeader},
		{"set-param", "set a query parameter: api_key=1 (repeatable)", r.setParam},
		{"rewrite-url", "rewrite the target: '/v1/user/([^/]+)/ping:/v2/user/$1/ping' (repeatable; the first that matches)", r.rewriteURL},
		{"rewrite-header", "rewrite a header: 'Host: (.*).example.com,$1.beta.example.com' (repeatable)", r.rewriteHeader},
		{"rewrite", "set a field anew: 'POST /login $.password=pw-${$.user}' or 'header:X-Channel=web' (repeatable)", r.rewriteField},
	}
}

func (r *Rules) addFilter(kind, text string) error {
	f := gameday.Filter{Kind: kind, Match: text}
	if slices.Contains([]string{gameday.AllowHeader, gameday.DisallowHeader, gameday.HeaderLimiter, gameday.ParamLimiter}, kind) {
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return fmt.Errorf("%q: want name:value, such as user-id:25%% or api-version:^v1", text)
		}
		f.Name, f.Match = name, strings.TrimSpace(value)
	}
	if kind == gameday.HeaderLimiter || kind == gameday.ParamLimiter {
		var err error
		if f.Percent, err = percent(f.Match); err != nil {
			return err
		}
		f.Match = ""
	}
	r.Filters = append(r.Filters, f)
	return compiles(f.Match)
}

// percent reads "25%" and goreplay's older "1/4".
func percent(text string) (int, error) {
	if above, below, ok := strings.Cut(text, "/"); ok {
		n, err := strconv.ParseUint(above, 10, 32)
		m, err2 := strconv.ParseUint(below, 10, 32)
		if err != nil || err2 != nil || m == 0 || n > m {
			return 0, fmt.Errorf("%q is no share", text)
		}
		return int(float64(n) / float64(m) * 100), nil
	}
	number, ok := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if !ok || err != nil || n < 0 || n > 100 {
		return 0, fmt.Errorf("%q: want 0%% to 100%%", text)
	}
	return n, nil
}

func compiles(pattern string) error {
	_, err := regexp.Compile(pattern)
	return err
}

func (r *Rules) setHeader(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok {
		return fmt.Errorf("%q: want 'Name: value'", text)
	}
	r.Rewrites = append(r.Rewrites, gameday.Rewrite{Header: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	return nil
}

func (r *Rules) setParam(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || strings.TrimSpace(name) == "" {
		return fmt.Errorf("%q: want name=value", text)
	}
	r.Rewrites = append(r.Rewrites, gameday.Rewrite{Param: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	return nil
}

func (r *Rules) rewriteURL(text string) error {
	pattern, value, ok := strings.Cut(text, ":")
	if !ok || pattern == "" {
		return fmt.Errorf("%q: want 'pattern:replacement', such as /a:/b", text)
	}
	r.Rewrites = append(r.Rewrites, gameday.Rewrite{URL: pattern, Value: value})
	return compiles(pattern)
}

func (r *Rules) rewriteHeader(text string) error {
	name, rest, ok := strings.Cut(text, ":")
	pattern, value, ok2 := strings.Cut(strings.TrimSpace(rest), ",")
	if !ok || !ok2 || pattern == "" {
		return fmt.Errorf("%q: want 'Name: pattern,replacement'", text)
	}
	r.Rewrites = append(r.Rewrites, gameday.Rewrite{Header: strings.TrimSpace(name), Match: pattern, Value: value})
	return compiles(pattern)
}

// rewriteField reads "[METHOD /path ]$.json=value" and "[METHOD /path ]header:Name=value".
func (r *Rules) rewriteField(text string) error {
	field, value, ok := strings.Cut(text, "=")
	parts := strings.Fields(field)
	if !ok || len(parts) != 1 && len(parts) != 3 {
		return errors.New("want '[METHOD /path ]$.field=value' or '[METHOD /path ]header:Name=value'")
	}
	w := gameday.Rewrite{Value: value}
	if len(parts) == 3 {
		w.Method, w.Path = parts[0], parts[1]
	}
	where := parts[len(parts)-1]
	if header, ok := strings.CutPrefix(where, "header:"); ok {
		w.Header = header
	} else {
		w.JSON = where
	}
	r.Rewrites = append(r.Rewrites, w)
	return nil
}
