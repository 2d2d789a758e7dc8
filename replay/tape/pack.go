package tape

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"github.com/gameday-dev/gameday/replay"
)

// Packing lets a tape that is complete be written anew in whole frames. While it is recorded, a frame waits no longer than
// 100 ms to be written, so that a crash costs no more; such a tape takes about four times the space, and twice the time to read.
type Packing struct {
	// Share is how much of a core packing may take: 0.2 is a fifth. 0 means a whole one, or a quarter while the
	// recording goes on.
	Share float64
	// Room is asked for leave to have that many bytes more on the disk for a while. Its error is why the tape stays
	// as it is. Nil gives leave.
	Room func(bytes int64) error
}

// Packed is what came of packing tapes.
type Packed struct {
	Tapes        int   // that were written anew
	Frames       int   // that they had; now they have as few as it takes
	Bytes, Saved int64 // that they had, and how many of these are gone
	Left         int   // that stayed as they are although they would gain by it
	Why          error // the first of them did
}

func (p Packed) and(more Packed) Packed {
	if p.Why == nil {
		p.Why = more.Why
	}
	return Packed{p.Tapes + more.Tapes, p.Frames + more.Frames, p.Bytes + more.Bytes, p.Saved + more.Saved, p.Left + more.Left, p.Why}
}

// quietShare is what packing takes of a core while the recording goes on, unless it is told otherwise.
const quietShare = 0.25

// ErrListed is why a tape of a reel is not written anew.
var ErrListed = errors.New("the manifest beside it has its checksum")

// Pack writes a tape anew in whole frames, in its place; one that would gain nothing is left alone, unless there are
// recipients: they are who alone can read it afterwards. What a packing that was broken off left beside it is removed. All
// records are the same and in the same order; so are metadata and ledger. At any moment the file is the old one or the new
// one, as a whole, and it keeps its owner and permissions; of a symbolic link the file is packed that it leads to. A tape
// that is damaged, was not closed, or is being packed is refused, and so is a complete one of a reel, with ErrListed. For an encrypted one identities open it, and there have to be recipients.
func Pack(ctx context.Context, path string, identities []age.Identity, recipients []age.Recipient) (Packed, error) {
	r, err := Open(path, ReadOptions{Identities: identities})
	if err != nil {
		return Packed{}, err
	}
	p := packer{r: r, path: path, recipients: recipients, anyway: len(recipients) > 0}
	packed, err := p.pack(ctx)
	if err == nil && packed.Tapes == 0 {
		err = p.sweep()
	}
	return packed, errors.Join(err, r.Close())
}

// pack packs a tape that was just completed. A tape that cannot be packed is as good as before, so that is no error.
func (w *Writer) pack(p Packing, hurry <-chan struct{}) Packed {
	r, err := Open(w.path, ReadOptions{})
	if err != nil {
		return Packed{Left: 1, Why: err}
	}
	r.sealer = w.sealer
	packer := packer{Packing: p, r: r, path: w.path, recipients: w.recipients, hurry: hurry}
	packed, err := packer.pack(context.Background())
	if err = errors.Join(err, r.Close()); err != nil {
		packed.Left, packed.Why = 1, err
	}
	w.mu.Lock()
	w.offset -= packed.Saved
	w.mu.Unlock()
	return packed
}

// packer is the packing of one tape under way.
type packer struct {
	Packing
	r          *Reader
	path       string
	recipients []age.Recipient
	anyway     bool            // though whole frames alone would gain nothing
	hurry      <-chan struct{} // once closed, Share is no matter

	dec             decoder
	stored, payload []byte
	worked          time.Time // since when there was no rest
}

