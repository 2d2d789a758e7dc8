package tape

import (
	"fmt"
	"io/fs"
)

// The more passes while a tape is recorded, the larger are its frames, and the less is there to gain: those of a shop of 64 KiB
// took 1.5 times the space of whole ones, and those of requests that are next to alike the same. So for frames of trialFrame
// bytes and more, before compression, a trial with trialSize bytes of them tells: packing pays when it makes these smaller
// by gainMin.
const (
	trialFrame = 32 << 10
	trialSize  = 256 << 10
	gainMin    = 0.1
)

// pays packs a part of the tape, from its middle, into nowhere. Where frames refer to bodies before them, a part tells nothing:
// packed alone it would have to hold those, and what is said once with what is said ever again is what packing is for.
func (p *packer) pays() (bool, error) {
	part, size := p.part()
	if size < trialFrame*len(part) || refers(part) {
		return true, nil
	}
	w, err := newWriter(nowhere{})
	if err != nil {
		return false, err
	}
	defer w.zstd.Close()
	p.dec.library = &library{file: &p.r.file, keep: true}
	var before int64
	for _, e := range part {
		h, err := p.r.header(e.offset)
		if err == nil {
			before += headerSize + int64(h.stored)
			err = p.frame(e, w)
		}
		if err != nil {
			return false, fmt.Errorf("pack tape %s: frame at byte %d: %w", p.path, e.offset, err)
		}
	}
	w.seal()
	return float64(w.offset) <= (1-gainMin)*float64(before), w.err
}

// part returns small frames that follow each other, and fill trialSize or are four, and how many bytes they hold.
func (p *packer) part() (part []entry, size int) {
	var small []entry
	for _, e := range p.r.index {
		if e.small() {
			small = append(small, e)
		}
	}
	for _, e := range small[len(small)/2:] {
		if size >= trialSize && len(part) >= 4 {
			break
		}
		part, size = append(part, e), size+int(e.size)
	}
	return part, size
}

// nowhere is a disk for what is not kept.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) Close() error                { return nil }
func (nowhere) Truncate(int64) error        { return nil }
func (nowhere) Stat() (fs.FileInfo, error)  { return nil, fs.ErrInvalid }
func (nowhere) datasync() error             { return nil }
