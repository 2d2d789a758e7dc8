package tape

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// ReelOptions say when a reel begins another tape. The zero value never does.
type ReelOptions struct {
	Options
	Size  int64         // once the file of a tape has this many bytes; 0 is no bound
	Every time.Duration // once a tape is this old; 0 is no bound
	Keep  int           // complete tapes that are kept, the newest; 0 keeps all
}

// A Reel is a recording in several tapes of one directory, with a manifest. All tapes count from one
// offset zero, so that they can be read as one. Its methods may be called from several goroutines, and
// changing tapes does not hold them up: the old one is completed, and packed, behind their back.
type Reel struct {
	dir  string
	meta Meta
	o    ReelOptions

	mu     sync.Mutex
	w      *Writer
	began  time.Time
	empty  int64 // bytes of a tape without anything on it
	number int
	behind int64 // bytes of tapes being completed
	ledger replay.Ledger
	closed bool

	stop chan struct{}
	work sync.WaitGroup // the clock, and tapes being completed

	packing sync.Mutex // held while a tape is packed

	books    sync.Mutex // held while a complete tape is entered
	manifest Manifest
	packed   Packed
	err      error // the first of completing
}

var (
	_ replay.Recorder   = (*Reel)(nil)
	_ replay.Bookkeeper = (*Reel)(nil)
	_ replay.Messenger  = (*Reel)(nil)
)

// CreateReel starts a reel in a directory that it makes, or that is empty. The caller closes it.
func CreateReel(dir string, m Meta, o ReelOptions) (*Reel, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create reel: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("create reel: %w", err)
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("create reel %s: the directory is not empty: choose another name or remove it", dir)
	}
	if m.Created.IsZero() {
		m.Created = time.Now()
	}
	if m.Start.IsZero() {
		m.Start = m.Created
	}
	r := &Reel{
		dir: dir, meta: m, o: o, ledger: make(replay.Ledger), stop: make(chan struct{}),
		manifest: Manifest{Version: manifestVersion, Start: m.Start, Source: m.Source, Tool: m.Tool, Redaction: m.Redaction, Tapes: []Entry{}},
	}
	if err := r.manifest.write(dir); err != nil {
		return nil, err
	}
	if err := r.next(); err != nil {
		return nil, err
	}
	if o.Every > 0 {
		r.work.Go(r.clock)
	}
	return r, nil
}

// next begins another tape. The caller holds the lock.
func (r *Reel) next() error {
	meta := r.meta
	meta.Created = time.Now()
	o := r.o.Options
	o.Pack = nil // the reel does, behind the recording
	w, err := Create(filepath.Join(r.dir, fmt.Sprintf("%06d%s", r.number+1, tapeSuffix)), meta, o)
	if err != nil {
		return err
	}
	r.number++
	r.w, r.began, r.empty = w, meta.Created, w.Written()
	return nil
}

// Record appends one exchange, to the next tape when this one is full.
func (r *Reel) Record(x *replay.Exchange) error {
	return r.write(func(w *Writer) error { return w.Record(x) })
}

// Message appends one message.
func (r *Reel) Message(m *replay.Message) error {
	return r.write(func(w *Writer) error { return w.Message(m) })
}

// Gap appends a note that exchanges are missing.
func (r *Reel) Gap(g replay.Gap) error {
	return r.write(func(w *Writer) error { return w.Gap(g) })
}

// Account keeps the counts of a source, which are those of the whole reel.
func (r *Reel) Account(source string, c replay.Counts) error {
	return r.write(func(w *Writer) error {
		r.ledger[source] = c.Clone()
		return w.Account(source, c)
	})
}

func (r *Reel) write(to func(*Writer) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("reel %s: %w", r.dir, os.ErrClosed)
	}
	if r.o.Size > 0 && r.w.Written() >= r.o.Size || r.o.Every > 0 && time.Since(r.began) >= r.o.Every {
		if err := r.change(); err != nil {
			return err
		}
	}
	return to(r.w)
}

// change goes on with another tape, and completes the old one behind. The caller holds the lock.
func (r *Reel) change() error {
	old := r.w
	if err := r.next(); err != nil {
		return err
	}
	r.work.Go(r.leave(old))
	return nil
}

// leave returns what is left to do about a tape that nothing more is recorded on. The caller holds the lock.
func (r *Reel) leave(w *Writer) (complete func()) {
	ledger, size := maps.Clone(r.ledger), w.Written() // counts are not changed in place
	r.behind += size
	return func() {
		r.complete(w, ledger)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.behind -= size
	}
}

// complete closes a tape, packs it, and enters it into the manifest.
func (r *Reel) complete(w *Writer, l replay.Ledger) {
	var errs []error
	for source, c := range l { // so that each tape tells of the whole until its end
		errs = append(errs, w.Account(source, c))
	}
	errs = append(errs, w.Close())
	var packed Packed
	if errors.Join(errs...) == nil {
		packed = r.pack(w)
	}
	r.books.Lock()
	defer r.books.Unlock()
	r.packed = r.packed.and(packed)
	e, ledger, err := entryOfTape(w.path)
	if errs = append(errs, err); err == nil {
		r.manifest.Tapes = append(r.manifest.Tapes, e)
		slices.SortFunc(r.manifest.Tapes, func(a, b Entry) int { return cmp.Compare(a.File, b.File) })
		if len(ledger) > 0 && r.manifest.Tapes[len(r.manifest.Tapes)-1].File == e.File {
			r.manifest.Ledger = ledger
		}
		errs = append(errs, r.forget(), r.manifest.write(r.dir))
	}
	if err := errors.Join(errs...); r.err == nil {
		r.err = err
	}
}

// forget deletes the oldest complete tapes beyond the number that is kept.
func (r *Reel) forget() error {
	var errs []error
	for r.o.Keep > 0 && len(r.manifest.Tapes) > r.o.Keep {
		e := r.manifest.Tapes[0]
		r.manifest.Tapes = r.manifest.Tapes[1:]
		r.manifest.Removed.Tapes++
		r.manifest.Removed.Bytes += e.Bytes
		r.manifest.Removed.Records += e.Records
		if err := os.Remove(filepath.Join(r.dir, e.File)); err != nil {
			errs = append(errs, fmt.Errorf("remove old tape: %w", err))
		}
	}
	return errors.Join(errs...)
}

// clock changes tapes in time when nothing is recorded that would.
func (r *Reel) clock() {
	tick := time.NewTicker(min(r.o.Every, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		if time.Since(r.began) >= r.o.Every && r.w.Written() > r.empty {
			if err := r.change(); err != nil {
				r.began = time.Now() // tell it to whoever records next, and try again later
			}
		}
		r.mu.Unlock()
	}
}

// Flush writes what was recorded so far, and asks the disk to keep it.
func (r *Reel) Flush() error {
	return r.write((*Writer).Flush)
}

// Written is how many bytes the tapes have that are there.
func (r *Reel) Written() int64 {
	r.mu.Lock()
	n := r.behind
	if !r.closed {
		n += r.w.Written()
	}
	r.mu.Unlock()
	r.books.Lock()
	defer r.books.Unlock()
	for _, e := range r.manifest.Tapes {
		n += e.Bytes
	}
	return n
}

// Close completes the last tape and the manifest. A second Close does nothing.
func (r *Reel) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.stop)
	complete := r.leave(r.w)
	r.mu.Unlock()
	r.work.Wait()
	complete()
	return r.err
}

// Written is how many bytes are in the file.
func (w *Writer) Written() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offset
}