func (p *packer) pack(ctx context.Context) (Packed, error) {
	frames, ok := p.worth()
	if !ok && !p.anyway {
		return Packed{}, nil
	}
	if err := p.sound(); err != nil {
		return Packed{}, fmt.Errorf("pack tape %s: %w", p.path, err)
	}
	if !p.anyway {
		if pays, err := p.pays(); err != nil || !pays {
			return Packed{}, err
		}
	}
	if p.Room != nil {
		if err := p.Room(p.r.size); err != nil {
			return Packed{}, fmt.Errorf("pack tape %s: %w", p.path, err)
		}
	}
	size, err := p.replace(ctx)
	if err != nil {
		return Packed{}, fmt.Errorf("pack tape %s: %w", p.path, err)
	}
	return Packed{Tapes: 1, Frames: frames, Bytes: p.r.size, Saved: p.r.size - size}, nil
}

// worth reports whether packing may pay: whether the tape fills a whole frame, and has four times the frames that its small
// ones would make.
func (p *packer) worth() (frames int, ok bool) {
	var unpacked, gain int64
	small := 0
	for _, e := range p.r.index {
		if e.kind != kindData {
			continue
		}
		frames, unpacked = frames+1, unpacked+int64(e.size)
		if e.small() {
			small, gain = small+1, gain+int64(e.size)
		}
	}
	return frames, unpacked >= FrameSize && int64(small) >= 4*(gain/FrameSize+1)
}

// sound refuses tapes of which something would be lost.
func (p *packer) sound() error {
	switch {
	case len(p.r.damage) > 0:
		return p.r.damage[0]
	case !p.r.closed || len(p.r.index) == 0 || p.r.index[0].kind != kindMeta:
		return errors.New("its writer did not end by itself: copy it with gameday tape repair")
	}
	if dir := reelOf(p.path); dir != "" {
		return fmt.Errorf("%w: gameday tape convert %s --out NAME%s makes one tape of them all, in whole frames", ErrListed, dir, tapeSuffix)
	}
	if _, err := p.r.small(p.r.index[0]); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	for _, e := range p.r.index {
		switch e.kind {
		case kindMeta, kindKey, kindLedger:
		case kindData:
			if p.r.locked(e) {
				return ErrLocked
			}
			if e.flags&flagEncrypted != 0 && len(p.recipients) == 0 {
				return errors.New("it is encrypted: say for whom it is to be encrypted again")
			}
		default:
			return fmt.Errorf("a frame of kind %q at byte %d is not known to this build", e.kind, e.offset)
		}
	}
	return nil
}

// replace puts the tape, written anew, in the place of the old one, and returns its size. Only who holds the old one may
// use the name of the new one.
func (p *packer) replace(ctx context.Context) (size int64, err error) {
	if err := hold(p.r.closer.(*os.File)); err != nil {
		return 0, err
	}
	path, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		return 0, err
	}
	if _, err = p.opened(path); err != nil {
		return 0, err
	}
	temp := path + packingSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	w, err := Create(temp, p.r.meta, Options{Flush: -1, Sync: -1, Recipients: p.recipients})
	if err != nil {
		return 0, err
	}
	made, err := w.f.Stat()
	if err = errors.Join(err, p.copy(ctx, w), w.Close()); err != nil {
		return 0, errors.Join(err, discard(temp, made))
	}
	old, err := p.opened(path)
	if err == nil {
		err = swap(temp, made, path, old)
	}
	if err != nil {
		return 0, errors.Join(err, discard(temp, made))
	}
	return w.Written(), nil
}

// errPacking is why a tape is not packed that somebody else holds.
var errPacking = errors.New("it is being packed already: wait until that is done")

// opened returns what is at the path, unless that is not the tape any more that was opened.
func (p *packer) opened(path string) (fs.FileInfo, error) {
	return opened(p.r.closer.(*os.File), path)
}

// opened returns what is at the path, unless that is another file than f.
func opened(f *os.File, path string) (fs.FileInfo, error) {
	mine, err := f.Stat()
	if err != nil {
		return nil, err
	}
	there, err := os.Stat(path)
	if err == nil && !os.SameFile(mine, there) {
		err = errReplaced
	}
	return there, err
}

