package tape

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"filippo.io/age"

	"github.com/gameday-dev/gameday/replay"
)

// Info is the summary of a tape.
type Info struct {
	Meta      Meta          `json:"meta"`
	Bytes     int64         `json:"bytes"`
	Closed    bool          `json:"closed"`         // false: the writer did not end by itself
	Frames    int           `json:"frames"`         // data frames
	Records   int64         `json:"records"`        // exchanges, messages and gaps in them
	Unpacked  int64         `json:"unpacked_bytes"` // of the data frames, before compression
	First     time.Duration `json:"first"`          // offset of the earliest exchange
	Last      time.Duration `json:"last"`           // offset of the latest one
	Gaps      []replay.Gap  `json:"gaps,omitempty"` // at most 1000; GapCount says how many there are
	GapCount  int           `json:"gap_count"`
	Encrypted bool          `json:"encrypted,omitempty"`
	Locked    bool          `json:"locked,omitempty"` // no identity was given: gaps are not known
	Ledger    replay.Ledger `json:"ledger,omitempty"` // per source, as last written
	// Completeness is captured / (captured + lost) over all sources; nil when the ledger does not tell.
	Completeness *float64  `json:"completeness,omitempty"`
	Damage       []*Damage `json:"-"`
	HasDamage    bool      `json:"damaged"`
	Verified     bool      `json:"verified"` // every byte was read; else damage may be there that the index does not tell of
}

const gapsMax = 1000

// ReadInfo summarises a tape from its index; it decompresses only frames that hold gaps. A
// damaged tape has a summary too: Info.Damage says what is missing from it.
// An encrypted tape has one without an identity, but for its gaps.
func ReadInfo(path string, identities ...age.Identity) (Info, error) {
	r, err := Open(path, ReadOptions{Skip: true, Identities: identities})
	if err != nil {
		return Info{}, err
	}
	info, err := r.info()
	return info, errors.Join(err, r.Close())
}

func (r *Reader) info() (Info, error) {
	info := Info{Meta: r.meta, Bytes: r.size, Closed: r.closed, First: math.MaxInt64, Last: math.MinInt64}
	for i, e := range r.index {
		switch e.kind {
		case kindMeta:
			if _, err := r.small(e); err != nil {
				r.note(i, err)
			}
		case kindLedger:
			l, err := r.ledger(e)
			if err != nil {
				r.note(i, err)
				continue
			}
			info.Ledger = l
		case kindData:
			info.Frames++
			info.Records += int64(e.records)
			info.Unpacked += int64(e.size)
			info.First = min(info.First, time.Duration(e.tsMin))
			info.Last = max(info.Last, time.Duration(e.tsMax))
			info.Encrypted = info.Encrypted || e.flags&flagEncrypted != 0
			if e.flags&flagGaps != 0 && !r.locked(e) {
				err := r.gaps(e, func(g replay.Gap) error {
					if info.GapCount++; info.GapCount <= gapsMax {
						info.Gaps = append(info.Gaps, g)
					}
					return nil
				})
				if err != nil {
					r.note(i, err)
				}
			}
		}
	}
	if share, known := info.Ledger.Total().Completeness(); known {
		info.Completeness = &share
	}
	info.Locked = info.Encrypted && r.sealer == nil
	if info.First > info.Last { // no exchange at all
		info.First, info.Last = 0, 0
	}
	info.Damage, info.HasDamage = r.damage, len(r.damage) > 0
	return info, nil
}

func (r *Reader) note(frame int, err error) {
	r.frame, r.next, r.read = frame, frame+1, 0
	r.damaged(err)
}

// Ledger returns the accounts as they were last written; nil when the tape has none that can be
// read. Reader.Damage does not speak of ledgers.
func (r *Reader) Ledger() replay.Ledger {
	for _, e := range slices.Backward(r.index) {
		if e.kind != kindLedger {
			continue
		}
		if l, err := r.ledger(e); err == nil {
			return l
		}
	}
	return nil
}

func (r *Reader) ledger(e entry) (l replay.Ledger, err error) {
	payload, err := r.small(e)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(payload, &l); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return l, nil
}

// gaps visits the gap records of a frame.
func (r *Reader) gaps(e entry, visit func(replay.Gap) error) error {
	h, err := r.header(e.offset)
	if err != nil {
		return err
	}
	payload, _, err := r.file.payload(h, e.offset, nil, nil)
	if err != nil {
		return err
	}
	var d decoder
	d.reset(payload, e.offset)
	for {
		record, err := d.next()
		if err != nil || record == (decoded{}) {
			return err
		}
		if record.gap == nil {
			continue
		}
		if err := visit(*record.gap); err != nil {
			return err
		}
	}
}

// locked reports whether the exchanges of a frame are sealed, and there is no key.
func (r *Reader) locked(e entry) bool { return e.flags&flagEncrypted != 0 && r.sealer == nil }

// Verify reads a whole tape and returns its summary with everything that is damaged in it. Of an
// encrypted tape it checks all checksums without an identity, and every record with one.
func Verify(path string, identities ...age.Identity) (Info, error) {
	r, err := Open(path, ReadOptions{Skip: true, Identities: identities})
	if err != nil {
		return Info{}, err
	}
	l := newLoader(&r.file, r.index, true)
	for i := range r.index {
		l.load(i, func(b batch) bool {
			r.lacking(b.lacks)
			if b.err != nil && !errors.Is(b.err, ErrLocked) {
				r.frame, r.next, r.read = i, i+1, b.read
				r.damaged(b.err)
			}
			return true
		})
	}
	info, err := r.info()
	info.Verified = true
	return info, errors.Join(err, r.Close())
}
