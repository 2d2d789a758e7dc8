package tape

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"time"

	"filippo.io/age"
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
	// Sessions, when there are any, are the only ones whose exchanges are yielded. Frames that
	// hold none of them are not read.
	Sessions []string
	// Identities open an encrypted tape: one of them has to be of one of its recipients. Without
	// any, all but the exchanges and gaps of an encrypted tape can be read.
	Identities []age.Identity
}

const defaultWindow = 64 << 20

// A Reader yields the exchanges of a tape in order of time. It is used by one goroutine; another one
// that it starts reads and decodes ahead, a few frames at most, until Close.
type Reader struct {
	file
	o      ReadOptions
	closer io.Closer
	meta   Meta
	closed bool
	index  []entry
	order  order
	ends   []end // see LastOf; nil until it is asked for
	damage []*Damage

	ahead  *ahead // nil until Next needs a frame
	next   int    // frame to take next, when the last one is used up
	frame  int    // frame taken last
	read   int64  // records decoded from it
	behind int64  // nothing that is left of it is earlier
	from   time.Duration

	held      []*replay.Exchange // in order of time
	said      []*replay.Message  // the same, where they are wanted
	events    bool               // they are
	heldBytes int
	spent     []*replay.Exchange // given back, until they are a batch
	last      time.Duration
	unordered int64
	err       error // what Next returns once held is empty
}

var (
	_ replay.Chronicle  = (*Reader)(nil)
	_ replay.Audited    = (*Reader)(nil)
	_ replay.Farsighted = (*Reader)(nil)
	_ replay.Recycler   = (*Reader)(nil)
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
	r := &Reader{file: file{r: ra, size: size, name: name, zstd: z}, o: o, from: math.MinInt64, last: math.MinInt64, behind: math.MaxInt64}
	if err := r.start(); err != nil {
		return nil, err
	}
	if r.index, r.closed, r.damage, err = r.load(o.Skip); err != nil {
		return nil, err
	}
	r.order = orderOf(r.index)
	if err := errors.Join(r.about(), r.unlock()); err != nil {
		return nil, err
	}
	return r, nil
}

// Meta returns what the tape says about itself; zero when its first frame is damaged.
func (r *Reader) Meta() Meta { return r.meta }

// Extent returns how many records the tape has by its index (exchanges, messages and gaps), and the offsets of the first
// and the last exchange; zeros when there is none.
func (r *Reader) Extent() (records int64, first, last time.Duration) {
	low, high := int64(math.MaxInt64), int64(math.MinInt64)
	for _, e := range r.index {
		if e.kind == kindData {
			records, low, high = records+int64(e.records), min(low, e.tsMin), max(high, e.tsMax)
		}
	}
	if low > high {
		return records, 0, 0
	}
	return records, time.Duration(low), time.Duration(high)
}

// Damage returns what could not be read so far.
func (r *Reader) Damage() []*Damage { return r.damage }

// Unordered is how many exchanges came after a later one, because more than Window bytes lay
// between them.
func (r *Reader) Unordered() int64 { return r.unordered }

// Close releases the file. Exchanges that were returned stay valid.
func (r *Reader) Close() error {
	r.rest()
	r.err, r.held, r.said, r.spent = os.ErrClosed, nil, nil, nil
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
	r.rest()
	r.next, r.behind = r.order.seek(int64(at)), math.MaxInt64
	r.from, r.last, r.err = at, math.MinInt64, nil
	r.held, r.said, r.heldBytes = nil, nil, 0
	return nil
}

// rest ends the reading ahead.
func (r *Reader) rest() {
	if r.ahead != nil {
		r.ahead.end()
		r.ahead = nil
	}
}

// Next returns the next exchange in order of time, io.EOF after the last one, or the first
// *Damage unless damage is skipped. The unfinished frame of a tape that was never closed is
// not an error but stands in Damage.
func (r *Reader) Next() (*replay.Exchange, error) {
	for r.err == nil && !r.ready() {
		r.fetch()
	}
	return r.take()
}

// take gives out the first exchange that is held.
func (r *Reader) take() (*replay.Exchange, error) {
	if len(r.held) == 0 {
		return nil, r.err
	}
	x := r.held[0]
	r.held[0] = nil
	r.held = r.held[1:]
	r.heldBytes -= weight(x)
	if x.At < r.last {
		r.unordered++
	}
	r.last = max(r.last, x.At)
	return x, nil
}

// Recycle implements replay.Recycler.
func (r *Reader) Recycle(x *replay.Exchange) {
	if r.ahead == nil {
		return
	}
	if r.spent == nil {
		r.spent = make([]*replay.Exchange, 0, batchMax)
	}
	if r.spent = append(r.spent, x); len(r.spent) == batchMax {
		select {
		case r.ahead.spent <- r.spent:
		default: // there are enough
		}
		r.spent = nil
	}
}

// NextEvent is Next for who wants the messages, too: in order of time with the exchanges, and each behind its own.
func (r *Reader) NextEvent() (*replay.Exchange, *replay.Message, error) {
	r.events = true
	for r.err == nil && !r.ready() {
		r.fetch()
	}
	if len(r.said) == 0 || len(r.held) > 0 && r.held[0].At <= r.said[0].At {
		x, err := r.take()
		return x, nil, err
	}
	m := r.said[0]
	r.said[0] = nil
	r.said = r.said[1:]
	r.heldBytes -= messageWeight(m)
	return nil, m, nil
}

// ready reports whether nothing that is still to be read can be earlier than what is held.
func (r *Reader) ready() bool {
	if len(r.held)+len(r.said) == 0 {
		return false
	}
	first := int64(math.MaxInt64)
	if len(r.held) > 0 {
		first = int64(r.held[0].At)
	}
	if len(r.said) > 0 {
		first = min(first, int64(r.said[0].At))
	}
	return r.heldBytes > r.o.Window || first <= min(r.behind, r.order.from[r.next])
}

