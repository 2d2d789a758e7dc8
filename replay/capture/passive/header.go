package passive

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday/replay"
)

// fieldsMax bounds header lines of one message.
const fieldsMax = 4096

var errTooMany = errors.New("more header lines than the limit")

// parseFields reads header lines, up to an empty one.
func parseFields(text string) (replay.Header, error) {
	h := make(replay.Header, 0, min(strings.Count(text, "\n"), fieldsMax))
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' { // an obsolete continuation line
			if len(h) == 0 {
				return nil, errors.New("the header begins with a continuation line")
			}
			h[len(h)-1].Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimRight(name, " \t"); !ok || name == "" {
			return nil, errors.New("a header line has no name")
		}
		if len(h) == fieldsMax {
			return nil, errTooMany
		}
		h = append(h, replay.Field{Name: name, Value: strings.TrimSpace(value)})
	}
	return h, nil
}

// framingOf says how the body of a message ends, after RFC 9112, section 6.3; responses that have no body whatever their
// header says are dealt with before.
func framingOf(h replay.Header, request bool) (framing, error) {
	coding, length, lengths := "", "", 0
	for _, f := range h {
		switch {
		case strings.EqualFold(f.Name, "Transfer-Encoding"):
			coding = f.Value
		case strings.EqualFold(f.Name, "Content-Length"):
			if lengths++; lengths > 1 && f.Value != length {
				return framing{}, errors.New("two lengths that differ")
			}
			length = f.Value
		}
	}
	switch {
	case coding != "":
		last := strings.TrimSpace(coding[strings.LastIndexByte(coding, ',')+1:])
		if strings.EqualFold(last, "chunked") {
			return framing{kind: chunkSize}, nil
		}
		if request {
			return framing{}, fmt.Errorf("transfer coding %.20q", coding)
		}
		return framing{kind: untilClose}, nil
	case lengths > 0:
		n, err := strconv.ParseUint(length, 10, 62)
		if err != nil {
			return framing{}, fmt.Errorf("length %.20q", length)
		}
		return framing{kind: fixed, size: int64(n)}, nil
	case request:
		return framing{kind: idle}, nil
	}
	return framing{kind: untilClose}, nil
}
