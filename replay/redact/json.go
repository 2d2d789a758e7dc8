package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday/replay"
)

const depthMax = 1000

var errDepth = errors.New("nested too deep")

// json replaces what the paths select in one or more JSON values, and keeps every other byte.
// It fails where b is not whole, valid JSON: then nobody can say what is in it.
func (p *pass) json(b []byte) ([]byte, bool, error) {
	w := walk{p: p, in: view(b)}
	start := make([]uint64, len(p.paths))
	for i := range start {
		start[i] = 1
	}
	if replay.ValidJSON(b) { // one value, as nearly always
		if err := w.value(start, false, 0); err != nil {
			return nil, false, err
		}
		return w.result(b)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	for {
		var value json.RawMessage
		err := dec.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		w.at = int(dec.InputOffset()) - len(value)
		if err := w.value(start, false, 0); err != nil {
			return nil, false, err
		}
	}
	return w.result(b)
}

// result is what became of b.
func (w *walk) result(b []byte) ([]byte, bool, error) {
	if w.copied == 0 {
		return b, false, nil
	}
	return append(w.out, b[w.copied:]...), true, nil
}

// walk goes through valid JSON once. Positions of the paths travel down with it.
type walk struct {
	p      *pass
	in     string
	at     int
	out    []byte
	copied int // in[:copied] is in out
}

// value handles the value at w.at; hit means that a path selected it or something around it.
func (w *walk) value(at []uint64, hit bool, depth int) error {
	if depth > depthMax {
		return errDepth
	}
	w.blank()
	switch w.in[w.at] {
	case '{':
		return w.members('}', at, hit, depth)
	case '[':
		return w.members(']', at, hit, depth)
	}
	from := w.at
	w.scalar()
	raw := w.in[from:w.at]
	if !hit && w.p.found == nil && !mayHold(raw) && strings.IndexByte(raw, '\\') < 0 {
		return nil
	}
	text, secret := scalarText(raw)
	switch {
	case hit && secret:
		w.replace(from, text, w.p.secret(patternName, text))
	case secret:
		w.replace(from, text, w.p.text(text))
	}
	return nil
}

// members handles an object or an array, whose end is the given byte.
func (w *walk) members(end byte, at []uint64, hit bool, depth int) error {
	w.at++ // the bracket
	down := make([]uint64, len(at))
	for index := 0; ; index++ {
		w.blank()
		switch w.in[w.at] {
		case end:
			w.at++
			return nil
		case ',':
			w.at++
			w.blank()
		}
		name, element := "", index
		if end == '}' {
			from := w.at
			w.scalar()
			name, _ = scalarText(w.in[from:w.at])
			element = -1
			w.blank()
			w.at++ // the colon
		}
		below := hit || element < 0 && w.p.fields.has(name)
		for i, p := range w.p.paths {
			var done bool
			down[i], done = p.advance(at[i], name, element)
			below = below || done
		}
		if w.p.found != nil {
			w.p.place = append(w.p.place, stepName(name, element))
		}
		if err := w.value(down, below, depth+1); err != nil {
			return err
		}
		if w.p.found != nil {
			w.p.place = w.p.place[:len(w.p.place)-1]
		}
	}
}

func (w *walk) blank() {
	for w.at < len(w.in) && (w.in[w.at] == ' ' || w.in[w.at] == '\t' || w.in[w.at] == '\n' || w.in[w.at] == '\r') {
		w.at++
	}
}

// scalar moves past a string, a number or a word.
func (w *walk) scalar() {
	if w.in[w.at] != '"' {
		for w.at < len(w.in) {
			switch w.in[w.at] {
			case ',', ']', '}', ' ', '\t', '\r', '\n':
				return
			}
			w.at++
		}
		return
	}
	for w.at++; w.in[w.at] != '"'; w.at++ {
		if w.in[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
}

// scalarText is what a scalar says, and whether it can be a secret: null, true and false are
// not, "" is not.
func scalarText(raw string) (text string, secret bool) {
	switch raw[0] {
	case '"':
		text = raw[1 : len(raw)-1]
		if strings.IndexByte(text, '\\') >= 0 {
			return unquoted(raw), true
		}
		return text, text != ""
	case 't', 'f', 'n':
		return raw, false
	}
	return raw, true
}

// unquoted is a JSON string without its escapes.
func unquoted(raw string) (text string) {
	if err := json.Unmarshal([]byte(raw), &text); err != nil {
		return raw
	}
	return text
}

// replace puts another text in place of the scalar that began at from and has just been passed. A number
// that becomes a number stays one.
func (w *walk) replace(from int, text, by string) {
	if by == text {
		return
	}
	w.out = append(w.out, w.in[w.copied:from]...)
	if w.in[from] != '"' && strings.Trim(by, "0123456789") == "" {
		w.out = append(w.out, by...)
	} else {
		w.out = appendString(w.out, by)
	}
	w.copied = w.at
}

// appendString writes a JSON string; Go's own quoting has escapes that JSON has not.
func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always encode
	}
	return append(b, quoted...)
}

func stepName(name string, index int) string {
	if index >= 0 {
		return "[" + strconv.Itoa(index) + "]"
	}
	return name
}
