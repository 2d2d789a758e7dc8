package tape

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// The limits of what is looked at to know when sessions end, and of what is kept of it. What ends before the frames looked at
// begin is not known to end.
const (
	endsFrames = 1 << 14 // of a packed tape about 32 million exchanges
	endsMost   = 1 << 19 // sessions; 4 MiB
)

// An end is the last frame that may hold something of a session, which is known by its hash.
type end struct{ session, frame uint32 }

// LastOf returns a time after which the tape has no exchange of a session; the largest there is where that is not known. It is
// told by the sets of the frames: the first call reads them, and no payloads. Like Next it is for one goroutine.
func (r *Reader) LastOf(session string) time.Duration {
	if r.ends == nil {
		r.ends = r.findEnds()
	}
	i, known := slices.BinarySearchFunc(r.ends, sessionHash(session), func(e end, hash uint32) int { return cmp.Compare(e.session, hash) })
	if !known {
		return math.MaxInt64
	}
	return time.Duration(r.order.upTo[r.ends[i].frame])
}

// findEnds goes through the frames from the last one back, as far as it knows what is in them. It returns the sessions in the
// order of their hashes.
func (r *Reader) findEnds() []end {
	seen := make([]uint64, 1<<24/64) // a bit for each hash
	ends, looked := []end{}, 0
	for i, e := range slices.Backward(r.index) {
		if e.kind != kindData {
			continue
		}
		h, err := r.header(e.offset)
		if err != nil {
			break
		}
		set, ok := r.set(h, e.offset)
		if looked++; !ok || looked > endsFrames {
			break
		}
		err = eachHash(set, func(hash uint32) bool {
			if word, bit := hash/64, uint64(1)<<(hash%64); seen[word]&bit == 0 {
				seen[word] |= bit
				ends = append(ends, end{hash, uint32(i)})
			}
			return len(ends) < endsMost
		})
		if err != nil || len(ends) == endsMost {
			break
		}
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Compare(a.session, b.session) })
	return slices.Clip(ends)
}

// set returns the session set of the frame at a place; false when it has none, or none that can be read.
func (f *file) set(h header, at int64) ([]byte, bool) {
	if h.set < 4 {
		return nil, false
	}
	b := make([]byte, h.set)
	if n, _ := f.r.ReadAt(b, at+headerSize); n < len(b) {
		return nil, false
	}
	if h.flags&flagEncrypted != 0 {
		if f.sealer == nil {
			return nil, false
		}
		b, err := f.sealer.open(b, h, at, partSet)
		return b, err == nil
	}
	end := len(b) - 4
	return b[:end], binary.LittleEndian.Uint32(b[end:]) == castagnoli(b[:end])
}
