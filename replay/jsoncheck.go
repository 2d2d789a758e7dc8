package replay

// ValidJSON reports what json.Valid does, in a third of the time: a replay looks into the body of most answers that were recorded,
// and so does redaction.
// Like that, it leaves the bytes of strings alone but for control characters and escapes.
func ValidJSON(doc []byte) bool {
	v := jsonCheck{doc: doc}
	v.space()
	return v.value(0) && v.end()
}

// maxNesting is that of encoding/json.
const maxNesting = 10_000

// A jsonCheck goes once through a document.
type jsonCheck struct {
	doc []byte
	i   int
}

// next returns the next byte; 0, which stands nowhere in a document but in vain, at its end.
func (v *jsonCheck) next() byte {
	if v.i < len(v.doc) {
		return v.doc[v.i]
	}
	return 0
}

func (v *jsonCheck) end() bool { return v.i == len(v.doc) }

func (v *jsonCheck) space() {
	for v.i < len(v.doc) && v.doc[v.i] <= ' ' {
		switch v.doc[v.i] {
		case ' ', '\t', '\r', '\n':
			v.i++
		default:
			return
		}
	}
}

// takes steps over a byte and the space behind it, if it is the next.
func (v *jsonCheck) takes(c byte) bool {
	if v.next() != c {
		return false
	}
	v.i++
	v.space()
	return true
}

// value goes through a value and the space behind it.
func (v *jsonCheck) value(depth int) (ok bool) {
	switch c := v.next(); c {
	case '{', '[':
		ok = depth < maxNesting && v.members(c, depth+1)
	case '"':
		ok = v.text()
	case 't':
		ok = v.word("true")
	case 'f':
		ok = v.word("false")
	case 'n':
		ok = v.word("null")
	default:
		ok = v.number()
	}
	v.space()
	return ok
}

// members goes through an object or an array.
func (v *jsonCheck) members(open byte, depth int) bool {
	last := open + 2 // in ASCII, of both
	v.takes(open)
	if v.next() == last {
		v.i++
		return true
	}
	for {
		if open == '{' {
			if v.next() != '"' || !v.text() {
				return false
			}
			if v.space(); !v.takes(':') {
				return false
			}
		}
		if !v.value(depth) {
			return false
		}
		if v.next() == last {
			v.i++
			return true
		}
		if !v.takes(',') {
			return false
		}
	}
}

// text goes through a string, which has begun.
func (v *jsonCheck) text() bool {
	for v.i++; v.i < len(v.doc); v.i++ {
		switch c := v.doc[v.i]; {
		case c == '"':
			v.i++
			return true
		case c < ' ' || c == '\\' && !v.escape():
			return false
		}
	}
	return false
}

// escape steps to the last byte of an escape.
func (v *jsonCheck) escape() bool {
	v.i++
	switch v.next() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			v.i++
			if c := v.next() | 0x20; !(c >= '0' && c <= '9' && v.next() >= '0' || c >= 'a' && c <= 'f') {
				return false
			}
		}
		return true
	}
	return false
}

func (v *jsonCheck) word(word string) bool {
	if len(v.doc)-v.i < len(word) || string(v.doc[v.i:v.i+len(word)]) != word {
		return false
	}
	v.i += len(word)
	return true
}

func (v *jsonCheck) number() bool {
	if v.next() == '-' {
		v.i++
	}
	if v.next() == '0' {
		v.i++
	} else if !v.digits() {
		return false
	}
	if v.next() == '.' {
		if v.i++; !v.digits() {
			return false
		}
	}
	if v.next()|0x20 == 'e' {
		if v.i++; v.next() == '+' || v.next() == '-' {
			v.i++
		}
		return v.digits()
	}
	return true
}

// digits goes through one or more.
func (v *jsonCheck) digits() bool {
	start := v.i
	for v.i < len(v.doc) && v.doc[v.i]-'0' <= 9 {
		v.i++
	}
	return v.i > start
}
