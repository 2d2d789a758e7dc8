package hist

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// The cookies of the V2 encoding: outside and inside of the compression.
const (
	cookieCompressed = uint32(0x1c849304 | 0x10)
	cookiePlain      = uint32(0x1c849303 | 0x10)
)

// An Encoder encodes histograms one after another. It holds a megabyte to work with, which making anew would cost more than
// the rest. The zero value works.
type Encoder struct {
	zlib   *zlib.Writer
	packed *hdr.PackedHistogram // the counters in use: the library shows those of a histogram only as a copy of all
	counts []byte
}

// Encode encodes h alone.
func (h *Histogram) Encode() ([]byte, error) { return new(Encoder).Encode(h) }

// Encode returns h in the V2 compressed encoding of HdrHistogram, as bytes; their base64 text is what
// HdrHistogram's own logs hold. It writes what the library's encoder does, at a third of its cost: a player encodes
// three histograms per flow and second.
func (e *Encoder) Encode(h *Histogram) ([]byte, error) {
	if e.packed == nil {
		e.packed = hdr.NewPacked(h.h.LowestTrackableValue(), h.h.HighestTrackableValue(), digits)
	}
	e.packed.Reset()
	e.packed.MergeFrom(h.h)
	counts := appendCounts(e.counts[:0], e.packed)
	e.counts = counts
	header := make([]byte, 0, 40)
	header = binary.BigEndian.AppendUint32(header, cookiePlain)
	header = binary.BigEndian.AppendUint32(header, uint32(len(counts)))
	header = binary.BigEndian.AppendUint32(header, 0) // normalizing index offset
	header = binary.BigEndian.AppendUint32(header, digits)
	header = binary.BigEndian.AppendUint64(header, uint64(h.h.LowestTrackableValue()))
	header = binary.BigEndian.AppendUint64(header, uint64(h.h.HighestTrackableValue()))
	header = binary.BigEndian.AppendUint64(header, math.Float64bits(1)) // ratio of integer to double values

	var out bytes.Buffer
	out.Write(binary.BigEndian.AppendUint32(nil, cookieCompressed))
	out.Write(make([]byte, 4)) // length of what follows, known at the end
	if e.zlib == nil {
		e.zlib, _ = zlib.NewWriterLevel(&out, zlib.BestSpeed) // which is a level
	} else {
		e.zlib.Reset(&out)
	}
	for _, part := range [][]byte{header, counts} {
		if _, err := e.zlib.Write(part); err != nil {
			return nil, fmt.Errorf("encode histogram: %w", err)
		}
	}
	if err := e.zlib.Close(); err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	raw := out.Bytes()
	binary.BigEndian.PutUint32(raw[4:], uint32(len(raw)-8))
	return raw, nil
}

// appendCounts writes counts as zigzag varints; a run of zeros is its length, negative. What follows the
// last count in use is left out.
func appendCounts(to []byte, counts *hdr.PackedHistogram) []byte {
	next := int64(0)
	for value, n := range counts.ForEachBucket {
		index := indexOf(value)
		switch zeros := index - next; {
		case zeros == 1:
			to = append(to, 0)
		case zeros > 1:
			to = binary.AppendVarint(to, -zeros)
		}
		to = binary.AppendVarint(to, n)
		next = index + 1
	}
	return to
}

// indexOf returns the counter that counts a value: valueAt, turned round.
func indexOf(value int64) int64 {
	shift := max(0, bits.Len64(uint64(value))-halfBits-1)
	return int64(shift)<<halfBits + value>>shift
}
