package hist

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxEncoded bounds what is decoded, before and after decompression. A histogram with every counter in use stays below a
// quarter of it.
const maxEncoded = 1 << 20

// The geometry in terms of the encoding: counters 0 to 2047 are of one microsecond each, and each 1024 after them are twice
// as wide as those before.
const (
	half       = 1024
	halfBits   = 10
	headerSize = 40
)

// Decode reads what Encode wrote. No bytes at all are an empty histogram. It errs on another geometry,
// since merging that would lose counts.
func Decode(raw []byte) (*Histogram, error) {
	h := New()
	if err := h.MergeEncoded(raw); err != nil {
		return nil, err
	}
	return h, nil
}

// MergeEncoded adds the counts of an encoded histogram, at a fraction of the cost of decoding it first. After an error h may
// hold a part of them.
func (h *Histogram) MergeEncoded(raw []byte) error {
	if len(raw) == 0 {
		return nil
	}
	counts, err := inflate(raw)
	if err == nil {
		err = h.add(counts)
	}
	if err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	return nil
}

// add counts what the zigzag varints say: see appendCounts.
func (h *Histogram) add(counts []byte) error {
	for index := int64(0); len(counts) > 0; {
		n, size := binary.Varint(counts)
		if size <= 0 {
			return errors.New("a count is cut off")
		}
		counts = counts[size:]
		if n <= 0 {
			if index += max(1, -n); n < -maxEncoded || index > maxEncoded {
				return errors.New("too many counters")
			}
			continue
		}
		if err := h.h.RecordValues(valueAt(index), n); err != nil {
			return err
		}
		index++
	}
	return nil
}

// valueAt returns the least value that a counter counts.
func valueAt(index int64) int64 {
	if index < 2*half {
		return index
	}
	return (index&(half-1) + half) << (index>>halfBits - 1)
}

// readers are zlib readers that are not in use: making one costs more than the rest.
var readers sync.Pool

// inflate returns the counts of an encoded histogram after it has looked at everything in front of them.
func inflate(raw []byte) ([]byte, error) {
	if len(raw) > maxEncoded {
		return nil, fmt.Errorf("%d bytes, at most %d are accepted", len(raw), maxEncoded)
	}
	if len(raw) < 8 || binary.BigEndian.Uint32(raw) != cookieCompressed {
		return nil, errors.New("not a V2 compressed encoding")
	}
	packed := bytes.NewReader(raw[8:])
	z, pooled := readers.Get().(io.ReadCloser)
	var err error
	if pooled {
		err = z.(zlib.Resetter).Reset(packed, nil)
	} else {
		z, err = zlib.NewReader(packed)
	}
	if err != nil {
		return nil, err
	}
	defer readers.Put(z)
	plain, err := io.ReadAll(io.LimitReader(z, maxEncoded))
	if err != nil {
		return nil, err
	}
	if len(plain) < headerSize || binary.BigEndian.Uint32(plain) != cookiePlain {
		return nil, errors.New("not a V2 encoding")
	}
	size := binary.BigEndian.Uint32(plain[4:])
	precision, lowest, highest := binary.BigEndian.Uint32(plain[12:]), binary.BigEndian.Uint64(plain[16:]), binary.BigEndian.Uint64(plain[24:])
	if lowest != uint64(Lowest/time.Microsecond) || highest != uint64(Highest/time.Microsecond) || precision != digits || binary.BigEndian.Uint32(plain[8:]) != 0 {
		return nil, fmt.Errorf("range %d..%d with %d digits, want %s..%s in microseconds with %d", lowest, highest, precision, Lowest, Highest, digits)
	}
	if int(size) > len(plain)-headerSize {
		return nil, fmt.Errorf("%d bytes of counts, %d are there", size, len(plain)-headerSize)
	}
	return plain[headerSize:][:size], nil
}
