package judge

import (
	"math"
	"slices"

	"github.com/gameday-dev/gameday"
)

// The limits of what a finding carries as evidence: what a reader of a report can see.
const (
	evidencePoints = 120
	evidenceSeries = 8
)

// evidence keeps the first series, thinned, without what JSON cannot say.
func evidence(all []gameday.Series) []gameday.Series {
	var kept []gameday.Series
	for _, s := range all {
		if len(kept) == evidenceSeries {
			break
		}
		if s = thin(s); len(s.Points) > 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

// thin returns s with evidencePoints points at most, finite ones. Of each stretch of time it keeps the
// lowest and the highest, in their order, so that no extreme is lost.
func thin(s gameday.Series) gameday.Series {
	points := finite(s.Points)
	if len(points) > evidencePoints {
		points = extremes(points, evidencePoints/2)
	}
	return gameday.Series{Labels: s.Labels, Points: points}
}

func extremes(points []gameday.Point, stretches int) []gameday.Point {
	kept := make([]gameday.Point, 0, 2*stretches)
	for i := range stretches {
		part := points[i*len(points)/stretches : (i+1)*len(points)/stretches]
		low, high := 0, 0
		for j, p := range part {
			if p.Value < part[low].Value {
				low = j
			}
			if p.Value > part[high].Value {
				high = j
			}
		}
		kept = append(kept, part[min(low, high)])
		if low != high {
			kept = append(kept, part[max(low, high)])
		}
	}
	return kept
}

// finite returns the points that are numbers.
func finite(points []gameday.Point) []gameday.Point {
	return slices.DeleteFunc(slices.Clone(points), func(p gameday.Point) bool {
		return math.IsNaN(p.Value) || math.IsInf(p.Value, 0)
	})
}
