package replay

import "time"

// A clock is the time as one thread knows it. To read the system's costs as much as many a step of a request, and so it is
// read again only after what takes time: a system call, or a pause.
type clock struct {
	read  func() time.Duration
	at    time.Duration // when it was read last
	known bool          // nothing that takes time came after that
}

// now returns the time, to a few microseconds.
func (c *clock) now() time.Duration {
	if !c.known {
		c.at, c.known = c.read(), true
	}
	return c.at
}

// exact returns the time, which it reads.
func (c *clock) exact() time.Duration {
	c.passed()
	return c.now()
}

// passed says that time has passed.
func (c *clock) passed() { c.known = false }
