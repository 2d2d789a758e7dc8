package tape

import (
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gameday-dev/gameday/replay"
)

// ReadOptions say how a tape is read. The zero value stops at the first damaged frame.
type ReadOptions struct {
	// Skip reads on behind damage, at the next whole frame. What is lost is in Reader.Damage.
	Skip bool
	// Window bounds the bytes held to restore the order of time; 0 means 64 MiB. A tape
	// with longer overlaps yields exchanges late, counted by Reader.Unordered.
	Window int
	// Gap, when set, is called for each gap record in passing.
	Gap func(replay.Gap)
	// Message, when set, is called for each message in passing: behind its exchange, in order
	// of time within its conversation.
	Message func(*replay.Message)
}

const defaultWindow = 64 << 20

// A Reader yields the exchanges of a tape in order of time. It is used by one goroutine.
type Reader struct {
	file
	o      ReadOptions
	closer io.Closer
	meta   Meta
	closed bool
	index  []entry
	order  order
	damage []*Damage

	next    int // frame to read next
	frame   int // frame being decoded
	from    time.Duration
	dec     decoder
	stored  []byte
	payload []byte
	read    int64 // records decoded from the current frame

	held      byTime
	heldBytes int
	last      time.Duration
	unordered int64
	err       error // what Next returns once held is empty
}

var (
	_ replay.Source  = (*Reader)(nil)
	_ replay.Audited = (*Reader)(nil)
)

// Open opens a tape, closed or cut short, for reading. The caller closes the Reader.
func Open(path string, o ReadOptions) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open tape: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open tape: %w", err), f.Close())
	}
	r, err := NewReader(f, st.Size(), path, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.closer = f
	return r, nil
}

// NewReader reads a tape of a known size; name stands in its errors. Close leaves ra alone.
func NewReader(ra io.ReaderAt, size int64, name string, o ReadOptions) (*Reader, error) {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("read tape %s: %w", name, err)
	}
	r := &Reader{file: file{r: ra, size: size, name: name, zstd: z}, o: o, from: math.MinInt64, last: math.MinInt64}
	if err := r.start(); err != nil {
		return nil, err
	}
	if r.index, r.closed, r.damage, err = r.load(o.Skip); err != nil {
		return nil, err
	}
	r.order = orderOf(r.index)
	if err := r.about(); err != nil {
		return nil, err
	}
	return r, nil
}

// Meta returns what the tape says about itself; zero when its first frame is damaged.
func (r *Reader) Meta() Meta { return r.meta }

// Damage returns what could not be read so far.
func (r *Reader) Damage() []*Damage { return r.damage }

// Unordered is how many exchanges came after a later one, because more than Window bytes lay
// between them.
func (r *Reader) Unordered() int64 { return r.unordered }

// Close releases the file. Exchanges that were returned stay valid.
func (r *Reader) Close() error {
	r.err, r.held = os.ErrClosed, nil
	r.zstd.Close()
	if r.closer == nil {
		return nil
	}
	closer := r.closer
	r.closer = nil
	return closer.Close()
}

// Seek lets Next continue with the first exchange that started at or after at, forward or
// back. It reads nothing by itself.
func (r *Reader) Seek(at time.Duration) error {
	if errors.Is(r.err, os.ErrClosed) {
		return fmt.Errorf("seek tape %s: %w", r.name, r.err)
	}
	r.next = r.order.seek(int64(at))
	r.from, r.last, r.err = at, math.MinInt64, nil
	r.held, r.heldBytes = nil, 0
	r.dec.reset(nil)
	return nil
}

// Next returns the next exchange in order of time, io.EOF after the last one, or the first
// *Damage unless damage is skipped. The unfinished frame of a tape that was never closed is
// not an error but stands in Damage.
func (r *Reader) Next() (*replay.Exchange, error) {
	for r.err == nil && !r.ready() {
		r.step()
	}
	if len(r.held) == 0 {
		return nil, r.err
	}
	x := heap.Pop(&r.held).(*replay.Exchange)
	r.heldBytes -= weight(x)
	if x.At < r.last {
		r.unordered++
	}
	r.last = max(r.last, x.At)
	return x, nil
}

