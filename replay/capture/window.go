package capture

import (
	"container/heap"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// window puts records that lie about in order of time. It holds them until one is so much
// older than the newest, or so many wait, that no earlier one is expected.
type window struct {
	span  time.Duration
	max   int
	bytes int

	held      waiting
	heldBytes int
	newest    int64
	zero      int64 // wall time of offset zero: the first one out
	last      int64
	seq       uint64
	out       uint64
	unordered uint64
}

// item is an exchange and its wall time; rank orders items of one time, then their order in
// the file does.
type item struct {
	x    *replay.Exchange
	ns   int64
	rank uint32
	nth  uint64
}

func (w *window) push(x *replay.Exchange, ns int64, rank uint32) {
	n := 512 + bodies(x)
	heap.Push(&w.held, item{x: x, ns: ns, rank: rank, nth: w.seq})
	w.seq++
	w.heldBytes += n
	w.newest = max(w.newest, ns)
}

// grow counts what was added to an exchange that is held.
func (w *window) grow(n int) { w.heldBytes += n }

// pop returns the earliest exchange when it is due; flush makes each one due.
func (w *window) pop(flush bool) *replay.Exchange {
	if len(w.held) == 0 {
		return nil
	}
	due := flush || len(w.held) > w.max || w.heldBytes > w.bytes || w.newest-w.held[0].ns > int64(w.span)
	if !due {
		return nil
	}
	it := heap.Pop(&w.held).(item)
	w.heldBytes -= 512 + bodies(it.x)
	if w.out == 0 {
		w.zero = it.ns
	} else if it.ns < w.last {
		w.unordered++
	}
	w.last = max(w.last, it.ns)
	it.x.At = time.Duration(it.ns - w.zero)
	it.x.Seq = w.out
	w.out++
	return it.x
}

type waiting []item

func (h waiting) Len() int { return len(h) }
func (h waiting) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.ns != b.ns {
		return a.ns < b.ns
	}
	if a.x.Conn == b.x.Conn && a.rank != b.rank {
		return int32(a.rank-b.rank) < 0 // TCP numbers wrap
	}
	return a.nth < b.nth
}
func (h waiting) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *waiting) Push(x any)   { *h = append(*h, x.(item)) }
func (h *waiting) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = item{}
	*h = old[:len(old)-1]
	return it
}
