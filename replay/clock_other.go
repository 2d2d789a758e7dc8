//go:build !linux

package replay

import "time"

// A clock waits with the precision of Go's timers.
type clock struct{ start time.Time }

func newClock(start time.Time) clock { return clock{start} }

// now returns the offset from the start.
func (c clock) now() time.Duration { return time.Since(c.start) }

// sleep waits for d.
func (c clock) sleep(d time.Duration) { time.Sleep(d) }
