package tape

import "container/list"

// Bodies of at least bodyMin bytes that were stored before are stored as a reference; smaller ones repeat within a
// frame, where zstd sees them. The shelf bounds how far back a reference may reach: to the bodies used last, of shelfSize
// bytes in all; larger ones are not put there. Writer and reader keep the same shelf, because they put and get the same in
// the same order, that of the bodies on the tape, so who reads from the start finds each body in memory.
const (
	bodyMin   = 4 << 10
	shelfSize = 16 << 20
)

// place is where a body stands.
type place struct {
	frame int64  // offset of its frame in the file
	at    uint64 // offset in the payload of the frame
}

// shelf holds what was used last, up to shelfSize.
type shelf[K comparable, V any] struct {
	size  int
	items map[K]*list.Element
	order list.List // of *shelved[K, V], the one used last in front
}

type shelved[K comparable, V any] struct {
	key   K
	value V
	size  int
}

// get returns a value and makes it the one used last.
func (s *shelf[K, V]) get(k K) (v V, ok bool) {
	e := s.items[k]
	if e == nil {
		return v, false
	}
	s.order.MoveToFront(e)
	return e.Value.(*shelved[K, V]).value, true
}

// put adds a value, and lets go of those that were not used for longest. What has the same key is not found any more,
// and takes its room until it is the one to go.
func (s *shelf[K, V]) put(k K, v V, size int) {
	if size > shelfSize {
		return
	}
	if s.items == nil {
		s.items = make(map[K]*list.Element)
	}
	s.items[k] = s.order.PushFront(&shelved[K, V]{k, v, size})
	for s.size += size; s.size > shelfSize; {
		s.remove(s.order.Back())
	}
}

// set changes a value that is still there, which is no use of it.
func (s *shelf[K, V]) set(k K, v V) {
	if e := s.items[k]; e != nil {
		e.Value.(*shelved[K, V]).value = v
	}
}

func (s *shelf[K, V]) remove(e *list.Element) {
	old := s.order.Remove(e).(*shelved[K, V])
	if s.items[old.key] == e {
		delete(s.items, old.key)
	}
	s.size -= old.size
}
