package tape

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A frame is handed over in batches, so that few exchanges wait at a time: the garbage collector looks at each of them, and
// those that are given back are still in the processor's cache when they are written over. With four times as many and as
// large batches reading takes a third more. There are enough that who reads seldom waits for zstd.
const (
	batchMax  = 32        // records of a batch
	batchSize = 256 << 10 // bytes of exchanges, after which it ends
	aheadMax  = 4         // batches that wait
)

// ahead is a goroutine that reads and decodes frames before they are asked for.
type ahead struct {
	batches chan batch              // closed behind the last frame
	spent   chan []*replay.Exchange // given back, for the decoder; there is room for all that can be under way
	stop    chan struct{}
	done    sync.WaitGroup
}

// batch is some of what was in a frame.
type batch struct {
	frame     int
	exchanges []*replay.Exchange // in order of time
	gaps      []replay.Gap
	messages  []*replay.Message
	weight    int   // of the exchanges
	read      int64 // records decoded of the frame, up to the error if there is one
	behind    int64 // no later record of the frame is earlier
	lacks     []lack
	err       error
}

func (b *batch) empty() bool {
	return len(b.exchanges)+len(b.gaps)+len(b.messages)+len(b.lacks) == 0 && b.err == nil
}

func readAhead(l *loader, first int) *ahead {
	a := &ahead{batches: make(chan batch, aheadMax), spent: make(chan []*replay.Exchange, 2*aheadMax), stop: make(chan struct{})}
	l.dec.spent = a.spent
	if l.hashes == nil { // else most frames are passed over
		reading := *l.file
		reading.r = &near{r: l.file.r}
		l.file = &reading
	}
	send := func(b batch) bool {
		if b.empty() {
			return true
		}
		select {
		case a.batches <- b:
			return b.err == nil || l.skip
		case <-a.stop:
			return false
		}
	}
	a.done.Go(func() {
		defer close(a.batches)
		for i := first; i < len(l.index); i++ {
			if !l.load(i, send) {
				return
			}
		}
	})
	return a
}

// end stops the goroutine and waits for it.
func (a *ahead) end() {
	close(a.stop)
	a.done.Wait()
}

// loader decodes frames for one pass through a tape.
type loader struct {
	file     *file
	index    []entry
	skip     bool
	from     time.Duration // earlier exchanges are not wanted
	sessions []string      // the only ones that are wanted; all when there are none
	hashes   []uint32      // of them, sorted

	dec     decoder
	stored  []byte
	payload []byte
	behind  []int64
}

func newLoader(f *file, index []entry, skip bool) *loader {
	l := &loader{file: f, index: index, skip: skip, from: math.MinInt64}
	l.dec.library = &library{file: f, keep: refers(index), skip: skip}
	return l
}

// load decodes a frame and hands over its batches while they are taken; it reports whether the last one was.
func (l *loader) load(i int, take func(batch) bool) bool {
	e := l.index[i]
	if e.kind != kindData || e.flags&flagGaps == 0 && e.tsMax < int64(l.from) {
		return true
	}
	h, err := l.file.header(e.offset)
	if err == nil && l.hashes != nil && !l.file.mayHold(h, e.offset, l.hashes) {
		return true
	}
	if err == nil {
		l.payload, l.stored, err = l.file.payload(h, e.offset, l.stored, l.payload)
	}
	if err != nil {
		return take(batch{frame: i, err: err})
	}
	l.dec.reset(l.payload, e.offset)
	l.behind = timesBehind(l.behind[:0], l.payload)
	read := int64(0)
	for more := true; more; {
		b := batch{frame: i, behind: math.MaxInt64}
		more = l.fill(&b)
		if read += b.read; read > 0 && read <= int64(len(l.behind)) {
			b.behind = l.behind[read-1]
		}
		b.read, b.lacks = read, l.dec.library.lacks()
		if !take(b) {
			return false
		}
	}
	return true
}

// fill decodes a batch, and reports whether another one may follow in the frame.
func (l *loader) fill(b *batch) bool {
	for said := 0; b.read < batchMax && b.weight+said < batchSize; {
		r, err := l.dec.next()
		if err != nil || r == (decoded{}) {
			b.err = err
			sortByTime(b.exchanges)
			return false
		}
		b.read++
		switch x, m := r.exchange, r.message; {
		case r.gap != nil:
			b.gaps = append(b.gaps, *r.gap)
		case m != nil && l.wants(m.At, m.Session):
			b.messages = append(b.messages, m)
			said += messageWeight(m)
		case x != nil && l.wants(x.At, x.Session):
			if b.exchanges == nil {
				b.exchanges = make([]*replay.Exchange, 0, min(batchMax, 1+len(l.dec.rest)/exchangeMin))
			}
			b.exchanges = append(b.exchanges, x)
			b.weight += weight(x)
		}
	}
	sortByTime(b.exchanges)
	return true
}

// sortByTime puts the exchanges of a batch in order. They lie in the order in which they ended, so that few are far from
// their place.
func sortByTime(xs []*replay.Exchange) {
	for i, x := range xs {
		for ; i > 0 && earlier(x, xs[i-1]); i-- {
			xs[i] = xs[i-1]
		}
		xs[i] = x
	}
}

func (l *loader) wants(at time.Duration, session string) bool {
	return at >= l.from && (len(l.sessions) == 0 || slices.Contains(l.sessions, session))
}

// hashesOf returns the sorted hashes of sessions; nil for none.
func hashesOf(sessions []string) []uint32 {
	var hashes []uint32
	for _, s := range sessions {
		hashes = append(hashes, sessionHash(s))
	}
	slices.Sort(hashes)
	return hashes
}
