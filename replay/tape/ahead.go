package tape

import (
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// aheadMax is how many decoded frames wait for the one who reads: enough that it never waits for the
// disk or for zstd, few enough that memory stays at some megabytes.
const aheadMax = 2

// ahead is a goroutine that reads and decodes frames before they are asked for.
type ahead struct {
	batches chan batch // closed behind the last frame
	stop    chan struct{}
	done    sync.WaitGroup
}

// batch is what was in a frame.
type batch struct {
	frame     int
	exchanges []*replay.Exchange // in order of time
	gaps      []replay.Gap
	messages  []*replay.Message
	read      int64 // records decoded, up to the error if there is one
	err       error
}

func readAhead(l loader, first int) *ahead {
	a := &ahead{batches: make(chan batch, aheadMax), stop: make(chan struct{})}
	a.done.Go(func() {
		defer close(a.batches)
		for i := first; i < len(l.index); i++ {
			b := l.load(i)
			if len(b.exchanges)+len(b.gaps)+len(b.messages) == 0 && b.err == nil {
				continue
			}
			select {
			case a.batches <- b:
			case <-a.stop:
				return
			}
			if b.err != nil && !l.skip {
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
}

// load decodes a frame; the batch of one that holds nothing of interest is empty.
func (l *loader) load(i int) batch {
	b := batch{frame: i}
	e := l.index[i]
	if e.kind != kindData || e.flags&flagGaps == 0 && e.tsMax < int64(l.from) {
		return b
	}
	h, err := l.file.header(e.offset)
	if err == nil && l.hashes != nil && !l.file.mayHold(h, e.offset, l.hashes) {
		return b
	}
	if err == nil {
		l.payload, l.stored, err = l.file.payload(h, e.offset, l.stored, l.payload)
	}
	if err != nil {
		b.err = err
		return b
	}
	l.dec.reset(l.payload)
	b.exchanges = make([]*replay.Exchange, 0, min(int(e.records), len(l.payload)/exchangeMin))
	for {
		r, err := l.dec.next()
		if err != nil || r == (decoded{}) {
			b.err = err
			break
		}
		b.read++
		switch x, m := r.exchange, r.message; {
		case r.gap != nil:
			b.gaps = append(b.gaps, *r.gap)
		case m != nil && l.wants(m.At, m.Session):
			b.messages = append(b.messages, m)
		case x != nil && l.wants(x.At, x.Session):
			b.exchanges = append(b.exchanges, x)
		}
	}
	slices.SortStableFunc(b.exchanges, func(x, y *replay.Exchange) int {
		switch {
		case earlier(x, y):
			return -1
		case earlier(y, x):
			return 1
		}
		return 0
	})
	return b
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
