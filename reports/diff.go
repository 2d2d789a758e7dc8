package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gameday-dev/gameday"
)

// diffShown is how many fields of a route are shown.
const diffShown = 5

// What of a comparison the page shows; the JSON has all.
const (
	diffRoutesShown = 50
	diffFieldsShown = 10
)

// diffRoute is one row of the page: a route with the fields that differ in it.
type diffRoute struct {
	gameday.DiffRoute
	Counts     []int64 // in the order of the classes
	Word, Mark string
	Answers    string // what to think of them
	FieldCount string
	Left       string // what is not shown
}

// diffRoutes returns the routes with the most wrong answers first.
func diffRoutes(d gameday.Diff) []diffRoute {
	bad := func(r gameday.DiffRoute) int64 { return r.Classes[gameday.DiffWrong] + r.Classes[gameday.DiffError] }
	routes := slices.Clone(d.Routes)
	slices.SortStableFunc(routes, func(a, b gameday.DiffRoute) int { return cmp.Compare(bad(b), bad(a)) })
	var rows []diffRoute
	for _, r := range routes[:min(len(routes), diffRoutesShown)] {
		row := diffRoute{DiffRoute: r, Word: "pass", Mark: "✓", Answers: "right", FieldCount: plural(len(r.Fields), "field") + " differ"}
		if len(r.Fields) == 1 {
			row.FieldCount = "1 field differs"
		}
		if n := bad(r); n > 0 {
			row.Word, row.Mark, row.Answers = "fail", "✗", count(n)+" wrong"
		}
		for _, class := range gameday.DiffClasses {
			row.Counts = append(row.Counts, r.Classes[class])
		}
		if more := len(r.Fields) - diffFieldsShown; more > 0 {
			row.Fields, row.Left = r.Fields[:diffFieldsShown], fmt.Sprintf("and %d more fields", more)
		}
		rows = append(rows, row)
	}
	return rows
}

// diffText writes how the answers compare with others; nothing when they were not compared.
func diffText(b *strings.Builder, d *gameday.Diff) {
	if d == nil {
		return
	}
	b.WriteByte('\n')
	against := "the " + d.Against
	if d.Against != "recording" {
		against = "those of " + d.Against
	}
	if d.Noise != "" {
		against += ", noise from " + d.Noise
	}
	line(b, "Compared", fmt.Sprintf("%d answers with %s: %s", d.Compared, against, classesText(d.Classes)))
	for _, cause := range sortedNames(d.NotCompared) {
		line(b, "", fmt.Sprintf("%d not: %s", d.NotCompared[cause], cause))
	}
	for _, r := range d.Routes {
		if len(r.Fields) > 0 || r.Classes[gameday.DiffError] > 0 {
			routeText(b, r)
		}
	}
}

func classesText(classes map[gameday.DiffClass]int64) string {
	var parts []string
	for _, class := range gameday.DiffClasses {
		parts = append(parts, fmt.Sprintf("%d %s", classes[class], class))
	}
	return strings.Join(parts, ", ")
}

func routeText(b *strings.Builder, r gameday.DiffRoute) {
	fmt.Fprintf(b, "\n%s  %s\n", r.Route, classesText(r.Classes))
	table := tabwriter.NewWriter(b, 2, 8, 2, ' ', 0)
	for i, f := range r.Fields {
		if i == diffShown {
			fmt.Fprintf(table, "  and %d more\n", len(r.Fields)-i)
			break
		}
		verdict := "wrong"
		if f.Noisy != "" {
			verdict = "noisy: " + f.Noisy
		}
		fmt.Fprintf(table, "  %s\t%s\t%d times\t%s", f.Path, f.Kind, f.Count, verdict)
		if len(f.Examples) > 0 && f.Noisy == "" {
			e := f.Examples[0]
			fmt.Fprintf(table, "\twant %q, got %q (trace %s)", e.Want, e.Got, e.Trace)
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // a strings.Builder takes everything
}
