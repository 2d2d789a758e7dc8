package passive

import "github.com/gameday-dev/gameday/replay/capture"

// body keeps the first bytes of a message's body, within the limits of the capture.
type body struct {
	kept []byte
	size int64
	full bool
}

func (b *body) add(in capture.Intake, data []byte, limit int64) {
	b.size += int64(len(data))
	if b.full {
		return
	}
	if room := limit - int64(len(b.kept)); int64(len(data)) > room {
		data, b.full = data[:room], true
	}
	if !in.Reserve(len(data)) {
		b.full = true
		return
	}
	b.kept = append(b.kept, data...)
}

// bytes are those that are kept, nil when there are none.
func (b *body) bytes() []byte {
	if len(b.kept) == 0 {
		return nil
	}
	return b.kept
}

// miss notes that n bytes are missing: what is kept ends before them.
func (b *body) miss(n int64) {
	b.size += n
	b.full = true
}

// drop gives back what was kept.
func (b *body) drop(in capture.Intake) {
	in.Release(len(b.kept))
	*b = body{}
}
