package wire

import (
	"context"
	"errors"
	"strings"

	"github.com/gameday-dev/gameday/replay/tape"
)

// Repair copies what can be read of a damaged tape into a new one. It returns how many exchanges that are, and what
// is lost.
func Repair(ctx context.Context, from, to, tool string) (kept int64, lost []*tape.Damage, err error) {
	source, err := tape.Open(from, tape.ReadOptions{Skip: true})
	if err != nil {
		return 0, nil, err
	}
	defer source.Close() //nolint:errcheck // it was only read
	meta := source.Meta()
	meta.Source, meta.Tool = strings.TrimSpace("repaired from "+from+" "+meta.Source), tool
	w, err := tape.Create(to, meta, tape.Options{})
	if err != nil {
		return 0, nil, err
	}
	kept, err = tape.Copy(ctx, w, source)
	return kept, source.Damage(), errors.Join(err, w.Close())
}

// warnOfDamage tells of a tape that ends in the middle, as a recorder that was killed leaves it: it is played as far
// as it goes, but nobody should take that for all there was.
func warnOfDamage(path string, warn func(error)) {
	if warn == nil || !strings.HasSuffix(path, TapeSuffix) {
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
