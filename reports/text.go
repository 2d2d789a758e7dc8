package reports

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gameday-dev/gameday"
)

// Bounds of the text: the HTML report holds everything.
const (
	reasonsMax = 3
	textWidth  = 160
)

// Text writes what stands at the end of a run in a terminal: the verdict, the objectives, whatever did not
// hold, and what to do next. report is the path of the HTML report, empty when there is none.
func Text(w io.Writer, s Summary, report string) error {
	var b strings.Builder
	v := s.Verdict
	fmt.Fprintf(&b, "\n%s %s  %s — %s\n\n", resultMark(v.Result), v.Result, s.Plan.Name, v.Sentence)
	objectivesText(&b, v.Findings)
	for _, kind := range []string{"assertion", "ledger", "steady", "guard", "proof", "heal"} {
		findingsText(&b, kind, v.Findings)
	}
	b.WriteByte('\n')
	if v.BrokeFirst != "" {
		line(&b, "Broke first", brokeFirst(v.BrokeFirst))
	}
	if len(v.Unaffected) > 0 {
		line(&b, "Unaffected", strings.Join(v.Unaffected, ", "))
	}
	proven, healed := 0, 0
	for _, f := range s.Faults {
		if f.Active != nil {
			proven++
		}
		if f.Healed != nil {
			healed++
		}
	}
	line(&b, "Faults", fmt.Sprintf("%d injected, %d proven, %d healed and seen gone", len(s.Faults), proven, healed))
	f := s.Traffic.Fidelity
	line(&b, "Requests", fmt.Sprintf("%d due · %d sent · %d failed · sent late p99 %s", f.Due, f.Sent, s.Total.Failed, short(f.LatenessP99)))
	if report != "" {
		line(&b, "Report", report)
	}
	line(&b, "Repeat", s.Meta.Command)
	_, err := io.WriteString(w, b.String())
	return err
}

// called names a finding with its kind, unless its name says it.
func called(f gameday.Finding) string {
	if strings.HasPrefix(f.Name, f.Kind) {
		return f.Name
	}
	return f.Kind + " " + f.Name
}

// kindWord is what a finding of a kind is called.
func kindWord(kind string) string {
	switch kind {
	case "steady":
		return "steady-state check"
	case "heal":
		return "heal check"
	}
	return kind
}

// written says where the scenario states the expectation, and why it was missed if there is more to say.
func written(f gameday.Finding) string {
	text := ""
	if f.Why != "" {
		text = "; " + f.Why
	}
	if f.Source != "" {
		text += "  (" + f.Source + ")"
	}
	return text
}

func line(b *strings.Builder, name, text string) { fmt.Fprintf(b, "  %-12s %s\n", name, text) }

func objectivesText(b *strings.Builder, findings []gameday.Finding) {
	objectives := ofKind(findings, "objective", "recovery")
	if len(objectives) == 0 {
		return
	}
	t := tabwriter.NewWriter(b, 2, 8, 3, ' ', tabwriter.StripEscape)
	fmt.Fprintln(t, "  OBJECTIVE\tBEFORE\tDURING\tAFTER\tRESULT")
	for _, f := range objectives {
		result := mark(f.Outcome)
		if f.Over > 0 && f.Outcome == gameday.Fail {
			result += " " + short(f.Over) + " over"
		}
		if f.Outcome != gameday.Pass {
			result += "  " + f.Source
		}
		fmt.Fprintf(t, "  %s %s\t%s\t%s\t%s\t%s\n", f.Flow, f.Expected, value(f.Before, f.Unit), value(f.During, f.Unit), value(f.After, f.Unit), result)
	}
	t.Flush() //nolint:errcheck // a strings.Builder does not fail
	for _, why := range reasons(objectives) {
		fmt.Fprintf(b, "  ? %s\n", why)
	}
}

// reasons says why things could not be judged, each reason once.
func reasons(findings []gameday.Finding) []string {
	var all []string
	for _, f := range findings {
		if f.Outcome == gameday.Unknown && f.Why != "" && !slices.Contains(all, f.Why) {
			all = append(all, f.Why)
		}
	}
	if len(all) > reasonsMax {
		all = append(all[:reasonsMax], fmt.Sprintf("and %d more reasons; the report has them all", len(all)-reasonsMax))
	}
	return all
}

// findingsText lists what did not hold and only counts what did. What is not known is said in one line each: a
// run that ended early leaves many.
func findingsText(b *strings.Builder, kind string, findings []gameday.Finding) {
	of := ofKind(findings, kind)
	held := 0
	for _, f := range of {
		switch f.Outcome {
		case gameday.Pass:
			held++
		case gameday.Fail:
			fmt.Fprintf(b, "  %s %s: expected %s, observed %s%s\n", mark(f.Outcome), called(f), f.Expected, f.Observed, written(f))
		case gameday.Unknown:
			fmt.Fprintf(b, "  %s %s: %s\n", mark(f.Outcome), called(f), clip(cmp.Or(f.Why, f.Observed), textWidth))
		}
	}
	if held > 0 {
		fmt.Fprintf(b, "  ✓ %s held\n", plural(held, kindWord(kind)))
	}
}
