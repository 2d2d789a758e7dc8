package replay

import "time"

// A Source yields captured exchanges: a tape, a .gor file, an access log.
type Source interface {
	// Next returns the next exchange in order of Exchange.At, or io.EOF after the last one.
	// The caller owns what it gets; nothing is reused that is not given back (see [Recycler]). Any other error is final, except
	// where the source documents that reading can go on.
	Next() (*Exchange, error)
}

// A Chronicle is a Source that has messages, too. Callers find the ability by assertion.
type Chronicle interface {
	Source
	// NextEvent returns the next exchange or the next message, whichever is earlier; the other is nil. An exchange comes
	// before its own messages. Who calls it does not call Next. It fails as Next does.
	NextEvent() (*Exchange, *Message, error)
}

// An Audited is a Source that carries the accounts of its capture. Callers find the ability by assertion.
type Audited interface {
	// Ledger returns what is known so far; the caller owns it. It is nil when nobody kept accounts.
	Ledger() Ledger
}

// A Farsighted is a Source that knows when sessions end. Callers find the ability by assertion.
type Farsighted interface {
	// LastOf returns a time after which the source has no exchange of a session; the largest there is where that is not
	// known. Who calls it calls Next, from the same goroutine.
	LastOf(session string) time.Duration
}

// A Recycler is a Source that makes exchanges of those that nobody needs any more. Callers find the ability by assertion.
type Recycler interface {
	// Recycle takes back what Next or NextEvent returned, once: the exchange, its response, and header lines and bodies of
	// both will be written over. Strings never are, so who needs some of them need not copy them. Who calls it calls Next, from
	// the same goroutine.
	Recycle(x *Exchange)
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
