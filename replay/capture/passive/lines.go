package passive

import (
	"bytes"
	"errors"
	"hash/maphash"
	"strings"

	"github.com/gameday-dev/gameday/replay"
)

// fieldsMax bounds header lines of one message.
const fieldsMax = 4096

var (
	errTooMany      = errors.New("more header lines than the limit")
	errNoName       = errors.New("a header line has no name")
	errContinuation = errors.New("the header begins with a continuation line")
)

// lines reads header lines, and knows those that came lately: clients and servers say the same again and again, and what is
// known need not be taken apart and copied. It holds linesMax lines of up to lineKept bytes. Another line takes the place of
// one with the same hash, whose seed no sender knows, so lines that never come again cost little more than without it.
type lines struct {
	seed   maphash.Seed
	known  [linesMax]knownLine
	fields replay.Header // of the header being read
}

type knownLine struct {
	text  string
	field replay.Field // parts of it
}

const (
	linesMax = 1 << 10
	lineKept = 256
)

func newLines() *lines { return &lines{seed: maphash.MakeSeed()} }

// header reads lines up to an empty one. What it returns is good until the next call.
func (l *lines) header(b []byte) (replay.Header, error) {
	h := l.fields[:0]
	for len(b) > 0 {
		line := b
		if end := bytes.IndexByte(b, '\n'); end >= 0 {
			line, b = b[:end], b[end+1:]
		} else {
			b = nil
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' { // an obsolete continuation line
			if len(h) == 0 {
				return nil, errContinuation
			}
			h[len(h)-1].Value += " " + strings.TrimSpace(string(line))
			continue
		}
		field, ok := l.field(line)
		if !ok {
			return nil, errNoName
		}
		if len(h) == fieldsMax {
			return nil, errTooMany
		}
		h = append(h, field)
	}
	if cap(h) <= fieldsKept {
		l.fields = h
	}
	return h, nil
}

func (l *lines) field(line []byte) (f replay.Field, ok bool) {
	if len(line) > lineKept {
		return fieldOf(string(line))
	}
	known := &l.known[maphash.Bytes(l.seed, line)%linesMax]
	if known.text == string(line) {
		return known.field, true
	}
	text := string(line)
	if f, ok = fieldOf(text); ok {
		*known = knownLine{text, f}
	}
	return f, ok
}

// fieldOf takes a line apart.
func fieldOf(line string) (f replay.Field, ok bool) {
	name, value, ok := strings.Cut(line, ":")
	if name = strings.TrimRight(name, " \t"); !ok || name == "" {
		return f, false
	}
	return replay.Field{Name: name, Value: strings.TrimSpace(value)}, true
}
