package tape

import (
	"bytes"
	"errors"
	"fmt"
)

// library finds the bodies that records refer to: on its shelf or, when reading did not come by, where they stand.
type library struct {
	file *file
	keep bool // records refer to others on this tape, so bodies that may be meant are put on the shelf
	skip bool // a body that cannot be had is missing, and no error

	shelf   shelf[place, []byte]
	frame   int64  // read last to find one; 0 for none
	payload []byte // of it
	missing []lack // since the last call of lacks
}

// lack is a body that cannot be had, because of the frame that it stands in.
type lack struct {
	frame int64
	err   error
}

// add puts a body on the shelf that was read.
func (l *library) add(p place, body []byte) {
	if l.keep && len(body) >= bodyMin {
		l.shelf.put(p, bytes.Clone(body), len(body))
	}
}

// find returns a body of n bytes, which is the caller's. The open frame and its payload need not be read.
func (l *library) find(p place, n int, open int64, payload []byte) ([]byte, error) {
	body, ok := l.shelf.get(p)
	if !ok {
		if p.frame != open {
			var err error
			if payload, err = l.read(p.frame); err != nil {
				if l.skip && !errors.Is(err, ErrLocked) {
					l.missing = append(l.missing, lack{p.frame, err})
					return nil, nil
				}
				return nil, fmt.Errorf("body in the frame at byte %d: %w", p.frame, err)
			}
		}
		if p.at > uint64(len(payload)) || uint64(n) > uint64(len(payload))-p.at {
			return nil, fmt.Errorf("%w: reference behind the end of the frame at byte %d", errRecord, p.frame)
		}
		body = payload[p.at : p.at+uint64(n)]
		l.shelf.put(p, bytes.Clone(body), n)
	}
	if len(body) != n {
		return nil, fmt.Errorf("%w: reference to a part of a body", errRecord)
	}
	return bytes.Clone(body), nil
}

// read returns the payload of a data frame.
func (l *library) read(at int64) ([]byte, error) {
	if l.frame == at && at != 0 {
		return l.payload, nil
	}
	h, err := l.file.header(at)
	if err != nil {
		return nil, err
	}
	if h.kind != kindData {
		return nil, errors.New("it holds no records")
	}
	l.frame = 0
	if l.payload, _, err = l.file.payload(h, at, nil, l.payload); err != nil {
		return nil, err
	}
	l.frame = at
	return l.payload, nil
}

// lacks returns what could not be had since the last call.
func (l *library) lacks() []lack {
	all := l.missing
	l.missing = nil
	return all
}
