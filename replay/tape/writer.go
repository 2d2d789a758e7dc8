package tape

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/gameday-dev/gameday/replay"
)

// Options bound what a crash can cost, and say who may read. The zero value is the default.
type Options struct {
	Flush time.Duration // records wait at most this long for their frame to be written; 0 means 100 ms, negative until it is full
	Sync  time.Duration // written frames wait at most this long for the disk; 0 means 1 s, negative leaves it to the system until Close

	// Recipients, when there are any, are who can read the exchanges: they are encrypted before they
	// are written. What Meta says, the ledger, and the times and sizes of frames stay readable.
	Recipients []age.Recipient

	// Pack, when set, lets Close write a tape that has many small frames anew in whole ones.
	Pack *Packing
}

// A Writer appends exchanges to a tape. Its methods may be called from several goroutines.
type Writer struct {
	path       string
	sync       time.Duration
	packing    *Packing // nil: the tape stays as it is
	recipients []age.Recipient

	mu      sync.Mutex
	f       disk
	enc     *encoder
	zstd    *zstd.Encoder
	buf     []byte // records of the open frame
	out     []byte // header and payload of the frame being written
	frame   header // of the open frame
	set     sessionSet
	sealer  *sealer // nil when the tape is not encrypted
	wrapped []byte  // its key, as it is written
	offset  int64
	records uint64
	index   []entry
	ledger  replay.Ledger
	packed  Packed
	dirty   bool  // bytes written since the last datasync
	err     error // sticky: the first write that did not succeed

	stop    chan struct{}
	flusher sync.WaitGroup
}

var (
	_ replay.Recorder   = (*Writer)(nil)
	_ replay.Bookkeeper = (*Writer)(nil)
	_ replay.Messenger  = (*Writer)(nil)
)

// Create starts a new tape. It refuses to overwrite a file. The caller closes the Writer.
func Create(path string, m Meta, o Options) (*Writer, error) {
	if m.Created.IsZero() {
		m.Created = time.Now()
	}
	if m.Start.IsZero() {
		m.Start = m.Created
	}
	about, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("create tape %s: encode metadata: %w", path, err)
	}
	if len(about) > metaMax {
		return nil, fmt.Errorf("create tape %s: metadata of %d bytes exceeds the limit of %d", path, len(about), metaMax)
	}
	var sealer *sealer
	var wrapped []byte
	if len(o.Recipients) > 0 {
		if sealer, wrapped, err = newSealer(o.Recipients); err != nil {
			return nil, fmt.Errorf("create tape %s: %w", path, err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("create tape: %w: choose another name or remove it", err)
	}
	if err != nil {
		return nil, fmt.Errorf("create tape: %w", err)
	}
	w, err := newWriter(osFile{f})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create tape %s: %w", path, err), f.Close(), os.Remove(path))
	}
	w.path, w.packing, w.sync, w.recipients, w.sealer, w.wrapped = path, o.Pack, o.Sync, o.Recipients, sealer, wrapped
	w.write(append([]byte(fileMagic), Version))
	w.append(header{kind: kindMeta, size: uint32(len(about))}, about)
	w.lock()
	if w.err != nil {
		return nil, errors.Join(w.err, f.Close(), os.Remove(path))
	}
	if o.Flush == 0 {
		o.Flush = DefaultFlush
	}
	if o.Sync == 0 {
		w.sync = DefaultSync
	}
	if o.Flush > 0 {
		w.flusher.Go(func() { w.flushEvery(o.Flush) })
	}
	return w, nil
}

// newWriter returns a Writer of frames, and of nothing else so far.
func newWriter(f disk) (*Writer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(FrameSize)) // larger ones only take memory
	if err != nil {
		return nil, err
	}
	w := &Writer{f: f, zstd: enc, enc: newEncoder(), ledger: make(replay.Ledger), stop: make(chan struct{})}
	w.open()
	return w, nil
}

