package tape

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// file is the read side of a tape without any state but its size.
type file struct {
	r    io.ReaderAt
	size int64
	name string
	zstd *zstd.Decoder // limited to the capacity it is given

	version byte
	sealer  *sealer // nil without a key
}

// start checks the magic and the version.
func (f *file) start() error {
	var b [fileHeaderSize]byte
	if _, err := f.r.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read tape %s: %w", f.name, err)
	}
	if f.size < fileHeaderSize || string(b[:len(fileMagic)]) != fileMagic {
		return fmt.Errorf("read tape %s: not a tape: magic missing: import .gor files and access logs first", f.name)
	}
	f.version = b[fileHeaderSize-1]
	if f.version == 0 || f.version > Version {
		return fmt.Errorf("read tape %s: format version %d: this build reads versions 1 to %d: use the build that wrote it to convert it", f.name, f.version, Version)
	}
	return nil
}

func (f *file) header(at int64) (header, error) {
	var b [headerSize]byte
	n, err := f.r.ReadAt(b[:], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return header{}, err
	}
	h, err := parseHeader(b[:n])
	if err == nil && int64(h.stored) > f.size-at-headerSize {
		return h, errCut
	}
	return h, err
}

// payload reads and checks the payload of the frame at a place. Both buffers are used where
// they are large enough; scratch is the one to pass as stored the next time.
func (f *file) payload(h header, at int64, stored, dst []byte) (payload, scratch []byte, err error) {
	stored = room(stored, h.stored)[:h.stored]
	if n, err := f.r.ReadAt(stored, at+headerSize); n < len(stored) {
		if errors.Is(err, io.EOF) { // which would be taken for the end of the tape
			err = errCut
		}
		return nil, stored, err
	}
	if castagnoli(stored) != h.crc {
		return nil, stored, errors.New("payload checksum mismatch")
	}
	packed := stored[h.set:]
	if h.flags&flagEncrypted != 0 {
		if f.sealer == nil {
			return nil, stored, ErrLocked
		}
		if packed, err = f.sealer.open(packed, h, at, partPayload); err != nil {
			return nil, stored, err
		}
	}
	if h.flags&flagZstd == 0 {
		return packed, nil, checkSize(packed, h)
	}
	dst = room(dst, h.size)
	if payload, err = f.zstd.DecodeAll(packed, dst[:0:h.size]); err != nil {
		return nil, stored, fmt.Errorf("decompress: %w", err)
	}
	return dst[:len(payload)], stored, checkSize(payload, h) // the same bytes, with all the room
}

// room returns b, or a buffer with room for n bytes and some more, since the next frame will be about as large.
func room(b []byte, n uint32) []byte {
	if cap(b) >= int(n) {
		return b
	}
	return make([]byte, 0, int(n)+int(n)/8)
}

// mayHold reports whether one of the sessions, by hash, can be in the frame at a place. A set that
// cannot be read, or a frame without one, may hold any: its payload will tell.
func (f *file) mayHold(h header, at int64, hashes []uint32) bool {
	if h.flags&flagGaps != 0 {
		return true
	}
	set, ok := f.set(h, at)
	if !ok {
		return true
	}
	has, err := setHas(set, hashes)
	return has || err != nil
}

func checkSize(payload []byte, h header) error {
	if len(payload) != int(h.size) {
		return fmt.Errorf("payload has %d bytes where the header says %d", len(payload), h.size)
	}
	return nil
}

// load returns the index of the tape: from its footer where it was closed, else from a walk
// over the frame headers. In a damaged tape the walk stops at the damage, or steps over it.
func (f *file) load(skip bool) (index []entry, closed bool, damage []*Damage, err error) {
	if index, err = f.index(); err == nil {
		return index, true, nil, nil
	}
	index, damage, err = f.walk(skip)
	return index, false, damage, err
}

var errNoIndex = errors.New("no index")

// index reads the index by way of the footer. Any doubt about it is an error: the walk decides.
func (f *file) index() ([]entry, error) {
	var b [footerSize]byte
	if f.size < fileHeaderSize+headerSize+footerSize {
		return nil, errNoIndex
	}
	if _, err := f.r.ReadAt(b[:], f.size-footerSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	at, ok := parseFooter(b[:])
	if !ok || at < fileHeaderSize || at > f.size-footerSize-headerSize {
		return nil, errNoIndex
	}
	h, err := f.header(at)
	if err != nil {
		return nil, err
	}
	if frames := (f.size - fileHeaderSize) / headerSize; int64(h.size) > frames*entrySize {
		return nil, errLimit
	}
	if h.kind != kindIndex || at+headerSize+int64(h.stored)+footerSize != f.size {
		return nil, errNoIndex
	}
	payload, _, err := f.payload(h, at, nil, nil)
	if err != nil {
		return nil, err
	}
	return parseIndex(payload, at)
}

func (f *file) walk(skip bool) (index []entry, damage []*Damage, err error) {
	at := fileHeaderSize
	records := int64(0) // number of records before at, known or inferred from the next frame
	for at < f.size {
		h, err := f.header(at)
		if err == nil {
			if n := len(damage); n > 0 && damage[n-1].Lost < 0 && int64(h.first) >= records {
				damage[n-1].Lost = int64(h.first) - records
			}
			if h.kind == kindIndex {
				break // what follows is the footer, whole or not
			}
			index = append(index, entryOf(h, at))
			records = int64(h.first) + int64(h.records)
			at += headerSize + int64(h.stored)
			continue
		}
		next, err2 := f.resync(at + 1)
		if err2 != nil {
			return nil, nil, fmt.Errorf("read tape %s: %w", f.name, err2)
		}
		d := &Damage{Path: f.name, Frame: len(index), Offset: at, Bytes: next - at, Lost: -1, Err: err}
		d.Tail = next == f.size && errors.Is(err, errCut)
		damage = append(damage, d)
		if next < f.size && !skip {
			d.Bytes = f.size - at
			break
		}
		at = next
	}
	return index, damage, nil
}

// resync finds the next frame whose header is whole, at or after a place; the end if none is.
func (f *file) resync(at int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for at < f.size {
		n, err := f.r.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		b := buf[:n]
		for {
			i := bytes.Index(b, []byte(frameMagic))
			if i < 0 {
				break
			}
			place := at + int64(n-len(b)+i)
			if _, err := f.header(place); err == nil {
				return place, nil
			}
			b = b[i+1:]
		}
		if int64(n) >= f.size-at {
			break
		}
		at += int64(n) - int64(len(frameMagic)-1)
	}
	return f.size, nil
}
