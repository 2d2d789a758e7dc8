package gamedaytest

import (
	"context"

	"github.com/gameday-dev/gameday"
)

// Deaf returns a platform with one link that takes hold of faults and says that it has let go, but has not.
func Deaf(l *Link) gameday.Platform { return deaf{links{l}} }

type deaf struct{ links }

// Release lies.
func (deaf) Release(context.Context, string) error { return nil }