// fetch takes the next batch from the goroutine that decodes ahead.
func (r *Reader) fetch() {
	if r.ahead == nil {
		l := newLoader(&r.file, r.index, r.o.Skip)
		l.from, l.hashes, l.sessions = r.from, hashesOf(r.o.Sessions), r.o.Sessions
		r.ahead = readAhead(l, r.next)
	}
	b, more := <-r.ahead.batches
	if !more {
		r.next, r.behind, r.err = len(r.index), math.MaxInt64, io.EOF
		if n := len(r.damage); n > 0 && !r.o.Skip && !r.damage[n-1].Tail {
			r.err = r.damage[n-1]
		}
		return
	}
	r.frame, r.next, r.read, r.behind = b.frame, b.frame+1, b.read, b.behind
	r.lacking(b.lacks)
	if r.o.Gap != nil {
		for _, g := range b.gaps {
			r.o.Gap(g)
		}
	}
	if r.o.Message != nil {
		for _, m := range b.messages {
			r.o.Message(m)
		}
	}
	if r.events {
		r.hear(b.messages)
	}
	r.heldBytes += b.weight
	r.hold(b.exchanges)
	switch {
	case errors.Is(b.err, ErrLocked):
		r.err = fmt.Errorf("read tape %s: %w", r.name, b.err)
	case b.err != nil:
		r.damaged(b.err)
	}
}

// hold merges the exchanges of a batch, in order of time, into those held. Batches overlap little, so
// mostly only the tail of what is held moves.
func (r *Reader) hold(xs []*replay.Exchange) {
	if len(xs) == 0 {
		return
	}
	overlap := sort.Search(len(r.held), func(i int) bool { return earlier(xs[0], r.held[i]) })
	if overlap == len(r.held) {
		r.held = append(r.held, xs...)
		return
	}
	tail := slices.Clone(r.held[overlap:])
	r.held = r.held[:overlap]
	for len(tail) > 0 && len(xs) > 0 {
		if earlier(xs[0], tail[0]) {
			r.held, xs = append(r.held, xs[0]), xs[1:]
		} else {
			r.held, tail = append(r.held, tail[0]), tail[1:]
		}
	}
	r.held = append(append(r.held, tail...), xs...)
}

// hear puts the messages of a batch in order of time with those held.
func (r *Reader) hear(ms []*replay.Message) {
	for _, m := range ms {
		r.heldBytes += messageWeight(m)
	}
	if len(ms) > 0 {
		r.said = append(r.said, ms...)
		slices.SortStableFunc(r.said, func(m, n *replay.Message) int { return cmp.Compare(m.At, n.At) })
	}
}

// damaged notes that the rest of the current frame cannot be read.
func (r *Reader) damaged(err error) {
	e := r.index[r.frame]
	d := &Damage{Path: r.name, Frame: r.frame, Offset: e.offset, Lost: int64(e.records) - r.read, Err: err}
	end := r.endOf(r.frame)
	if !r.o.Skip {
		end, d.Lost = r.size, d.Lost+r.recordsAfter()
		r.err, r.next = d, len(r.index)
	}
	d.Bytes = end - e.offset
	if r.damageAt(d.Offset) == nil { // else met again after a Seek
		r.damage = append(r.damage, d)
	}
}

// endOf is where what follows a frame begins.
func (r *Reader) endOf(frame int) int64 {
	if frame+1 < len(r.index) {
		return r.index[frame+1].offset
	}
	return r.size
}

func (r *Reader) damageAt(offset int64) *Damage {
	i := slices.IndexFunc(r.damage, func(d *Damage) bool { return d.Offset == offset })
	if i < 0 {
		return nil
	}
	return r.damage[i]
}

// lacksMax bounds the frames that are told apart because bodies in them are missing.
const lacksMax = 1000

// lacking notes bodies that are missing because the frame that they stand in cannot be read.
func (r *Reader) lacking(all []lack) {
	for _, one := range all {
		d := r.damageAt(one.frame)
		if d == nil && len(r.damage) >= lacksMax {
			d = r.damage[len(r.damage)-1]
		}
		if d == nil {
			d = &Damage{Path: r.name, Offset: one.frame, Lost: -1, Err: one.err}
			for i, e := range r.index {
				if e.offset == one.frame {
					d.Frame, d.Lost, d.Bytes = i, int64(e.records), r.endOf(i)-e.offset
				}
			}
			r.damage = append(r.damage, d)
		}
		d.Bodies++
	}
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

// small reads the payload of a metadata, key or ledger frame.
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

// unlock finds the key of an encrypted tape. Any of its key frames will do.
func (r *Reader) unlock() error {
	if len(r.o.Identities) == 0 {
		return nil
	}
	var errs []error
	for _, e := range r.index {
		if e.kind != kindKey {
			continue
		}
		wrapped, err := r.small(e)
		if err == nil {
			r.sealer, err = unwrap(wrapped, r.o.Identities)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("unlock tape %s: key at byte %d: %w", r.name, e.offset, err))
	}
	return errors.Join(errs...)
}

// earlier orders exchanges by time; the sequence breaks ties.
func earlier(x, y *replay.Exchange) bool { return x.At < y.At || x.At == y.At && x.Seq < y.Seq }

// weight is about what an exchange takes in memory.
func weight(x *replay.Exchange) int {
	n := 256 + len(x.Body) + 48*len(x.Header) + 24*len(x.Beats)
	if x.Response != nil {
		n += len(x.Response.Body) + 48*len(x.Response.Header)
	}
	return n
}

// messageWeight is the same of a message.
func messageWeight(m *replay.Message) int { return 128 + len(m.Body) }
