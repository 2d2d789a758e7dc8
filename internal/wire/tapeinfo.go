package wire

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// maxShown bounds how many gaps a summary lists.
const maxShown = 5

// ShowTape writes the summary of a tape for people: what is on it, where it comes from, and what is not on it and why.
func ShowTape(w io.Writer, path string, i tape.Info) error {
	var b strings.Builder
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-11s "+format+"\n", append([]any{label}, args...)...)
	}
	fmt.Fprintf(&b, "%s  %d records over %s\n", path, i.Records, (i.Last - i.First).Round(time.Millisecond))
	line("Size", "%.2f MB in %d frames, %.2f MB unpacked", float64(i.Bytes)/1e6, i.Frames, float64(i.Unpacked)/1e6)
	line("Recorded", "%s, %s", i.Meta.Start.UTC().Format("2006-01-02 15:04:05 MST"), orNone(i.Meta.Source, "by an unknown source"))
	line("Redaction", "%s", orNone(i.Meta.Redaction, "none: it may hold secrets; see gameday tape scan"))
	if i.Encrypted {
		line("Encrypted", "yes%s", map[bool]string{true: ", and no identity was given: what needs one is not shown"}[i.Locked])
	}
	if i.Meta.ShapeOnly {
		line("Shape only", "made of a log: no headers, no bodies")
	}
	if i.Meta.Timeless {
		line("Timeless", "the source held no times: they are made up")
	}
	for _, source := range slices.Sorted(maps.Keys(i.Ledger)) {
		line("Ledger", "%s: %s", source, account(i.Ledger[source]))
		for _, s := range i.Ledger[source].Spans[:min(len(i.Ledger[source].Spans), maxShown)] {
			line("Sampled", "+%s to +%s: %.1f %% of the sessions taken, %d exchanges left out: %s",
				s.From.Round(time.Millisecond), s.To.Round(time.Millisecond), 100*s.Share, s.Out, orNone(s.Why, "as asked for"))
		}
	}
	if i.Completeness != nil {
		line("Complete", "%.2f %% of what was to be captured%s", 100**i.Completeness, map[bool]string{true: ", before the damage"}[i.HasDamage])
	}
	for _, g := range i.Gaps[:min(len(i.Gaps), maxShown)] {
		line("Gap", "+%s to +%s: %s, %d lost", g.From.Round(time.Millisecond), g.To.Round(time.Millisecond), g.Cause, g.Lost)
	}
	if i.GapCount > maxShown {
		line("Gaps", "%d more", i.GapCount-maxShown)
	}
	if !i.Closed {
		line("Unfinished", "its writer did not end by itself; everything up to the last whole frame is here")
	}
	for _, d := range i.Damage {
		line("Damage", "%v", d)
	}
	if !i.Verified {
		line("Checked", "%s: --verify reads every byte", map[bool]string{true: "its index alone", false: "the heads of its frames alone"}[i.Closed])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// account says what became of the exchanges of one source.
func account(c replay.Counts) string {
	parts := []string{fmt.Sprintf("%d arrived, %d recorded", c.Arrived(), c.Captured)}
	list := func(of replay.Tally, label string) {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			parts = append(parts, fmt.Sprintf("%d %s %s", of[name], label, name))
		}
	}
	list(c.Filtered, "left out by")
	list(c.Lost, "lost to")
	for _, n := range []struct {
		of    uint64
		label string
	}{{c.Sampled, "sampled out"}, {c.Truncated, "with a body cut"}, {c.Cut, "broken off"}} {
		if n.of > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.of, n.label))
		}
	}
	return strings.Join(parts, ", ")
}
