package replay

import "time"

// The geometry of a wheel. A deadline beyond one turn is looked at once per turn.
const (
	wheelTick  = 10 * time.Millisecond
	wheelSlots = 512
)

// A wheel knows which connections have waited for too long, to the tick: a hashed timing wheel, in which setting and
// clearing a deadline costs the same however many there are.
type wheel struct {
	slots [wheelSlots]*conn // lists
	at    int64             // ticks that have passed
}

// hand is a connection's place in the wheel.
type hand struct {
	deadline   time.Duration
	slot       int // plus 1; 0 when it is in none
	prev, next *conn
}

// set puts c in, at c.hand.deadline.
func (w *wheel) set(c *conn, deadline time.Duration) {
	w.clear(c)
	ticks := max(int64(deadline/wheelTick), w.at) + 1
	i := int(ticks % wheelSlots)
	c.hand = hand{deadline: deadline, slot: i + 1, next: w.slots[i]}
	if c.hand.next != nil {
		c.hand.next.hand.prev = c
	}
	w.slots[i] = c
}

// clear takes c out, if it is in.
func (w *wheel) clear(c *conn) {
	h := &c.hand
	switch {
	case h.slot == 0:
		return
	case h.prev != nil:
		h.prev.hand.next = h.next
	default:
		w.slots[h.slot-1] = h.next
	}
	if h.next != nil {
		h.next.hand.prev = h.prev
	}
	*h = hand{}
}

// turn takes out what was to be done by now, and gives it to late.
func (w *wheel) turn(now time.Duration, late func(*conn)) {
	to := int64(now / wheelTick)
	w.at = max(w.at, to-wheelSlots) // one turn sees every slot
	for w.at < to {
		w.at++
		for c := w.slots[w.at%wheelSlots]; c != nil; {
			next := c.hand.next
			if c.hand.deadline <= now {
				w.clear(c)
				late(c)
			}
			c = next
		}
	}
}
