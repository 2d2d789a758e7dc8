package replay

import "strconv"

// hash mixes the seed with texts: the same choice for the same things in every run, independent of the order
// in which they are asked for. It is FNV-1a with the finish of splitmix64.
func hash(seed uint64, texts ...string) uint64 {
	h := hashFrom(seed)
	for _, text := range texts {
		h = add(h, text)
	}
	return h.sum()
}

// A hashing is a hash under way, for who asks often about things that begin alike.
type hashing uint64

func hashFrom(seed uint64) hashing { return hashing(14695981039346656037 ^ seed) }

func add[T string | []byte](h hashing, text T) hashing {
	for i := range len(text) {
		h = (h ^ hashing(text[i])) * 1099511628211
	}
	return (h ^ 0xff) * 1099511628211 // so that "ab","c" differs from "a","bc"
}

// number is add of a number in decimal digits.
func (h hashing) number(n int) hashing {
	var digits [20]byte
	return add(h, strconv.AppendInt(digits[:0], int64(n), 10))
}

func (h hashing) sum() uint64 { return mix(uint64(h)) }

func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// share turns a hash into a number from 0 to 1, 1 excluded.
func share(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// copies rounds a number of copies up or down, so that it is right on average over the hashes.
func copies(n float64, h uint64) int {
	whole := int(n)
	if share(h) < n-float64(whole) {
		whole++
	}
	return whole
}
