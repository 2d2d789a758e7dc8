package replay

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxJSON is the longest document that is looked into.
const maxJSON = 256 << 10

// eachJSON calls visit for every string, number, true, false and null of the document, with its path
// ("$.items[0].id", valid only during the call) and the span of its text, quotes included. It reports
// whether doc is JSON.
func eachJSON(doc []byte, visit func(path []byte, start, end int)) bool {
	if len(doc) == 0 || len(doc) > maxJSON || !ValidJSON(doc) {
		return false
	}
	w := jsonWalk{doc: doc, path: append(make([]byte, 0, 64), '$'), visit: visit}
	w.value()
	return true
}

// A jsonWalk goes once through a document that is known to be valid, and so needs no error.
type jsonWalk struct {
	doc   []byte
	i     int
	path  []byte
	visit func(path []byte, start, end int)
}

func (w *jsonWalk) value() {
	w.space()
	switch w.doc[w.i] {
	case '{':
		w.members(func() { // the key, up to and with the colon
			key := w.text()
			w.path = append(append(w.path, '.'), plainly(w.doc[key:w.i])...)
			w.space()
			w.i++
		})
	case '[':
		n := 0
		w.members(func() {
			w.path = append(strconv.AppendInt(append(w.path, '['), int64(n), 10), ']')
			n++
		})
	case '"':
		start := w.text()
		w.visit(w.path, start, w.i)
	default:
		start := w.i
		for w.i < len(w.doc) && !endsJSON(w.doc[w.i]) {
			w.i++
		}
		w.visit(w.path, start, w.i)
	}
}

// endsJSON reports whether c cannot belong to a number, true, false or null.
func endsJSON(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// members goes through an object or an array; name extends the path by the next member.
func (w *jsonWalk) members(name func()) {
	for w.i++; ; {
		if w.space(); w.doc[w.i] == '}' || w.doc[w.i] == ']' {
			w.i++
			return
		}
		outer := len(w.path)
		name()
		w.value()
		w.path = w.path[:outer]
		if w.space(); w.doc[w.i] == ',' {
			w.i++
			w.space()
		}
	}
}

// text steps over a string and returns where it began.
func (w *jsonWalk) text() (start int) {
	start = w.i
	for w.i++; w.doc[w.i] != '"'; w.i++ {
		if w.doc[w.i] == '\\' {
			w.i++
		}
	}
	w.i++
	return start
}

func (w *jsonWalk) space() {
	for w.i < len(w.doc) && (w.doc[w.i] == ' ' || w.doc[w.i] == '\t' || w.doc[w.i] == '\r' || w.doc[w.i] == '\n') {
		w.i++
	}
}

// unquote returns the text of a string or, of any other value, the value as it is written.
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return string(raw)
	}
	inner := string(raw[1 : len(raw)-1])
	if !strings.Contains(inner, `\`) {
		return inner
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return inner
	}
	return text
}

// lookJSON returns the value at the path.
func lookJSON(doc []byte, path string) (value string, ok bool) {
	eachJSON(doc, func(at []byte, start, end int) {
		if !ok && string(at) == path {
			value, ok = unquote(doc[start:end]), true
		}
	})
	return value, ok
}

// quoteJSON returns what stands between the quotes of text as a JSON string.
func quoteJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil { // does not happen to a string
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && ValidJSON([]byte(text))
}
