package gameday

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bind says by hand that a value of a live answer takes the place of the recorded one in later requests of the same
// session, where a player does not see that by itself.
type Bind struct {
	From BindEnd `json:"from"` // of the answers to these requests
	To   BindEnd `json:"to"`   // in these requests
}

// BindEnd is one end of a Bind: a field of the requests, or answers, that match.
//
// Fields are "$.path" of a JSON body, "header:Name", "cookie:name", "form:name" of a url-encoded body, and "query:name";
// in answers also "html:name", a hidden input or meta element. An empty field is the segment {} of Path.
type BindEnd struct {
	Method string `json:"method,omitempty"` // any when empty
	Path   string `json:"path,omitempty"`   // glob as in Flow; any when empty
	Field  string `json:"field,omitempty"`
}

// bindMax is the longest text of a Bind, in bytes.
const bindMax = 1 << 10

// ParseBind reads "POST /orders $.order_id -> /orders/{}": what the answers to POST /orders have at $.order_id takes
// the place of the second segment of later requests to /orders/{}. Method and path may be left out on both sides, but
// a field is needed on the first one: "$.csrf -> header:X-Csrf".
func ParseBind(text string) (Bind, error) {
	from, to, ok := strings.Cut(text, "->")
	if !ok || len(text) > bindMax {
		return Bind{}, errors.New(`want "METHOD /path FIELD -> METHOD /path FIELD", such as "POST /orders $.order_id -> /orders/{}"`)
	}
	var b Bind
	var errs [2]error
	b.From, errs[0] = parseBindEnd(from)
	b.To, errs[1] = parseBindEnd(to)
	for _, err := range errs {
		if err != nil {
			return Bind{}, err
		}
	}
	return b, b.Check()
}

// String is what ParseBind reads.
func (b Bind) String() string { return b.From.text() + " -> " + b.To.text() }

func (e BindEnd) text() string {
	return strings.Join(strings.Fields(e.Method+" "+e.Path+" "+e.Field), " ")
}

func parseBindEnd(text string) (e BindEnd, err error) {
	words := strings.Fields(text)
	if len(words) > 0 && !strings.ContainsAny(words[0], "/$:") {
		e.Method, words = strings.ToUpper(words[0]), words[1:]
	}
	if len(words) > 0 && words[0][0] == '/' {
		e.Path, words = words[0], words[1:]
	}
	if len(words) > 0 {
		e.Field, words = words[0], words[1:]
	}
	if len(words) > 0 {
		return e, fmt.Errorf("%q: what is %q? want METHOD /path FIELD", strings.TrimSpace(text), words[0])
	}
	return e, nil
}

// Check says what is wrong with b.
func (b Bind) Check() error {
	var errs []error
	if b.From.Field == "" {
		errs = append(errs, fmt.Errorf("%q: says not which field of the answers: add one, such as $.id", b.From.text()))
	}
	errs = append(errs, b.From.check("header", "cookie", "form", "html"), b.To.check("header", "cookie", "form", "query"))
	switch blanks := strings.Count(b.To.Path, "{}"); {
	case strings.Contains(b.From.Path, "{}"):
		errs = append(errs, fmt.Errorf("%q: {} stands for what is replaced, and so only after ->; use *", b.From.Path))
	case blanks > 1:
		errs = append(errs, fmt.Errorf("%q: more than one {}: use * for the others, or another rule", b.To.Path))
	case (blanks == 1) == (b.To.Field != ""):
		errs = append(errs, fmt.Errorf("%q: want either one {} in the path, or a field", b.To.text()))
	case blanks == 1 && !strings.Contains(b.To.Path+"/", "/{}/"):
		errs = append(errs, fmt.Errorf("%q: {} must be a whole segment", b.To.Path))
	case blanks == 1 && strings.Contains(b.To.Path[:strings.Index(b.To.Path, "{}")], "**"):
		errs = append(errs, fmt.Errorf("%q: ** before {}: nobody knows which segment that is; use *", b.To.Path))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

func (e BindEnd) check(kinds ...string) error {
	if e.Field == "" || strings.HasPrefix(e.Field, "$.") || strings.HasPrefix(e.Field, "$[") {
		return nil
	}
	if kind, name, _ := strings.Cut(e.Field, ":"); name != "" && slices.Contains(kinds, kind) {
		return nil
	}
	return fmt.Errorf("field %q: want $.path, %s:name", e.Field, strings.Join(kinds, ":name or "))
}
