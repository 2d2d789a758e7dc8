package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// kind says what the payload of a frame is. Readers step over kinds they do not know.
type kind byte

const (
	kindMeta   kind = 'M' // JSON of Meta, the first frame
	kindData   kind = 'D' // records, zstd
	kindLedger kind = 'L' // JSON of map[source]Counts; the last one counts
	kindIndex  kind = 'I' // one entry per frame before it, zstd
	kindKey    kind = 'K' // the key of encrypted frames, itself an age file
)

// Bits of header.flags.
const (
	flagZstd      = 1 << 0
	flagEncrypted = 1 << 1 // session set and payload are sealed with the tape's key
	flagGaps      = 1 << 2 // the frame holds gap records, so a summary need not open the others
	flagRefers    = 1 << 3 // its records refer to bodies in frames before it
	flagFull      = 1 << 4 // it was closed because it was full, and not because its records had waited
)

const headerSize = 52

// header is the fixed start of every frame, little endian:
//
//	0 magic[4]  4 kind u8  5 flags u8  6 set u16  8 stored u32  12 size u32  16 records u32
//	20 crc32c of the stored bytes u32  24 tsMin i64  32 tsMax i64  40 first record u64
//	48 crc32c of bytes 0..47 u32
type header struct {
	kind    kind
	flags   byte
	set     uint16 // bytes of the session set in front of the payload; 0: any session may be in the frame
	stored  uint32 // bytes behind the header in the file: session set and payload
	size    uint32 // payload bytes after decompression
	records uint32
	crc     uint32 // of the stored payload
	tsMin   int64  // nanoseconds, over the records of the frame; MaxInt64 when it has none
	tsMax   int64  // MinInt64 when it has none
	first   uint64 // number of its first record in the tape, from 0
}

func (h header) append(b []byte) []byte {
	start := len(b)
	b = append(b, frameMagic...)
	b = append(b, byte(h.kind), h.flags)
	b = binary.LittleEndian.AppendUint16(b, h.set)
	b = binary.LittleEndian.AppendUint32(b, h.stored)
	b = binary.LittleEndian.AppendUint32(b, h.size)
	b = binary.LittleEndian.AppendUint32(b, h.records)
	b = binary.LittleEndian.AppendUint32(b, h.crc)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.tsMin))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.tsMax))
	b = binary.LittleEndian.AppendUint64(b, h.first)
	return binary.LittleEndian.AppendUint32(b, castagnoli(b[start:]))
}

var (
	errMagic  = errors.New("frame magic missing")
	errHeader = errors.New("header checksum mismatch")
	errLimit  = errors.New("length over the limit")
	errCut    = errors.New("cut in the middle")
)

func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize {
		return header{}, errCut
	}
	if string(b[:4]) != frameMagic {
		return header{}, errMagic
	}
	if binary.LittleEndian.Uint32(b[48:]) != castagnoli(b[:48]) {
		return header{}, errHeader
	}
	h := header{
		kind:    kind(b[4]),
		flags:   b[5],
		set:     binary.LittleEndian.Uint16(b[6:]),
		stored:  binary.LittleEndian.Uint32(b[8:]),
		size:    binary.LittleEndian.Uint32(b[12:]),
		records: binary.LittleEndian.Uint32(b[16:]),
		crc:     binary.LittleEndian.Uint32(b[20:]),
		tsMin:   int64(binary.LittleEndian.Uint64(b[24:])),
		tsMax:   int64(binary.LittleEndian.Uint64(b[32:])),
		first:   binary.LittleEndian.Uint64(b[40:]),
	}
	if uint32(h.set) > h.stored {
		return h, fmt.Errorf("%w: a session set of %d bytes in a frame of %d", errLimit, h.set, h.stored)
	}
	// Records of a data frame share one decompression buffer; an index grows with the tape.
	if h.kind != kindIndex && h.size > frameMax || h.stored > math.MaxInt32 || h.size > math.MaxInt32 {
		return h, fmt.Errorf("%w: %d bytes", errLimit, max(h.stored, h.size))
	}
	return h, nil
}

// empty is the time range of a frame without records: it is before and after nothing.
func (h *header) empty() { h.tsMin, h.tsMax = math.MaxInt64, math.MinInt64 }

func (h *header) cover(at int64) {
	h.tsMin = min(h.tsMin, at)
	h.tsMax = max(h.tsMax, at)
}
