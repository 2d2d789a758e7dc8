package reports

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
)

// mark is the symbol that stands beside the word, so that nothing depends on colour.
func mark(o gameday.Outcome) string {
	switch o {
	case gameday.Pass:
		return "✓"
	case gameday.Fail:
		return "✗"
	}
	return "?"
}

func resultMark(r gameday.Result) string {
	switch r {
	case gameday.ResultPass:
		return "✓"
	case gameday.ResultInconclusive:
		return "?"
	}
	return "✗"
}

// outcomeWord says how a finding ended: a miss that only warns says so.
func outcomeWord(f gameday.Finding) string {
	if f.Outcome == gameday.Fail && f.Severity == gameday.SeverityWarn {
		return "warn"
	}
	return f.Outcome.String()
}

func value(v *float64, unit string) string {
	if v == nil || math.IsNaN(*v) {
		return "–"
	}
	return chart.Unit(unit).Format(*v)
}

func clock(d gameday.Duration) string { return chart.Clock(d.Seconds()) }

func short(d gameday.Duration) string { return chart.Seconds.Format(d.Seconds()) }

// brokeFirst is the sentence without the words that stand before it in every rendering.
func brokeFirst(s string) string { return strings.TrimPrefix(s, "Broke first: ") }

// count writes n with thin groups of three digits: 370 412.
func count(n int64) string {
	s := fmt.Sprintf("%d", n)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 && r != '-' {
			b.WriteRune('\u202f')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ofKind returns the findings of the kinds, in their order.
func ofKind(findings []gameday.Finding, kinds ...string) []gameday.Finding {
	var out []gameday.Finding
	for _, f := range findings {
		for _, k := range kinds {
			if f.Kind == k {
				out = append(out, f)
			}
		}
	}
	return out
}