// Record appends one exchange. It writes to the file when the frame is full. After the first
// error of the disk every call returns that error; the tape is readable up to the frame before.
func (w *Writer) Record(x *replay.Exchange) error {
	if err := check(x); err != nil {
		return fmt.Errorf("tape %s: %w", filepath.Base(w.path), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	w.buf = w.enc.exchange(w.buf, x)
	w.frame.cover(int64(x.At))
	w.set.add(x.Session)
	return w.recorded()
}

// Message appends one message of a conversation whose exchange was recorded before. It blocks and fails as Record.
func (w *Writer) Message(m *replay.Message) error {
	if len(m.Session) > stringMax || len(m.Session)+len(m.Body) > RecordMax-4096 {
		return fmt.Errorf("tape %s: message of %d bytes exceeds the limit of %d: lower the body limit of the capture", filepath.Base(w.path), len(m.Body), RecordMax-4096)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	w.buf = w.enc.message(w.buf, m)
	w.frame.cover(int64(m.At))
	w.set.add(m.Session)
	return w.recorded()
}

// Gap appends a note that exchanges are missing.
func (w *Writer) Gap(g replay.Gap) error {
	if len(g.Cause) > stringMax {
		return fmt.Errorf("tape %s: gap: cause of %d bytes exceeds the limit of %d", filepath.Base(w.path), len(g.Cause), stringMax)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	w.buf = w.enc.gap(w.buf, g)
	w.frame.flags |= flagGaps
	return w.recorded()
}

// begin prepares for a record. From the first one of a frame on nothing else is written before the frame.
func (w *Writer) begin() {
	if w.frame.records == 0 {
		w.enc.frame = w.offset
	}
}

// recorded counts the record just encoded. The caller holds the lock.
func (w *Writer) recorded() error {
	w.frame.records++
	if w.enc.referred > 0 {
		w.frame.flags |= flagRefers
	}
	if len(w.buf) >= FrameSize || w.enc.referred >= RecordMax {
		w.frame.flags |= flagFull
		w.seal()
	}
	return w.err
}

// Account keeps the counts of a source; they are written with the next flush that has
// something to say, and on Close.
func (w *Writer) Account(source string, c replay.Counts) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger[source] = c.Clone()
	w.seal() // what the counts speak of stands before them
	w.account()
	return w.err
}

// Flush writes what was recorded so far, and asks the disk to keep it.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seal()
	w.datasync()
	return w.err
}

// Close writes the last frame, the ledger and the index, and packs the tape if it is to. A second Close does nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	select {
	case <-w.stop:
		w.mu.Unlock()
		return nil
	default:
	}
	close(w.stop)
	w.mu.Unlock()
	w.flusher.Wait()
	if err := w.finish(); err != nil || w.packing == nil {
		return err
	}
	packed := w.pack(*w.packing, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.packed = packed
	return nil
}

// finish completes the file.
func (w *Writer) finish() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seal()
	if len(w.ledger) > 0 {
		w.account()
	}
	w.lock() // once more: without its key the whole tape is lost
	index, at := appendIndex(nil, w.index), w.offset
	w.append(header{kind: kindIndex, flags: flagZstd, size: uint32(len(index))}, w.zstd.EncodeAll(index, nil))
	w.write(appendFooter(nil, at))
	w.dirty = true
	w.datasync()
	err := errors.Join(w.err, w.f.Close())
	if w.err == nil {
		w.err = fmt.Errorf("tape %s: %w", filepath.Base(w.path), os.ErrClosed)
	}
	return err
}

func (w *Writer) flushEvery(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	synced := time.Now()
	for {
		select {
		case <-w.stop:
			return
		case now := <-tick.C:
			w.mu.Lock()
			w.seal()
			due := w.sync > 0 && w.dirty && now.Sub(synced) >= w.sync
			w.dirty = w.dirty && !due
			w.mu.Unlock()
			if !due {
				continue
			}
			synced = now
			if err := w.f.datasync(); err != nil { // outside the lock: a slow disk must not stop Record
				w.mu.Lock()
				w.fail(err)
				w.mu.Unlock()
			}
		}
	}
}

func (w *Writer) datasync() {
	if w.dirty && w.err == nil {
		w.dirty = false
		if err := w.f.datasync(); err != nil {
			w.fail(err)
		}
	}
}

// open starts an empty frame.
func (w *Writer) open() {
	w.buf = w.buf[:0]
	w.enc.reset()
	w.set = w.set[:0]
	w.frame = header{kind: kindData, flags: flagZstd, first: w.records}
	w.frame.empty()
}

