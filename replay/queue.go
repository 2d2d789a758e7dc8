package replay

// A queue gives back what comes first of what was put in. Its zero value is empty. What is put in behind everything else
// costs next to nothing, and so does taking it out; only what comes out of order goes through a heap (container/heap
// without the boxes).
type queue[T earlier[T]] struct {
	row  fifo[T] // in order
	heap []T
}

// earlier says what comes first.
type earlier[T any] interface{ before(T) bool }

var (
	_ earlier[*shot]   = (*shot)(nil)
	_ earlier[pending] = pending{}
)

func (q *queue[T]) len() int { return q.row.len() + len(q.heap) }

func (q *queue[T]) push(x T) {
	if q.row.len() == 0 || !x.before(q.row.last()) {
		q.row.push(x)
		return
	}
	h := append(q.heap, x)
	for i := len(h) - 1; i > 0 && h[i].before(h[(i-1)/2]); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
	q.heap = h
}

// first returns what pop would. The queue must not be empty.
func (q *queue[T]) first() T {
	if q.inHeap() {
		return q.heap[0]
	}
	return q.row.first()
}

// inHeap reports whether the first is in the heap.
func (q *queue[T]) inHeap() bool {
	return len(q.heap) > 0 && (q.row.len() == 0 || q.heap[0].before(q.row.first()))
}

// pop takes out the first. The queue must not be empty.
func (q *queue[T]) pop() T {
	if !q.inHeap() {
		return q.row.pop()
	}
	var none T
	h := q.heap
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], none
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	q.heap = h
	return first
}

// A fifo gives back what was put in first. Its zero value is empty.
type fifo[T any] struct {
	items []T
	taken int // of the items
}

func (f *fifo[T]) len() int { return len(f.items) - f.taken }

func (f *fifo[T]) push(x T) { f.items = append(f.items, x) }

// first returns what pop would. The fifo must not be empty.
func (f *fifo[T]) first() T { return f.items[f.taken] }

// last returns what was put in last. The fifo must not be empty.
func (f *fifo[T]) last() T { return f.items[len(f.items)-1] }

// pop takes out the first. The fifo must not be empty.
func (f *fifo[T]) pop() T {
	var none T
	x := f.items[f.taken]
	f.items[f.taken] = none
	if f.taken++; 2*f.taken >= len(f.items) { // what moves has been paid for by what was taken
		f.items = append(f.items[:0], f.items[f.taken:]...)
		f.taken = 0
	}
	return x
}