// ready reports whether no frame ahead can hold an earlier exchange than those held.
func (r *Reader) ready() bool {
	if len(r.held) == 0 || len(r.dec.rest) > 0 {
		return false
	}
	return r.heldBytes > r.o.Window || int64(r.held[0].At) <= r.order.from[r.next]
}

// step decodes one record of the open frame, or opens the next frame.
func (r *Reader) step() {
	if len(r.dec.rest) == 0 {
		r.open()
		return
	}
	record, err := r.dec.next()
	switch x := record.exchange; {
	case err != nil:
		r.dec.reset(nil)
		r.damaged(err)
		return
	case record.gap != nil && r.o.Gap != nil:
		r.o.Gap(*record.gap)
	case record.message != nil && r.o.Message != nil && record.message.At >= r.from:
		r.o.Message(record.message)
	case x != nil && x.At >= r.from:
		heap.Push(&r.held, x)
		r.heldBytes += weight(x)
	}
	r.read++
}

func (r *Reader) open() {
	for r.next < len(r.index) && r.index[r.next].kind != kindData {
		r.next++
	}
	if r.next == len(r.index) {
		r.err = io.EOF
		if n := len(r.damage); n > 0 && !r.o.Skip && !r.damage[n-1].Tail {
			r.err = r.damage[n-1]
		}
		return
	}
	r.frame = r.next
	r.next++
	r.read = 0
	h, err := r.header(r.index[r.frame].offset)
	if err == nil {
		r.payload, r.stored, err = r.file.payload(h, r.index[r.frame].offset, r.stored, r.payload)
	}
	if err != nil {
		r.damaged(err)
		return
	}
	r.dec.reset(r.payload)
}

// damaged notes that the rest of the current frame cannot be read.
func (r *Reader) damaged(err error) {
	e := r.index[r.frame]
	d := &Damage{Path: r.name, Frame: r.frame, Offset: e.offset, Lost: int64(e.records) - r.read, Err: err}
	end := r.size
	if r.next < len(r.index) {
		end = r.index[r.next].offset
	}
	if !r.o.Skip {
		end, d.Lost = r.size, d.Lost+r.recordsAfter()
		r.err, r.next = d, len(r.index)
	}
	d.Bytes = end - e.offset
	for _, known := range r.damage {
		if known.Offset == d.Offset { // met again after a Seek
			return
		}
	}
	r.damage = append(r.damage, d)
}

func (r *Reader) recordsAfter() (n int64) {
	for _, e := range r.index[r.frame+1:] {
		n += int64(e.records)
	}
	return n
}

// about reads the metadata from the first frame.
func (r *Reader) about() error {
	if len(r.index) == 0 || r.index[0].kind != kindMeta {
		return nil
	}
	payload, err := r.small(r.index[0])
	if err != nil {
		return nil // the walk or the summary reports the frame; exchanges do not need it
	}
	if err := json.Unmarshal(payload, &r.meta); err != nil {
		return fmt.Errorf("read tape %s: metadata: %w", r.name, err)
	}
	return nil
}

// small reads the payload of a metadata or ledger frame.
func (r *Reader) small(e entry) ([]byte, error) {
	h, err := r.header(e.offset)
	if err != nil {
		return nil, err
	}
	if h.size > metaMax {
		return nil, errLimit
	}
	payload, _, err := r.file.payload(h, e.offset, nil, nil)
	return payload, err
}

// byTime is a heap of exchanges, earliest first; the sequence breaks ties.
type byTime []*replay.Exchange

func (h byTime) Len() int { return len(h) }
func (h byTime) Less(i, j int) bool {
	if h[i].At != h[j].At {
		return h[i].At < h[j].At
	}
	return h[i].Seq < h[j].Seq
}
func (h byTime) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byTime) Push(x any)   { *h = append(*h, x.(*replay.Exchange)) }
func (h *byTime) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return x
}

// weight is about what an exchange takes in memory.
func weight(x *replay.Exchange) int {
	n := 256 + len(x.Body) + 48*len(x.Header)
	if x.Response != nil {
		n += len(x.Response.Body) + 48*len(x.Response.Header)
	}
	return n
}
