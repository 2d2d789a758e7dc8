package wire

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/tape"
)

// A recorder is where a capture goes: one tape, or a reel of them.
type recorder interface {
	replay.Recorder
	replay.Bookkeeper
	replay.Messenger
	Written() int64
	Packed() tape.Packed
	Close() error
}

var (
	_ recorder = (*tape.Writer)(nil)
	_ recorder = (*tape.Reel)(nil)
)

// Limits are what a capture may take from the machine it runs on. The zero value sets none.
type Limits struct {
	Sample  float64 // share of sessions that is recorded; 0 means all
	CPU     float64 // share of a core for recording
	Memory  int64   // bytes of the process
	Disk    int64   // bytes on disk
	FreeMin int64   // bytes that stay free on disk
}

// packingPart is the part of the CPU limit that packing a tape may take while the next one is recorded.
const packingPart = 0.25

// packing is how the tapes of a capture are packed within the limits; written tells how many bytes they have.
func (l Limits) packing(out string, r Rotation, written func() int64) *tape.Packing {
	p := &tape.Packing{Share: l.CPU}
	if r != (Rotation{}) {
		p.Share *= packingPart
	}
	p.Room = func(bytes int64) error {
		if have := written(); l.Disk > 0 && have+bytes > l.Disk {
			return fmt.Errorf("it takes %s beside the %s that are written, and %s are allowed", mebibytes(bytes), mebibytes(have), mebibytes(l.Disk))
		}
		free, err := freeSpace(r.place(out))
		if err != nil {
			return err
		}
		// Twice, so that recording does not come to its own limit on the way.
		if l.FreeMin+2*bytes > free {
			return fmt.Errorf("it takes %s for a while, and of the %s that are free on the disk %s must stay so", mebibytes(bytes), mebibytes(free), mebibytes(l.FreeMin+bytes))
		}
		return nil
	}
	return p
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// budget turns the limits into those of a capture that writes to w at out.
func (l Limits) budget(w recorder, out string, r Rotation) capture.Budget {
	b := capture.Budget{CPU: l.CPU, Memory: l.Memory, Disk: l.Disk, FreeMin: l.FreeMin}
	if r != (Rotation{}) {
		b.CPU *= 1 - packingPart
	}
	b.Space = func() (written, free int64, err error) {
		if l.FreeMin > 0 {
			free, err = freeSpace(r.place(out))
		}
		return w.Written(), free, err
	}
	return b
}

// Rotation says when a capture goes on with another tape. The zero value never does.
type Rotation struct {
	Size  int64         // bytes of a tape
	Every time.Duration // age of a tape
	Keep  int           // complete tapes that are kept; 0 keeps all
}

// place is the directory that tapes at out are written to. That of a reel may be on a file system of its own.
func (r Rotation) place(out string) string {
	if r == (Rotation{}) {
		return filepath.Dir(out)
	}
	return out
}

// createRecorder starts a tape, or a reel when it is to rotate.
func createRecorder(out string, m tape.Meta, o tape.Options, r Rotation) (recorder, error) {
	if r == (Rotation{}) {
		return tape.Create(out, m, o)
	}
	return tape.CreateReel(out, m, tape.ReelOptions{Options: o, Size: r.Size, Every: r.Every, Keep: r.Keep})
}
