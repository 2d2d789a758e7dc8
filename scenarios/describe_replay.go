package scenarios

import (
	"fmt"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// changes writes what of the tape is played otherwise than recorded, and what answers are compared with.
func (d *description) changes(t gameday.TrafficPlan) {
	for _, f := range t.Filter {
		d.row("Filter", "%s", filterText(f))
	}
	for _, w := range t.Rewrite {
		d.row("Rewrite", "%s", rewriteText(w))
	}
	if t.ShiftTime {
		tokens := "tokens stay as they are"
		if t.SignTokens {
			tokens = "tokens are signed anew, with the key of the environment"
		}
		d.row("Times", "%s", dots("move to the present", tokens))
	}
	if t.Diff.Wanted() {
		d.row("Compare", "%s", diffText(t.Diff))
	}
}

func filterText(f gameday.Filter) string {
	switch f.Kind {
	case gameday.HeaderLimiter, gameday.ParamLimiter:
		return fmt.Sprintf("%s %s %d%%", f.Kind, f.Name, f.Percent)
	case gameday.AllowHeader, gameday.DisallowHeader:
		return fmt.Sprintf("%s %s: %s", f.Kind, f.Name, f.Match)
	}
	return f.Kind + " " + f.Match
}

// rewriteText says what is changed. The value is not shown: it may be a password of the staging system.
func rewriteText(w gameday.Rewrite) string {
	what := "url " + w.URL
	switch {
	case w.JSON != "":
		what = w.JSON
	case w.Match != "":
		what = "header " + w.Header + ": " + w.Match
	case w.Header != "":
		what = "header " + w.Header
	case w.Param != "":
		what = "parameter " + w.Param
	}
	return dots(what, prefixed("of ", strings.TrimSpace(w.Method+" "+w.Path)))
}

func diffText(p gameday.DiffPlan) string {
	with := "answers with the recording"
	if p.Primary != "" {
		with = "answers with those of " + p.Primary
	}
	bounds := make([]string, len(p.Bounds))
	for i, b := range p.Bounds {
		bounds[i] = strings.TrimSpace(b.Flow + " " + b.Text)
	}
	return dots(with, prefixed("noise from ", p.Secondary), prefixed("ignoring ", strings.Join(p.Ignore, ", ")), strings.Join(bounds, ", "))
}
