package replay

// A queue gives back what comes first of what was put in. It is container/heap without the boxes.
type queue[T earlier[T]] []T

// earlier says what comes first.
type earlier[T any] interface{ before(T) bool }

var (
	_ earlier[*shot]   = (*shot)(nil)
	_ earlier[pending] = pending{}
)

func (q *queue[T]) push(x T) {
	h := append(*q, x)
	i := len(h) - 1
	for i > 0 && h[i].before(h[(i-1)/2]) {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		i = (i - 1) / 2
	}
	*q = h
}

// pop takes out the first. The queue must not be empty.
func (q *queue[T]) pop() T {
	var none T
	h := *q
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
	*q = h
	return first
}
