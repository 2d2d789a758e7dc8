package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// The limits of one comparison.
const (
	maxDifferences = 100 // of one pair of answers; what is beyond is one difference at "$"
	maxDepth       = 200
)

// An answer is one to be compared, taken apart.
type answer struct {
	class  gameday.Class
	status int
	header replay.Header
	body   []byte
	json   any // nil when the body is none
	whole  bool
}

func newAnswer(class gameday.Class, status int, h replay.Header, body []byte, size int64) *answer {
	a := &answer{class: class, status: status, header: h, whole: int64(len(body)) == size, body: body}
	if coding := h.Get("Content-Encoding"); coding != "" && coding != "identity" {
		a.body = replay.Decoded(h, body)
		a.whole = a.whole && (strings.EqualFold(coding, "gzip") && a.body != nil || len(body) == 0)
	}
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&a.json); err != nil || d.More() {
		a.json = nil
	}
	return a
}

// A difference is one field that is not the same. want and got are as they are shown; raw when both are single values.
type difference struct {
	path, kind string
	want, got  string
	raw        bool
}

// differ finds the fields in which got is not what want is. same is asked about single values.
type differ struct {
	rules rules
	same  func(want, got string) bool
	found []difference
}

func (d *differ) add(path, kind, want, got string, raw bool) {
	switch {
	case d.rules.ignored(path):
	case len(d.found) < maxDifferences:
		d.found = append(d.found, difference{path, kind, want, got, raw})
	case len(d.found) == maxDifferences:
		d.found = append(d.found, difference{path: "$", kind: "value", want: "", got: fmt.Sprintf("more than %d differences", maxDifferences)})
	}
}

// answers compares all of two answers; the body is left out when only the status of want is real.
func (d *differ) answers(want, got *answer, shapeOnly bool) {
	if want.status != got.status {
		d.add("status", "value", strconv.Itoa(want.status), strconv.Itoa(got.status), true)
	}
	if shapeOnly {
		return
	}
	d.headers(merged(want.header), merged(got.header))
	switch {
	case want.json != nil && got.json != nil:
		d.values("$", want.json, got.json, 0)
	case !bytes.Equal(want.body, got.body):
		d.add("body", "value", show(string(want.body)), show(string(got.body)), false)
	}
}

func (d *differ) headers(want, got map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		path := "header:" + name
		now, ok := got[name]
		switch {
		case hidden.fits(path):
		case !ok:
			d.add(path, "missing", want[name], "", false)
		case want[name] != now && !d.same(want[name], now):
			d.add(path, "value", want[name], now, true)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok && !hidden.fits("header:"+name) {
			d.add("header:"+name, "added", "", got[name], false)
		}
	}
}

// values compares JSON values. Elements of arrays are compared in their order, and as a set when only that differs.
func (d *differ) values(path string, want, got any, depth int) {
	if depth > maxDepth || d.rules.ignored(path) {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			d.objects(path, w, g, depth)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			d.arrays(path, w, g, depth)
			return
		}
	default:
		if a, b := scalar(want), scalar(got); kindOf(want) == kindOf(got) {
			if a != b && !(kindOf(want) == "number" && equalNumbers(a, b)) && !d.same(a, b) {
				d.add(path, "value", a, b, true)
			}
			return
		}
	}
	d.add(path, "type", show(text(want)), show(text(got)), false)
}

func (d *differ) objects(path string, want, got map[string]any, depth int) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if g, ok := got[name]; ok {
			d.values(path+"."+name, want[name], g, depth+1)
		} else {
			d.add(path+"."+name, "missing", show(text(want[name])), "", false)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			d.add(path+"."+name, "added", "", show(text(got[name])), false)
		}
	}
}

func (d *differ) arrays(path string, want, got []any, depth int) {
	if len(want) != len(got) {
		d.add(path, "length", strconv.Itoa(len(want)), strconv.Itoa(len(got)), false)
		return
	}
	inOrder := &differ{rules: d.rules, same: d.same}
	for i := range want {
		inOrder.values(path+"[*]", want[i], got[i], depth+1)
	}
	if len(inOrder.found) == 0 {
		return
	}
	if d.sameSet(want, got, depth) {
		d.add(path, "order", show(text(want)), show(text(got)), false)
		return
	}
	for _, f := range inOrder.found {
		d.add(f.path, f.kind, f.want, f.got, f.raw)
	}
}

// sameSet reports whether two arrays of one length have the same elements in another order, by their texts.
func (d *differ) sameSet(want, got []any, depth int) bool {
	if len(want) < 2 || depth > 4 { // deeper ones would be written again and again
		return false
	}
	count := make(map[string]int, len(want))
	for _, w := range want {
		count[text(w)]++
	}
	for _, g := range got {
		if count[text(g)]--; count[text(g)] < 0 {
			return false
		}
	}
	return true
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "bool"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// scalar is the text of a single value: of a string without its quotes.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	}
	return ""
}

// equalNumbers reports whether two numbers have one value: 1.0 is 1, and 1e2 is 100. Integers too long for a float are
// the same only by their digits.
func equalNumbers(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y && max(x, -x) < 1<<53
}

// text is a JSON value as it is written.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // does not happen to what was JSON
		return ""
	}
	return string(b)
}

// shownMax is how much is shown of a value, in bytes.
const shownMax = 120

func show(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= shownMax {
		return s
	}
	return strings.ToValidUTF8(s[:shownMax], "") + "…"
}

// eachValue calls visit for each single value of a JSON document.
func eachValue(path string, v any, visit func(path, value string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			eachValue(path+"."+name, member, visit)
		}
	case []any:
		for _, element := range v {
			eachValue(path+"[*]", element, visit)
		}
	default:
		visit(path, scalar(v))
	}
}
