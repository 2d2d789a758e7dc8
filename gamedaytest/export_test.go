package gamedaytest

import (
	"context"
	"time"

	"github.com/gameday-dev/gameday"
)

// Deaf returns a platform with one link that takes hold of faults and says that it has let go, but has not.
func Deaf(l *Link) gameday.Platform { return deaf{links{l}} }

type deaf struct{ links }

// Shape holds on for longer than it is asked to: what lets go by itself, while a busy machine still heals, has not been deaf.
func (d deaf) Shape(ctx context.Context, rules []gameday.LinkRule, g gameday.Grip) error {
	g.For, g.Lease = gameday.Duration(time.Hour), gameday.Duration(time.Hour)
	return d.links.Shape(ctx, rules, g)
}

// Release lies.
func (deaf) Release(context.Context, string) error { return nil }
