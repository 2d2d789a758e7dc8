package tape

import "io"

// nearSize is more than the small frames of slow traffic take, and less than what a call to the system costs by itself.
const nearSize = 16 << 10

// near reads some more than it is asked for, since what follows will be asked for next: headers and small frames cost no
// call to the system each. It is for one goroutine.
type near struct {
	r    io.ReaderAt
	at   int64 // where bytes were
	b    []byte
	room [nearSize]byte
}

func (n *near) ReadAt(p []byte, at int64) (int, error) {
	done := 0
	if i := at - n.at; i >= 0 && i < int64(len(n.b)) {
		if done = copy(p, n.b[i:]); done == len(p) {
			return done, nil
		}
	}
	p, at = p[done:], at+int64(done)
	if len(p) >= nearSize {
		k, err := n.r.ReadAt(p, at)
		return done + k, err
	}
	k, err := n.r.ReadAt(n.room[:], at)
	n.at, n.b = at, n.room[:k]
	k = copy(p, n.b)
	if k == len(p) {
		err = nil
	}
	return done + k, err
}
