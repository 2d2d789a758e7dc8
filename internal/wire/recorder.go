package wire

import (
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

// budget turns the limits into those of a capture that writes to w in the directory of out.
func (l Limits) budget(w recorder, out string) capture.Budget {
	b := capture.Budget{CPU: l.CPU, Memory: l.Memory, Disk: l.Disk, FreeMin: l.FreeMin}
	b.Space = func() (written, free int64, err error) {
		if l.FreeMin > 0 {
			free, err = freeSpace(filepath.Dir(out))
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

// createRecorder starts a tape, or a reel when it is to rotate.
func createRecorder(out string, m tape.Meta, o tape.Options, r Rotation) (recorder, error) {
	if r == (Rotation{}) {
		return tape.Create(out, m, o)
	}
	return tape.CreateReel(out, m, tape.ReelOptions{Options: o, Size: r.Size, Every: r.Every, Keep: r.Keep})
}
