package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// MakeTape makes a tape of others, opening and sealing them with the keys.
func MakeTape(ctx context.Context, r tape.Recipe, k Keys) (tape.Made, error) {
	read, err := k.Read()
	if err != nil {
		return tape.Made{}, err
	}
	r.Read.Identities = read.Identities
	if r.Options, err = k.Write(); err != nil {
		return tape.Made{}, err
	}
	return tape.Make(ctx, r)
}

// PackTape writes a tape anew in whole frames, in its place.
func PackTape(ctx context.Context, path string, k Keys) (tape.Packed, error) {
	read, err := k.Read()
	if err != nil {
		return tape.Packed{}, err
	}
	write, err := k.Write()
	if err != nil {
		return tape.Packed{}, err
	}
	packed, err := tape.Pack(ctx, path, read.Identities, write.Recipients)
	if errors.Is(err, tape.ErrListed) {
		err = Refused{err}
	}
	return packed, err
}

// SweepReel removes what packings that were broken off left in a directory of tapes, and returns it.
func SweepReel(dir string, k Keys) ([]string, error) {
	if len(k.Recipients) > 0 {
		return nil, Refused{fmt.Errorf("encrypt %[1]s: the manifest has the checksums of its tapes: `gameday tape convert %[1]s --out NAME%[2]s --encrypt-to KEY` makes one tape of it", dir, TapeSuffix)}
	}
	if _, err := tape.ReadManifest(dir); err != nil {
		return nil, err
	}
	return tape.Sweep(dir)
}

// TapeInfo summarises a tape, from its index or, to verify it, from every byte.
func TapeInfo(path string, verify bool, k Keys) (tape.Info, error) {
	read, err := k.Read()
	if err != nil {
		return tape.Info{}, err
	}
	if verify {
		return tape.Verify(path, read.Identities...)
	}
	return tape.ReadInfo(path, read.Identities...)
}

// ReelInfo returns the manifest of a directory of tapes; verify compares the tapes with their checksums first.
func ReelInfo(dir string, verify bool) (tape.Manifest, error) {
	if verify {
		if err := tape.VerifyReel(dir); err != nil {
			return tape.Manifest{}, err
		}
	}
	return tape.ReadManifest(dir)
}

// CatOptions say what of a tape is shown.
type CatOptions struct {
	Span     tape.Span
	Sessions []string
	Limit    int64 // exchanges and messages; 0 means all
	JSON     bool  // one object on each line, with headers and bodies
	Keys     Keys
}

// CatTape writes the exchanges and messages of a tape for people, or for jq.
func CatTape(ctx context.Context, w io.Writer, path string, o CatOptions) (err error) {
	read, err := o.Keys.Read()
	if err != nil {
		return err
	}
	read.Sessions = o.Sessions
	r, err := tape.Open(path, read)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, out.Flush(), r.Close()) }()
	source, err := tape.Cut(r, o.Span)
	if err != nil {
		return Refused{err}
	}
	if o.Limit > 0 {
		source = &limited{source, o.Limit}
	}
	var to replay.Recorder = tape.NewLines(out)
	if o.JSON {
		to = tape.NewJSONLines(out)
	}
	_, err = tape.Copy(ctx, to, source)
	return err
}

// limited ends a source early.
type limited struct {
	replay.Chronicle
	left int64
}

// NextEvent implements replay.Chronicle. Who copies to what takes messages asks nothing else.
func (l *limited) NextEvent() (*replay.Exchange, *replay.Message, error) {
	if l.left <= 0 {
		return nil, nil, io.EOF
	}
	l.left--
	return l.Chronicle.NextEvent()
}

// warnOfDamage tells of a tape that ends in the middle, as a recorder that was killed leaves it: it is played as far
// as it goes, but nobody should take that for all there was.
func warnOfDamage(path string, warn func(error)) {
	if warn == nil || !strings.HasSuffix(path, TapeSuffix) && !IsReel(path) {
		return
	}
	if IsReel(path) {
		warnOfReel(path, warn)
		return
	}
	info, err := tape.ReadInfo(path)
	if err != nil {
		return // opening it will say so
	}
	for _, d := range info.Damage {
		warn(d)
	}
}

// IsReel reports whether a path is a directory of tapes.
func IsReel(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func warnOfReel(dir string, warn func(error)) {
	r, err := tape.OpenReel(dir, tape.ReadOptions{})
	if err != nil {
		return // opening it will say so
	}
	defer r.Close() //nolint:errcheck // it was only read
	for _, d := range r.Damage() {
		warn(d)
	}
}
