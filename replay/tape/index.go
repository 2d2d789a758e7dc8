package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
)

// entry is one frame in the index: 42 bytes in the index frame and 48 in memory. The index of
// a tape of 1 TB in full frames takes 48 MB.
type entry struct {
	offset  int64
	kind    kind
	flags   byte
	records uint32
	size    uint32
	tsMin   int64
	tsMax   int64
	first   uint64
}

const entrySize = 42

// small reports whether a frame of records was closed before it was full.
func (e entry) small() bool { return e.kind == kindData && e.size < FrameSize && e.flags&flagFull == 0 }

func entryOf(h header, offset int64) entry {
	return entry{offset, h.kind, h.flags, h.records, h.size, h.tsMin, h.tsMax, h.first}
}

func appendIndex(b []byte, index []entry) []byte {
	for _, e := range index {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.offset))
		b = append(b, byte(e.kind), e.flags)
		b = binary.LittleEndian.AppendUint32(b, e.records)
		b = binary.LittleEndian.AppendUint32(b, e.size)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.tsMin))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.tsMax))
		b = binary.LittleEndian.AppendUint64(b, e.first)
	}
	return b
}

// parseIndex reads the entries of a tape whose index frame starts at end. Offsets must rise.
func parseIndex(b []byte, end int64) ([]entry, error) {
	if len(b)%entrySize != 0 {
		return nil, errors.New("index is not a whole number of entries")
	}
	index := make([]entry, 0, len(b)/entrySize)
	last := int64(fileHeaderSize - 1)
	for ; len(b) > 0; b = b[entrySize:] {
		e := entry{
			offset:  int64(binary.LittleEndian.Uint64(b)),
			kind:    kind(b[8]),
			flags:   b[9],
			records: binary.LittleEndian.Uint32(b[10:]),
			size:    binary.LittleEndian.Uint32(b[14:]),
			tsMin:   int64(binary.LittleEndian.Uint64(b[18:])),
			tsMax:   int64(binary.LittleEndian.Uint64(b[26:])),
			first:   binary.LittleEndian.Uint64(b[34:]),
		}
		if e.offset <= last || e.offset >= end {
			return nil, fmt.Errorf("index points to byte %d", e.offset)
		}
		last = e.offset
		index = append(index, e)
	}
	return index, nil
}

// refers reports whether records of one frame refer to another.
func refers(index []entry) bool {
	return slices.ContainsFunc(index, func(e entry) bool { return e.flags&flagRefers != 0 })
}

const (
	fileHeaderSize = int64(len(fileMagic) + 1)
	footerSize     = 20
)

// footer := offset of the index frame u64 | crc32c of the eight bytes u32 | "GDTAPEND"
func appendFooter(b []byte, index int64) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(index))
	b = binary.LittleEndian.AppendUint32(b, castagnoli(b[start:]))
	return append(b, footerMagic...)
}

func parseFooter(b []byte) (index int64, ok bool) {
	if len(b) != footerSize || string(b[12:]) != footerMagic || binary.LittleEndian.Uint32(b[8:]) != castagnoli(b[:8]) {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(b)), true
}

// order answers the two questions a reader has about time. Records lie in the order in which
// exchanges ended, so the ranges of neighbouring frames overlap.
type order struct {
	upTo []int64 // highest tsMax of frames 0..i: never falls
	from []int64 // lowest tsMin of frames i..n-1: never falls
}

func orderOf(index []entry) order {
	o := order{upTo: make([]int64, len(index)), from: make([]int64, len(index)+1)}
	high := int64(math.MinInt64)
	for i, e := range index {
		if e.kind == kindData {
			high = max(high, e.tsMax)
		}
		o.upTo[i] = high
	}
	low := int64(math.MaxInt64)
	o.from[len(index)] = low
	for i := len(index) - 1; i >= 0; i-- {
		if index[i].kind == kindData {
			low = min(low, index[i].tsMin)
		}
		o.from[i] = low
	}
	return o
}

// seek returns the first frame that may hold a record at or after at.
func (o order) seek(at int64) int {
	return sort.Search(len(o.upTo), func(i int) bool { return o.upTo[i] >= at })
}