// seal compresses the open frame and appends it to the file. The caller holds the lock.
func (w *Writer) seal() {
	if w.frame.records == 0 {
		return
	}
	h := w.frame
	h.size = uint32(len(w.buf))
	w.out = append(w.out[:0], make([]byte, headerSize)...)
	if w.sealer != nil {
		h.flags |= flagEncrypted
	}
	h.set = w.putSet(h)
	payload := len(w.out)
	w.out = w.zstd.EncodeAll(w.buf, w.out)
	if w.sealer != nil {
		w.out = w.sealer.seal(w.out, payload, h, w.offset, partPayload)
	}
	w.emit(h, w.out)
	w.records += uint64(h.records)
	w.open()
}

// putSet appends the session set to the frame being written and returns its size. It is checked by
// itself, so that looking for a session need not read payloads.
func (w *Writer) putSet(h header) uint16 {
	from := len(w.out)
	w.out = w.set.append(w.out)
	if w.sealer != nil {
		w.out = w.sealer.seal(w.out, from, h, w.offset, partSet)
	} else {
		w.out = binary.LittleEndian.AppendUint32(w.out, castagnoli(w.out[from:]))
	}
	if size := len(w.out) - from; size <= setMax {
		return uint16(size)
	}
	w.out = w.out[:from]
	return 0
}

// lock writes the wrapped key of an encrypted tape.
func (w *Writer) lock() {
	if w.sealer != nil {
		w.append(header{kind: kindKey, size: uint32(len(w.wrapped))}, w.wrapped)
	}
}

func (w *Writer) account() {
	sums, err := json.Marshal(w.ledger)
	if err == nil && len(sums) > metaMax {
		err = fmt.Errorf("%d bytes exceed the limit of %d", len(sums), metaMax)
	}
	if err != nil {
		w.fail(fmt.Errorf("encode ledger: %w", err))
		return
	}
	w.append(header{kind: kindLedger, size: uint32(len(sums))}, sums)
}

// append writes a frame without records.
func (w *Writer) append(h header, payload []byte) {
	h.empty()
	h.first = w.records
	w.emit(h, append(make([]byte, headerSize), payload...))
}

// emit completes the header in the first bytes of frame and writes the whole in one call.
func (w *Writer) emit(h header, frame []byte) {
	h.stored = uint32(len(frame) - headerSize)
	h.crc = castagnoli(frame[headerSize:])
	h.append(frame[:0])
	at := w.offset
	w.write(frame)
	if w.err == nil && h.kind != kindIndex {
		w.index = append(w.index, entryOf(h, at))
	}
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	if _, err := w.f.Write(b); err != nil {
		// Half a frame would look like damage: end the file where the last whole one ends.
		w.fail(errors.Join(err, w.f.Truncate(w.offset)))
		return
	}
	w.offset += int64(len(b))
	w.dirty = true
}

// disk is what a Writer needs of its file.
type disk interface {
	io.WriteCloser
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
	datasync() error
}

type osFile struct{ *os.File }

func (f osFile) datasync() error { return datasync(f.File) }

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = fmt.Errorf("write tape %s: %w", w.path, err)
	}
}

// check refuses what a reader would refuse.
func check(x *replay.Exchange) error {
	total := len(x.Body) + 16*len(x.Beats)
	heads := [4]replay.Header{x.Header, x.Trailer}
	if r := x.Response; r != nil {
		if r.Status < 0 {
			return fmt.Errorf("exchange %d: negative status", x.Seq)
		}
		heads[2], heads[3] = r.Header, r.Trailer
		total += len(r.Body)
	}
	for _, s := range [...]string{x.Session, x.Method, x.Target, x.Host, x.Proto} {
		if len(s) > stringMax {
			return fmt.Errorf("exchange %d: text of %d bytes exceeds the limit of %d", x.Seq, len(s), stringMax)
		}
		total += len(s)
	}
	for _, h := range heads {
		if len(h) > headersMax {
			return fmt.Errorf("exchange %d: %d header lines exceed the limit of %d", x.Seq, len(h), headersMax)
		}
		for _, f := range h {
			if len(f.Name) > stringMax || len(f.Value) > stringMax {
				return fmt.Errorf("exchange %d: header line of %d bytes exceeds the limit of %d", x.Seq, len(f.Name)+len(f.Value), stringMax)
			}
			total += len(f.Name) + len(f.Value) + 8
		}
	}
	if total > RecordMax-4096 {
		return fmt.Errorf("exchange %d: %d bytes exceed the limit of %d: lower the body limit of the capture", x.Seq, total, RecordMax-4096)
	}
	return nil
}
