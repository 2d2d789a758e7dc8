package replay

import (
	"maps"
	"time"
)

// A Source yields captured exchanges: a tape, a .gor file, an access log.
type Source interface {
	// Next returns the next exchange in order of Exchange.At, or io.EOF after the last one.
	// The caller owns what it gets; nothing is reused. Any other error is final, except
	// where the source documents that reading can go on.
	Next() (*Exchange, error)
}

// A Recorder takes exchanges, in the order of their completion: the reader of what it
// stores restores the order of time.
type Recorder interface {
	// Record stores one exchange and keeps no reference to it. It may block on a disk.
	Record(x *Exchange) error
}

// A Bookkeeper is a Recorder that also keeps the accounts of the capture. Callers find the
// ability by assertion.
type Bookkeeper interface {
	// Gap notes that exchanges are missing from a stretch of time.
	Gap(g Gap) error
	// Account replaces what is known of the source so far; counts are totals since its start.
	Account(source string, c Counts) error
}

// A Gap is a stretch of time from which exchanges are missing.
type Gap struct {
	From, To time.Duration // since the start of the source
	Lost     uint64        // how many; 0 when nobody knows
	Cause    string        // "queue full", "bad frame" ...
}

// Counts is the ledger of one source. Everything that arrived is in exactly one of Captured,
// Filtered, Sampled and Lost, so that a missing exchange always has a reason.
type Counts struct {
	Captured  uint64            `json:"captured"`              // handed to the recorder and stored
	Filtered  uint64            `json:"filtered,omitempty"`    // left out by a rule
	Sampled   uint64            `json:"sampled_out,omitempty"` // left out by sampling
	Lost      map[string]uint64 `json:"lost,omitempty"`        // by cause
	Truncated uint64            `json:"truncated,omitempty"`   // of the captured: a body was over the limit
	Cut       uint64            `json:"cut,omitempty"`         // of the captured: the exchange broke off
}

// Arrived is how many exchanges the source saw.
func (c Counts) Arrived() uint64 { return c.Captured + c.Filtered + c.Sampled + c.Missing() }

// Missing is how many exchanges were lost, whatever the cause.
func (c Counts) Missing() uint64 {
	var n uint64
	for _, lost := range c.Lost {
		n += lost
	}
	return n
}

// Add returns the sum of both; neither is changed.
func (c Counts) Add(d Counts) Counts {
	c.Captured += d.Captured
	c.Filtered += d.Filtered
	c.Sampled += d.Sampled
	c.Truncated += d.Truncated
	c.Cut += d.Cut
	if len(d.Lost) > 0 {
		sum := maps.Clone(c.Lost)
		if sum == nil {
			sum = make(map[string]uint64, len(d.Lost))
		}
		for cause, n := range d.Lost {
			sum[cause] += n
		}
		c.Lost = sum
	}
	return c
}
