package replay

import (
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strings"
)

// A text is a piece of a request in which some parts depend on who sends it and on what was answered
// before.
type text []part

// A part of a text. For all kinds but literal, value is what the recording has.
type part struct {
	kind  kind
	code  coding
	value string
}

type kind uint8

const (
	literal kind = iota // sent as it is, whatever the coding
	live                // what the system answered now in place of the recorded value
	renamed             // names a user: each copy of a session has its own
	rekeyed             // an idempotency key: new in every run
)

// A coding says how a value is written where it stands.
type coding uint8

const (
	plain  coding = iota // header value, cookie
	quoted               // inside a JSON string
	number               // a JSON number
	query                // value of a query or form
	pathSegment
	wholeTarget
)

// An identity tells the copies of one recorded session apart.
type identity struct {
	suffix string // "" for the session itself, "-c2" for its second copy
	seed   uint64 // of keys
}

// append writes the text as who sends it, given the live values by recorded value. It returns how many
// live values were missing; the recorded ones stand in for them.
func (t text) append(to []byte, who identity, known values) (_ []byte, missing int) {
	for _, p := range t {
		value := p.value
		switch p.kind {
		case literal:
			to = append(to, value...)
			continue
		case live:
			now, ok := p.now(known)
			if !ok {
				now = value
				missing++
			}
			value = now
		case renamed:
			value += who.suffix
		case rekeyed:
			value = newKey(who.seed, value)
		}
		to = append(to, p.code.write(value)...)
	}
	return to, missing
}

// now returns what takes the place of a live part, if it is there.
func (p part) now(known values) (string, bool) {
	now, ok := known.get(p.value)
	return now, ok && p.code.accepts(now)
}

// lacks returns the first part whose live value is missing, if there is one.
func (t text) lacks(known values) (p part, missing bool) {
	for _, p := range t {
		if p.kind == live {
			if _, ok := p.now(known); !ok {
				return p, true
			}
		}
	}
	return part{}, false
}

// accepts reports whether a value of the live system may stand here without changing what is around it.
func (c coding) accepts(value string) bool {
	switch c {
	case plain:
		return value != "" && isFieldValue(value)
	case number:
		return isNumber(value)
	case pathSegment:
		return value != "" && !climbs(c.write(value)) // dots cannot be escaped: to servers %2e%2e is .. itself
	case wholeTarget:
		return isTarget(c.write(value))
	}
	return true
}

func (c coding) write(value string) string {
	switch c {
	case quoted:
		return quoteJSON(value)
	case query:
		return url.QueryEscape(value)
	case pathSegment:
		return url.PathEscape(value)
	case wholeTarget:
		return onHost(value)
	}
	return value
}

// read is the opposite of write.
func (c coding) read(raw string) string {
	switch c {
	case quoted:
		return unquote([]byte(`"` + raw + `"`))
	case query:
		if strings.IndexByte(raw, '%') < 0 && strings.IndexByte(raw, '+') < 0 {
			return raw
		}
		if value, err := url.QueryUnescape(raw); err == nil {
			return value
		}
	case pathSegment:
		if value, err := url.PathUnescape(raw); err == nil {
			return value
		}
	}
	return raw
}

// newKey makes a key in place of a recorded one: the same for the same in one run and session.
func newKey(seed uint64, recorded string) string {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:8], hash(seed, recorded, "1"))
	binary.BigEndian.PutUint64(key[8:], hash(seed, recorded, "2"))
	return hex.EncodeToString(key[:])
}

// fixed reports whether the text is the same for every sender.
func (t text) fixed() bool {
	for _, p := range t {
		if p.kind != literal {
			return false
		}
	}
	return true
}

// needsLive reports whether something in it has to be answered first.
func (t text) needsLive() bool {
	for _, p := range t {
		if p.kind == live {
			return true
		}
	}
	return false
}
