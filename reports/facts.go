package reports

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
)

// keyFigure is a number at the top of the report.
type keyFigure struct{ Name, Value string }

// KeyFigures are the six numbers that a reader wants first.
func (s Summary) KeyFigures() []keyFigure {
	held, all := 0, 0
	for _, f := range ofKind(s.Verdict.Findings, "objective", "recovery") {
		if f.Severity == gameday.SeverityWarn {
			continue
		}
		all++
		if f.Outcome == gameday.Pass {
			held++
		}
	}
	proven := 0
	for _, f := range s.Faults {
		if f.Active != nil {
			proven++
		}
	}
	share := "–"
	if s.Total.Requests > 0 {
		share = fmt.Sprintf("%s (%s)", count(s.Total.Failed), chart.Ratio.Format(float64(s.Total.Failed)/float64(s.Total.Requests)))
	}
	return []keyFigure{
		{"Objectives held", fmt.Sprintf("%d of %d", held, all)},
		{"Requests", count(s.Total.Requests)},
		{"Failed", share},
		{"Faults proven", fmt.Sprintf("%d of %d", proven, len(s.Faults))},
		{"Time to onset", optional(s.Verdict.Detected)},
		{"Time to recover", optional(s.Verdict.Recovered)},
	}
}

func optional(d *gameday.Duration) string {
	if d == nil {
		return "–"
	}
	return short(*d)
}

type phaseSpan struct{ Name, From, To string }

// PhaseSpans are the phases with their times.
func (s Summary) PhaseSpans() []phaseSpan {
	var spans []phaseSpan
	for _, p := range []gameday.Phase{gameday.Warmup, gameday.Baseline, gameday.During, gameday.Recovery} {
		if from, to := s.Plan.Phases.Window(p); to > from {
			spans = append(spans, phaseSpan{string(p), clock(from), clock(to)})
		}
	}
	return spans
}

type group struct{ ID, Heading, Kinds string }

// Groups are the sections of findings that carry evidence.
func (s Summary) Groups() []group {
	return []group{
		{"assert", "Assertions and their evidence", "assertion"},
		{"ledger", "Ledger: what was acknowledged, and what was kept", "ledger"},
		{"steady", "Steady state", "steady"},
		{"guard", "Guards: is this verdict earned?", "guard"},
		{"proof", "Fault and heal proofs", "proof"},
		{"heal", "Healing", "heal"},
	}
}

// ClassNames are the classes in the order of the table's columns.
func (s Summary) ClassNames() []gameday.Class { return gameday.Classes[:] }

// WorstRequests are the twenty slowest or failed requests, in order of badness.
func (s Summary) WorstRequests() []gameday.WorstRequest { return worst(s.Traffic) }

func worst(t gameday.Traffic) []gameday.WorstRequest {
	all := slices.Clone(t.Worst)
	slices.SortStableFunc(all, func(a, b gameday.WorstRequest) int { return cmp.Compare(b.Latency, a.Latency) })
	return all[:min(20, len(all))]
}

// PlanJSON is the resolved plan as people read it.
func (s Summary) PlanJSON() (string, error) {
	text, err := json.MarshalIndent(s.Plan, "", "  ")
	return string(text), err
}

// labels writes a series' labels as short as they remain clear.
func labels(s gameday.Series) string {
	if len(s.Labels) == 0 {
		return "value"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
		if k != "__name__" {
			parts = append(parts, k+"="+s.Labels[k])
		}
	}
	return strings.Join(parts, " ")
}
