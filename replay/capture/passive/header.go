package passive

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday/replay"
)

// framingOf says how the body of a message ends, after RFC 9112, section 6.3; responses that have no body whatever their
// header says are dealt with before.
func framingOf(h replay.Header, request bool) (framing, error) {
	coding, length, lengths := "", "", 0
	for _, f := range h {
		switch {
		case named(f.Name, "Transfer-Encoding"):
			coding = f.Value
		case named(f.Name, "Content-Length"):
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

// named reports whether a name is one of ASCII, in whatever case.
func named(name, as string) bool { return len(name) == len(as) && strings.EqualFold(name, as) }

// isHost reports whether a line is that of the host, which an exchange keeps by itself.
func isHost(f replay.Field) bool { return named(f.Name, "Host") }
