package reports

import (
	"math"

	"github.com/gameday-dev/gameday/internal/chart"
)

// pointsMax bounds the points of a line: more of them make a page heavy and cannot be told apart.
const pointsMax = 900

// pointSeconds returns how many seconds one point of a drawing stands for.
func pointSeconds(seconds float64) int { return max(1, int(math.Ceil(seconds/pointsMax))) }

// thin joins the points of each stretch of so many seconds: rates as their mean, so that sums stay true, and everything else
// as the worst of them, so that no peak is lost.
func thin(points []chart.Point, seconds int, mean bool) []chart.Point {
	if seconds <= 1 {
		return points
	}
	var out []chart.Point
	for i := 0; i < len(points); {
		stretch := int(points[i].X) / seconds
		joined, n := points[i], 0.0
		sum := 0.0
		for ; i < len(points) && int(points[i].X)/seconds == stretch; i++ {
			joined.Y = max(joined.Y, points[i].Y)
			sum, n = sum+points[i].Y, n+1
		}
		if mean {
			joined.Y = sum / n
		}
		joined.X = (float64(stretch) + 0.5) * float64(seconds)
		out = append(out, joined)
	}
	return out
}
