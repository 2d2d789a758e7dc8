package gamedaytest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

// healTime is kept free before the deadline of a test, so that a run that is stopped there still heals and judges.
const healTime = 15 * time.Second

// failures is how many findings a failure text lists.
const failures = 10

var errDeadline = errors.New("the deadline of the test is near; give it more with go test -timeout")

// life returns a context that ends early enough before the test does.
func life(t testing.TB) (context.Context, context.CancelFunc) {
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if at, ok := d.Deadline(); ok {
			return context.WithDeadlineCause(t.Context(), at.Add(-healTime), errDeadline)
		}
	}
	return context.WithCancel(t.Context())
}

// directory returns where the run is kept.
func directory(t testing.TB, store string) string {
	if store != "" {
		return store
	}
	return t.ArtifactDir()
}

// progress is where a run tells what happens: the test's log, when somebody wants to see it.
func progress(t testing.TB) io.Writer {
	if testing.Verbose() {
		return t.Output()
	}
	return io.Discard
}

// command repeats the test.
func command(t testing.TB) string {
	parts := strings.Split(t.Name(), "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return "go test -count 1 -run " + wire.Quote(strings.Join(parts, "/")) + " ."
}

// version returns the version of this module in the test's program.
func version() string {
	const module = "github.com/gameday-dev/gameday"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return "devel"
}

// callerLine returns file:line of whoever called the function that asks.
func callerLine() string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return ""
	}
	return filepath.Base(file) + ":" + strconv.Itoa(line)
}

// outcome is a run that ended, well or not.
type outcome struct {
	wire.Done
	err       error
	store     string
	temporary bool // the store is the test's ArtifactDir
}

// tell reports the outcome to the test: attributes for machines, and a failure unless it passed.
func tell(t testing.TB, o outcome) gameday.Record {
	t.Helper()
	if o.Result == "" {
		t.Fatalf("gamedaytest: there was no run:\n%v", o.err)
	}
	t.Attr("gameday.verdict", string(o.Result))
	t.Attr("gameday.seed", strconv.FormatUint(o.Record.Plan.Seed, 10))
	if o.Result != gameday.ResultPass || o.err != nil {
		t.Error(o.text())
	}
	return o.Record
}

// text is what a failed test says.
func (o outcome) text() string {
	var b strings.Builder
	v := o.Record.Verdict
	fmt.Fprintf(&b, "%s: %s", o.Result, v.Sentence)
	if o.err != nil {
		fmt.Fprintf(&b, "\n    error: %v", o.err)
	}
	shown, more, cut := 0, 0, cutShort(o.Record.Events)
	for _, f := range v.Findings {
		switch {
		case f.Outcome == gameday.Pass || f.Severity == gameday.SeverityWarn:
		case f.Outcome == gameday.Unknown && cut: // what a run never came to is no news
		case shown == failures:
			more++
		default:
			shown++
			b.WriteString("\n    " + line(f))
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "\n    and %d more", more)
	}
	if v.BrokeFirst != "" {
		fmt.Fprintf(&b, "\n    broke first: %s", v.BrokeFirst)
	}
	for _, e := range o.Record.Events {
		if e.Kind == gameday.EventLeaked {
			fmt.Fprintf(&b, "\n    leaked: %s", e.Text)
		}
	}
	if o.Result == gameday.ResultLeaked {
		fmt.Fprintf(&b, "\n    heal it: gameday recover --store %s %s", o.store, o.Record.Meta.Run)
	}
	fmt.Fprintf(&b, "\n    seed %d · report: %s%s", o.Record.Plan.Seed, o.report(), o.fate())
	return b.String()
}

// cutShort reports whether the run ended before its time, which its verdict tells of.
func cutShort(events []gameday.Event) bool {
	return slices.ContainsFunc(events, func(e gameday.Event) bool {
		switch e.Kind {
		case gameday.EventAbort, gameday.EventError, gameday.EventSignal:
			return true
		case gameday.EventSteady:
			return e.Outcome != gameday.Pass
		}
		return false
	})
}

// line says what became of one expectation, and where it is written.
func line(f gameday.Finding) string {
	mark := "✗"
	if f.Outcome == gameday.Unknown {
		mark = "?"
	}
	text := mark + " " + f.Name
	if !strings.HasSuffix(f.Name, f.Expected) { // names of objectives say it already
		text += ": expected " + f.Expected
	}
	if f.Observed != "" {
		text += ": observed " + f.Observed
	}
	if f.Why != "" {
		text += "; " + f.Why
	}
	if f.Source != "" {
		text += " (" + f.Source + ")"
	}
	return text
}

// report returns the whole path of the report: tests of several packages have several working directories.
func (o outcome) report() string {
	path, err := filepath.Abs(o.Report)
	if err != nil {
		return o.Report
	}
	return path
}

// fate says that the report will not be there any more when somebody reads of it.
func (o outcome) fate() string {
	if kept := flag.Lookup("test.artifacts"); !o.temporary || kept != nil && kept.Value.String() == "true" {
		return ""
	}
	return " (goes with the test; go test -artifacts keeps it)"
}
