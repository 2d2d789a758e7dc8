package monkeys

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gameday-dev/gameday"
)

// measurement is travel, or another way to measure a link.
type measurement func(ctx context.Context, p gameday.Platform, t gameday.Target, patience time.Duration) (trips, error)

// prepareLink measures a link as it is, and makes the fault that puts a rule on it. Property names what the
// rule takes hold of, so that two faults on one property of one link exclude each other.
func prepareLink(ctx context.Context, p gameday.Platform, t gameday.Target, measure measurement, monkey gameday.Monkey, property, summary string) (gameday.Fault, error) {
	if err := wants(gameday.KindLink, t); err != nil {
		return gameday.Fault{}, err
	}
	if _, err := able[gameday.Shaper](p, "shape "+t.Name); err != nil {
		return gameday.Fault{}, err
	}
	before, err := measure(ctx, p, t, tripPatience)
	if err != nil {
		return gameday.Fault{}, err
	}
	return fault(monkey, t, before, fmt.Sprintf("%s: %s; the rule is taken off at the end", t.Name, summary),
		fmt.Sprintf("link %s->%s %s", t.From, t.To, property))
}

// shape puts rule on the fault's link.
func shape(ctx context.Context, p gameday.Platform, f gameday.Fault, rule gameday.LinkRule) error {
	shaper, err := able[gameday.Shaper](p, "shape "+f.Target.Name)
	if err != nil {
		return err
	}
	rule.From, rule.To = f.Target.From, f.Target.To
	return shaper.Shape(ctx, []gameday.LinkRule{rule}, f.Grip())
}

func checkDirection(d gameday.Direction) error {
	if d == "" || slices.Contains([]gameday.Direction{gameday.Both, gameday.Request, gameday.Response}, d) {
		return nil
	}
	return fmt.Errorf("direction %q: want request, response or both", d)
}
