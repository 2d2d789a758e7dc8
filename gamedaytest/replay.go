package gamedaytest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay"
)

// Replay is a recording that is played in place of generated load, as that of a scenario is. Tape or Open must be given;
// the zero value of everything else works. A recording that is shorter than the case has to be looped.
type Replay struct {
	Tape string                        // path of a tape or a reel, or of what another tool recorded: .gor, HAR, pcap, an access log ...
	Open func() (replay.Source, error) // opens the recording from its start, once more for each pass: tape.NewReader on embedded bytes, say

	Speed   float64 // 2 plays twice as fast; 1 when 0
	Amplify float64 // copies of each session, each with an identity of its own; 1 when 0
	Loop    bool    // start again at the end, with new identities

	Unsafe  []string          // methods with effects that may be sent, such as POST; others are skipped, and counted
	Filter  []gameday.Filter  // what of the recording is played; what is left out is counted by rule
	Rewrite []gameday.Rewrite // parts of requests that are changed, such as test passwords in place of redacted ones

	Diff Diff // answers are compared when it expects something
}

// Diff compares the answers of a replay, and says how many may differ.
type Diff struct {
	Expect []string // promises about the answers of the whole case, "wrong <= 0.1%", or about those of a flow: "browse fallback <= 20%"

	Primary   string // URL of a system that gets the same requests; compared with the recording when empty
	Secondary string // URL of a second instance of the primary: where the two differ is noise

	Ignore   []string // fields that may differ: "$.path", "$..name", "header:name", "status" or "body"
	Fallback []string // fields by which an answer says that it is a fallback: "header:X-Source=backup", "$.stale=true"
}

// wanted reports whether there is a recording to play.
func (r Replay) wanted() bool { return r.Tape != "" || r.Open != nil }

// check says what is wrong with the recording itself.
func (r Replay) check() error {
	if r.Tape != "" && r.Open != nil {
		return errors.New("replay: Tape and Open are both given: want one")
	}
	if !r.wanted() {
		if r.Speed != 0 || r.Amplify != 0 || r.Loop || len(r.Unsafe)+len(r.Filter)+len(r.Rewrite)+len(r.Diff.Expect) > 0 {
			return errors.New("replay: there is no recording: give it a Tape, or Open")
		}
		return nil
	}
	if r.Tape != "" {
		if _, err := os.Stat(r.Tape); err != nil {
			return fmt.Errorf("replay: %w; the path is relative to the test's package", err)
		}
	}
	return nil
}

// plan writes the replay into the plan of a case.
func (r Replay) plan(p *gameday.Plan, source string) error {
	t := &p.Traffic
	t.Tape = cmp.Or(r.Tape, "opened by the test")
	t.Speed, t.Amplify, t.Loop = cmp.Or(r.Speed, 1), cmp.Or(r.Amplify, 1), r.Loop
	t.Unsafe, t.Filter, t.Rewrite = slices.Clone(r.Unsafe), slices.Clone(r.Filter), slices.Clone(r.Rewrite)
	if len(r.Diff.Expect) == 0 {
		if r.Diff.Primary != "" || len(r.Diff.Ignore)+len(r.Diff.Fallback) > 0 {
			return errors.New(`replay: Diff.Expect is empty, so nothing is compared: want promises such as "wrong <= 0.1%"`)
		}
		return nil
	}
	t.Diff = gameday.DiffPlan{
		Recording: r.Diff.Primary == "", Primary: r.Diff.Primary, Secondary: r.Diff.Secondary,
		Ignore: slices.Clone(r.Diff.Ignore), Fallback: slices.Clone(r.Diff.Fallback),
	}
	var errs []error
	for _, text := range r.Diff.Expect {
		b, err := diffBound(text, p.Flows)
		if err != nil {
			errs = append(errs, fmt.Errorf("replay: Diff.Expect %q: %w", text, err))
			continue
		}
		b.Source = source
		t.Diff.Bounds = append(t.Diff.Bounds, b)
	}
	return errors.Join(errs...)
}

// diffBound reads "CLASS OP SHARE", or "FLOW CLASS OP SHARE".
func diffBound(text string, flows []gameday.Flow) (gameday.DiffBound, error) {
	flow := ""
	if words := strings.Fields(text); len(words) == 4 {
		flow, text = words[0], strings.Join(words[1:], " ")
		if !slices.ContainsFunc(flows, func(f gameday.Flow) bool { return f.Name == flow }) {
			return gameday.DiffBound{}, fmt.Errorf("there is no flow %q", flow)
		}
	}
	b, err := wire.DiffBound(text)
	b.Flow, b.Severity = flow, gameday.SeverityFail
	return b, err
}
