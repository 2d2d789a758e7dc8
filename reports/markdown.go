package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/gameday-dev/gameday"
)

// Markdown writes a summary for pull requests and wikis.
func Markdown(w io.Writer, s Summary) error {
	var b strings.Builder
	v := s.Verdict
	fmt.Fprintf(&b, "## %s %s: %s\n\n%s\n\n", resultMark(v.Result), v.Result, cell(s.Plan.Name), cell(v.Sentence))
	if v.BrokeFirst != "" {
		fmt.Fprintf(&b, "Broke first: %s\n\n", cell(brokeFirst(v.BrokeFirst)))
	}
	if objectives := ofKind(v.Findings, "objective", "recovery"); len(objectives) > 0 {
		b.WriteString("| flow | objective | before | during | after | result |\n| --- | --- | ---: | ---: | ---: | --- |\n")
		for _, f := range objectives {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s %s |\n", cell(f.Flow), cell(f.Expected),
				value(f.Before, f.Unit), value(f.During, f.Unit), value(f.After, f.Unit), mark(f.Outcome), outcomeWord(f))
		}
		b.WriteByte('\n')
	}
	var missed []gameday.Finding
	for _, f := range ofKind(v.Findings, "assertion", "ledger", "steady", "guard", "proof", "heal") {
		if f.Outcome != gameday.Pass {
			missed = append(missed, f)
		}
	}
	for _, f := range missed {
		fmt.Fprintf(&b, "- %s **%s** expected %s, observed %s %s\n", mark(f.Outcome), cell(f.Name), cell(f.Expected), cell(f.Observed), cell(f.Why))
	}
	if len(missed) > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "Run `%s`, seed %d, %d requests. Repeat: `%s`\n", s.Meta.Run, s.Plan.Seed, s.Total.Requests, s.Meta.Command)
	_, err := io.WriteString(w, b.String())
	return err
}

// cell keeps text from breaking out of a table cell or starting markup.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "`", "'").Replace(text)
}
