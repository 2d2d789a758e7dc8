package reports

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/gameday-dev/gameday"
)

// diffShown is how many fields of a route are shown.
const diffShown = 5

// diffText writes how the answers compare with others; nothing when they were not compared.
func diffText(b *strings.Builder, d *gameday.Diff) {
	if d == nil {
		return
	}
	b.WriteByte('\n')
	against := d.Against
	if d.Noise != "" {
		against += ", noise from " + d.Noise
	}
	line(b, "Compared", fmt.Sprintf("%d answers with the %s: %s", d.Compared, against, classesText(d.Classes)))
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
