package replay

import (
	"math"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// never is later than any run ends.
const never = time.Duration(math.MaxInt64 / 4)

// longest is how far ahead a shape is followed.
const longest = 366 * 24 * time.Hour

// arrivals hands out due times by a shape: the n-th request is due when n have been due before.
type arrivals struct {
	shape gameday.Shape
	hits  int // handed out
	last  time.Duration
}

// due returns when the next request is due; never when the shape does not come to it.
func (a *arrivals) due() time.Duration {
	low, step := a.last, time.Millisecond
	high := low
	for a.before(high) {
		low, high = high, high+step
		if step *= 2; high > longest {
			return never
		}
	}
	for high-low > time.Microsecond {
		if middle := low + (high-low)/2; a.before(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	a.last = high
	return high
}

// before reports whether the next request is due later than at.
func (a *arrivals) before(at time.Duration) bool {
	return a.shape.Hits(gameday.Duration(at)) < float64(a.hits)
}