// errReplaced is why what was packed must not take the place of a tape.
var errReplaced = errors.New("another file took its place meanwhile")

// swap puts the file that was made at temp in the place of the old one.
func swap(temp string, made fs.FileInfo, path string, old fs.FileInfo) error {
	there, err := os.Stat(temp)
	if err != nil {
		return err
	}
	if !os.SameFile(made, there) {
		return fmt.Errorf("%s: %w", temp, errReplaced)
	}
	if err := adopt(temp, old); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// discard removes the file that was made at temp, and no other.
func discard(temp string, made fs.FileInfo) error {
	there, err := os.Stat(temp)
	if err != nil || !os.SameFile(made, there) {
		return nil
	}
	return os.Remove(temp)
}

func (p *packer) copy(ctx context.Context, w *Writer) error {
	p.worked = time.Now()
	p.dec.library = &library{file: &p.r.file, keep: refers(p.r.index)}
	for _, e := range p.r.index {
		if err := ctx.Err(); err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		switch e.kind {
		case kindData:
			if err := p.frame(e, w); err != nil {
				return fmt.Errorf("frame at byte %d: %w", e.offset, err)
			}
		case kindLedger:
			l, err := p.r.ledger(e)
			if err != nil {
				return fmt.Errorf("ledger at byte %d: %w", e.offset, err)
			}
			w.take(l)
		}
		p.breathe(ctx)
	}
	return nil
}

// frame copies the records of one frame.
func (p *packer) frame(e entry, w *Writer) error {
	h, err := p.r.header(e.offset)
	if err != nil {
		return err
	}
	if p.payload, p.stored, err = p.r.file.payload(h, e.offset, p.stored, p.payload); err != nil {
		return err
	}
	p.dec.reset(p.payload, e.offset)
	for n := uint32(0); ; n++ {
		record, err := p.dec.next()
		switch {
		case err != nil:
			return err
		case record.exchange != nil:
			err = w.Record(record.exchange)
		case record.message != nil:
			err = w.Message(record.message)
		case record.gap != nil:
			err = w.Gap(*record.gap)
		case n != e.records:
			return fmt.Errorf("%d of its %d records are known to this build", n, e.records)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// breathMin is the shortest stretch of work that is followed by a rest: timers are no finer.
const breathMin = 10 * time.Millisecond

// breathe rests as long as it takes to keep to the share of a core.
func (p *packer) breathe(ctx context.Context) {
	worked := time.Since(p.worked)
	if p.Share <= 0 || p.Share >= 1 || worked < breathMin {
		return
	}
	rest := time.NewTimer(time.Duration(float64(worked) * (1/p.Share - 1)))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-p.hurry:
	case <-ctx.Done():
	}
	p.worked = time.Now()
}

// take makes a ledger that of the tape, to be written on Close.
func (w *Writer) take(l replay.Ledger) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger = l
}

// Packed tells what came of packing the tape; it is known once the Writer is closed.
func (w *Writer) Packed() Packed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.packed
}

// Packed tells what came of packing the tapes so far.
func (r *Reel) Packed() Packed {
	r.books.Lock()
	defer r.books.Unlock()
	return r.packed
}

// errBusy is why a tape of a reel stays as it is.
var errBusy = errors.New("tapes are changed faster than they can be packed")

// pack packs a complete tape of the reel unless another is being packed: recordings must not wait for that, or pile up.
func (r *Reel) pack(w *Writer) Packed {
	if r.o.Pack == nil {
		return Packed{}
	}
	p, hurry, mine := *r.o.Pack, (<-chan struct{})(nil), false
	if p.Share <= 0 {
		p.Share, hurry = quietShare, r.stop
	}
	room := p.Room
	p.Room = func(bytes int64) error {
		if mine = r.packing.TryLock(); !mine {
			return errBusy
		}
		if room == nil {
			return nil
		}
		return room(bytes)
	}
	packed := w.pack(p, hurry)
	if mine {
		r.packing.Unlock()
	}
	return packed
}
