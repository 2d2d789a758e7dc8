package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// unpacking says how a file of packets becomes a tape before it is played: a tape restores the order of time, and has
// accounts. What other tools recorded as exchanges is played as it is.
type unpacking struct {
	dir   string // of the tape; a directory that is removed at the end when empty
	ports []uint16
	read  capture.ImportOptions
	note  func(string) // told of it; may be nil
}

// unpack returns the path of what can be played: path itself or, where it holds packets, a tape made of them, redacted as
// every tape is. The caller calls done when it was played.
func unpack(ctx context.Context, path string, p unpacking) (tape string, done func() error, err error) {
	nothing := func() error { return nil }
	if IsReel(path) {
		return path, nothing, nil
	}
	packets, err := passive.OpenFile(path)
	if err != nil { // no packets; or nothing that can be opened, which opening it will say
		return path, nothing, nil
	}
	if err := packets.Close(); err != nil {
		return "", nothing, err
	}
	done = nothing
	where := filepath.Join(p.dir, "packets"+TapeSuffix)
	if p.dir == "" {
		where = "a tape of their own until this ends"
		if p.dir, err = os.MkdirTemp("", "gameday-packets-"); err != nil {
			return "", nothing, fmt.Errorf("unpack %s: %w", path, err)
		}
		done = func() error { return os.RemoveAll(p.dir) }
	}
	tape = filepath.Join(p.dir, "packets"+TapeSuffix)
	made, err := Convert(ctx, ConvertOptions{From: path, To: tape, Ports: p.ports, Import: p.read})
	if err != nil {
		return "", nothing, errors.Join(err, done())
	}
	if p.note != nil {
		p.note(fmt.Sprintf("%s holds packets: %d exchanges of them were put together, %d were lost; they are on %s", path, made.Counts.Captured, made.Counts.Lost.Total(), where))
	}
	return tape, done, nil
}
