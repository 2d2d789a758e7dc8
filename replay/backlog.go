package replay

import "sync/atomic"

// The bounds of what a replay holds in memory, for each shard, in requests and in bytes. What is read of a tape is read
// because there is room for it: a tape that is due faster than it can be sent takes no more memory than another one.
const (
	maxAhead      = 2048 // handed over by the feed, and not yet taken in hand
	maxAheadBytes = 8 << 20
	maxWaiting    = 4096 // taken in hand, and not yet ended, beyond the number of connections
	maxOpenBytes  = 64 << 20
	maxThought    = 32_768 // maxAhead, where users think
)

// maxOpen returns the bound of what was taken in hand by a shard of so many connections, and has not ended.
func maxOpen(conns int) weight { return weight{int64(conns) + maxWaiting, maxOpenBytes} }

// A backlog counts what the feed has handed over and no shard has taken in hand, and holds the feed back when that is
// enough. Its nil value holds nobody back.
type backlog struct {
	max     weight
	shots   atomic.Int64
	bytes   atomic.Int64
	waiting atomic.Bool
	room    chan struct{} // of one: there is room again, or was
}

// A weight is a number of shots, and about how many bytes they hold.
type weight struct{ shots, bytes int64 }

func (w *weight) add(x *shot) {
	w.shots++
	w.bytes += x.weight()
}

func (w *weight) remove(x *shot) {
	w.shots--
	w.bytes -= x.weight()
}

// reaches reports whether one of the two is at its bound.
func (w weight) reaches(bound weight) bool { return w.shots >= bound.shots || w.bytes >= bound.bytes }

// newBacklog returns the backlog of so many shards. Where users think, what they ask next waits for them there, too.
func newBacklog(shards int, think bool) *backlog {
	n := int64(shards)
	bound := weight{n * maxAhead, n * maxAheadBytes}
	if think {
		bound = weight{n * maxThought, n * maxOpenBytes}
	}
	return &backlog{max: bound, room: make(chan struct{}, 1)}
}

func (b *backlog) now() weight { return weight{b.shots.Load(), b.bytes.Load()} }

// full reports whether there is no room for more; b.room then tells of some. Only the feed calls it.
func (b *backlog) full() bool {
	if b == nil {
		return false
	}
	full := b.now().reaches(b.max)
	if b.waiting.Store(full); full {
		full = b.now().reaches(b.max) // or it was taken before anybody could know of the waiting
	}
	return full
}

// add notes what is handed over.
func (b *backlog) add(w weight) {
	b.shots.Add(w.shots)
	b.bytes.Add(w.bytes)
}

// remove notes what was taken in hand, and has a feed that waits go on once half of the room is free: it then has some work
// to do before it waits again.
func (b *backlog) remove(w weight) {
	if w.shots == 0 {
		return
	}
	left := weight{b.shots.Add(-w.shots), b.bytes.Add(-w.bytes)}
	if b.waiting.Load() && !left.reaches(weight{b.max.shots/2 + 1, b.max.bytes/2 + 1}) {
		select {
		case b.room <- struct{}{}:
		default:
		}
	}
}
