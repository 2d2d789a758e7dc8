package tape

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// A sessionSet holds hashes of session names, 24 bits each: with 1000 sessions in a frame, one
// that is not there is looked for in vain in 1 of 16,000 frames. It is written as differences of
// the sorted hashes, about 2 bytes a session.
//
// While it is made it holds the hash of every record, in their order.
type sessionSet []uint32

const setMax = math.MaxUint16 // bytes; a frame of more sessions has no set

// sessionHash is FNV-1a, folded to 24 bits.
func sessionHash(name string) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h>>24 ^ h&(1<<24-1)
}

func (s *sessionSet) add(name string) { *s = append(*s, sessionHash(name)) }

// append writes the set, which it sorts.
func (s sessionSet) append(b []byte) []byte {
	slices.Sort(s)
	last := uint32(0)
	for i, h := range s {
		if i > 0 && h == last {
			continue
		}
		b = binary.AppendUvarint(b, uint64(h-last))
		last = h
	}
	return b
}

var errSet = errors.New("malformed session set")

// setHas reports whether a written set holds one of the hashes, which are sorted.
func setHas(b []byte, hashes []uint32) (has bool, err error) {
	err = eachHash(b, func(hash uint32) bool {
		_, has = slices.BinarySearch(hashes, hash)
		return !has
	})
	return has, err
}

// eachHash calls visit for the hashes of a written set until it returns false.
func eachHash(b []byte, visit func(hash uint32) bool) error {
	at := uint64(0)
	for len(b) > 0 {
		step, n := uvarint(b)
		if n <= 0 || step > 1<<24 {
			return errSet
		}
		b, at = b[n:], at+step
		if at >= 1<<24 {
			return errSet
		}
		if !visit(uint32(at)) {
			return nil
		}
	}
	return nil
}
