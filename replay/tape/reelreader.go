package tape

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A ReelReader yields the exchanges of all tapes of a reel in order of time, as if they were one. It
// has few tapes open at a time: those whose times overlap. It is used by one goroutine.
type ReelReader struct {
	o        ReadOptions
	manifest Manifest
	tapes    []waitingTape
	from     []time.Duration // the earliest exchange of tape i or a later one
	at       time.Duration   // earlier exchanges are not wanted
	next     int
	open     []*openTape
	events   bool // messages are wanted
	damage   []*Damage
	ledger   replay.Ledger
	err      error
}

// waitingTape is a tape that is not open yet.
type waitingTape struct {
	path        string
	records     int64
	first, last time.Duration // of its exchanges
}

// openTape is a tape, and the exchange or message that it yields next.
type openTape struct {
	r *Reader
	x *replay.Exchange
	m *replay.Message
}

func (t *openTape) at() time.Duration {
	if t.m != nil {
		return t.m.At
	}
	return t.x.At
}

var (
	_ replay.Chronicle = (*ReelReader)(nil)
	_ replay.Audited   = (*ReelReader)(nil)
	_ replay.Recycler  = (*ReelReader)(nil)
)

// OpenReel opens a reel that is complete, is being recorded, or whose recorder was killed. The caller closes it.
func OpenReel(dir string, o ReadOptions) (*ReelReader, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	r := &ReelReader{o: o, manifest: m, ledger: m.Ledger, at: math.MinInt64}
	for _, e := range m.Tapes {
		if e.Records > 0 {
			r.tapes = append(r.tapes, waitingTape{filepath.Join(dir, e.File), e.Records, e.First, e.Last})
		}
	}
	rest, err := tapesIn(dir, m)
	if err != nil {
		return nil, fmt.Errorf("read reel %s: %w", dir, err)
	}
	for _, path := range rest {
		info, err := ReadInfo(path, o.Identities...)
		if err != nil {
			return nil, err
		}
		if len(info.Ledger) > 0 {
			r.ledger = info.Ledger
		}
		r.damage = append(r.damage, info.Damage...)
		if info.Records > 0 {
			r.tapes = append(r.tapes, waitingTape{path, info.Records, info.First, info.Last})
		}
	}
	r.from = make([]time.Duration, len(r.tapes)+1)
	r.from[len(r.tapes)] = math.MaxInt64
	for i := len(r.tapes) - 1; i >= 0; i-- {
		r.from[i] = min(r.tapes[i].first, r.from[i+1])
	}
	return r, nil
}

// Meta returns what the manifest says about the whole.
func (r *ReelReader) Meta() Meta {
	m := r.manifest
	return Meta{Created: m.Start, Start: m.Start, Source: m.Source, Tool: m.Tool, Redaction: m.Redaction}
}

// Manifest returns the manifest as it was when the reel was opened.
func (r *ReelReader) Manifest() Manifest { return r.manifest }

// Ledger returns the accounts of the whole as they were last written.
func (r *ReelReader) Ledger() replay.Ledger { return r.ledger }

// Extent is that of all tapes together, as Reader has it of one.
func (r *ReelReader) Extent() (records int64, first, last time.Duration) {
	for i, t := range r.tapes {
		if records += t.records; i == 0 {
			first, last = t.first, t.last
		}
		first, last = min(first, t.first), max(last, t.last)
	}
	return records, first, last
}

// Damage returns what could not be read so far, among it the unfinished end of a tape whose recorder was killed.
func (r *ReelReader) Damage() []*Damage {
	all := r.damage
	for _, t := range r.open {
		all = merge(all, t.r.Damage())
	}
	return all
}

func merge(all, more []*Damage) []*Damage {
	for _, d := range more {
		known := false
		for _, k := range all {
			known = known || k.Path == d.Path && k.Offset == d.Offset
		}
		if !known {
			all = append(all, d)
		}
	}
	return all
}

// Next returns the next exchange of any tape, io.EOF after the last one, or the first *Damage unless damage is skipped.
func (r *ReelReader) Next() (*replay.Exchange, error) {
	x, _, err := r.any()
	return x, err
}

// NextEvent is Next for who wants the messages, too.
func (r *ReelReader) NextEvent() (*replay.Exchange, *replay.Message, error) {
	r.events = true
	return r.any()
}

// Recycle implements replay.Recycler. One of the tapes that are open makes an exchange of x, whichever had it.
func (r *ReelReader) Recycle(x *replay.Exchange) {
	if n := len(r.open); n > 0 {
		r.open[n-1].r.Recycle(x)
	}
}

func (r *ReelReader) any() (*replay.Exchange, *replay.Message, error) {
	for r.err == nil {
		i := r.earliest()
		if i < 0 && r.next == len(r.tapes) {
			r.err = io.EOF
			break
		}
		if i >= 0 && r.open[i].at() < r.from[r.next] {
			x, m := r.open[i].x, r.open[i].m
			r.advance(i)
			return x, m, nil
		}
		r.begin()
	}
	return nil, nil, r.err
}

// Seek lets Next continue with the first exchange that started at or after at, forward or back. The manifest says in
// which tapes to look: those that end before are not opened, and their gaps and messages are not told of.
func (r *ReelReader) Seek(at time.Duration) error {
	if errors.Is(r.err, os.ErrClosed) {
		return fmt.Errorf("seek reel: %w", r.err)
	}
	err := r.rest()
	r.at, r.next, r.err = at, 0, err
	return err
}

// rest closes the tapes that are open, and remembers their damage.
func (r *ReelReader) rest() error {
	var errs []error
	for _, t := range r.open {
		r.damage = merge(r.damage, t.r.Damage())
		errs = append(errs, t.r.Close())
	}
	r.open = nil
	return errors.Join(errs...)
}

// earliest is the open tape whose next exchange comes first; -1 when none is open.
func (r *ReelReader) earliest() int {
	first := -1
	for i, t := range r.open {
		if first < 0 || t.at() < r.open[first].at() {
			first = i
		}
	}
	return first
}

// begin opens the next tape that has something to yield.
func (r *ReelReader) begin() {
	t := r.tapes[r.next]
	if t.last < r.at {
		r.next++
		return
	}
	in, err := Open(t.path, r.o)
	if err == nil {
		err = in.Seek(r.at)
	}
	if err != nil {
		r.err = err
		return
	}
	r.next++
	r.open = append(r.open, &openTape{r: in})
	r.advance(len(r.open) - 1)
}

// advance reads on in an open tape, and closes it at its end.
func (r *ReelReader) advance(i int) {
	t := r.open[i]
	var err error
	if r.events {
		t.x, t.m, err = t.r.NextEvent()
	} else {
		t.x, err = t.r.Next()
	}
	if err == nil {
		return
	}
	r.damage = merge(r.damage, t.r.Damage())
	r.open = append(r.open[:i], r.open[i+1:]...)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	r.err = errors.Join(err, t.r.Close())
}

// Close releases what is open.
func (r *ReelReader) Close() error {
	err := r.rest()
	r.err = os.ErrClosed
	return err
}
