package monkeys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// tripCount is how many round trips make one measurement: an odd number, so that the median is one of them,
// and enough to shrug off two outliers.
const tripCount = 5

// tripPatience bounds a round trip beyond what is expected of it. A trip that is not back by then is lost.
const tripPatience = 2 * time.Second

// trips is one measurement of a link by several round trips at once.
type trips struct {
	Known  bool             `json:"known"`            // false: the platform cannot probe
	NoEnd  bool             `json:"no_end,omitempty"` // no instance is left at an end: there is no link any more
	Median gameday.Duration `json:"median,omitempty"` // of those that came back
	Back   int              `json:"back"`
	Lost   int              `json:"lost"`
}

// travel measures round trips.
func travel(ctx context.Context, p gameday.Platform, t gameday.Target, patience time.Duration) (trips, error) {
	prober, ok := gameday.Able[gameday.Prober](p)
	if !ok {
		return trips{}, nil
	}
	return travelBy(ctx, prober.Probe, p, t, patience)
}

// travelToEnd measures round trips up to the end of their connections.
func travelToEnd(ctx context.Context, p gameday.Platform, t gameday.Target, patience time.Duration) (trips, error) {
	prober, ok := gameday.Able[gameday.EndProber](p)
	if !ok {
		return trips{}, nil
	}
	return travelBy(ctx, prober.ProbeEnd, p, t, patience)
}

// travelBy makes tripCount round trips over the link at the same time, each given patience, and waits for all.
// A trip that is refused, reset or late is evidence; an error of the prober itself is an error.
func travelBy(ctx context.Context, probe func(ctx context.Context, from, to gameday.Endpoint) (gameday.Duration, error), p gameday.Platform, t gameday.Target, patience time.Duration) (trips, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var (
		took [tripCount]gameday.Duration
		errs [tripCount]error
		wg   sync.WaitGroup
	)
	for i := range tripCount {
		wg.Go(func() { took[i], errs[i] = probe(limited, t.From, t.To) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return trips{}, fmt.Errorf("probe %s: %w", t.Name, err)
	}
	var back []gameday.Duration
	for i := range tripCount {
		var lost *gameday.ProbeError
		switch {
		case errs[i] == nil:
			back = append(back, took[i])
		case !errors.As(errs[i], &lost) && !errors.Is(errs[i], context.DeadlineExceeded):
			if endless(ctx, p, t) {
				return trips{Known: true, NoEnd: true}, nil
			}
			return trips{}, fmt.Errorf("probe %s: %w", t.Name, errs[i])
		}
	}
	result := trips{Known: true, Back: len(back), Lost: tripCount - len(back)}
	if len(back) > 0 {
		slices.Sort(back)
		result.Median = back[len(back)/2]
	}
	return result, nil
}

// outside is how platforms name callers that are no part of the system.
const outside = "client"

// endless reports whether the system, as an autoscaler left it, has no instance at one end of the link.
func endless(ctx context.Context, p gameday.Platform, link gameday.Target) bool {
	for _, e := range []gameday.Endpoint{link.From, link.To} {
		if e.Service == outside || e == (gameday.Endpoint{}) {
			continue
		}
		found, err := p.Find(ctx, gameday.Selector{Kind: gameday.KindInstance, Service: e.Service, Zone: e.Zone})
		if err == nil && len(found) == 0 {
			return true
		}
	}
	return false
}

// usable reports whether the link answered well enough before the fault for a later change to mean something.
func (t trips) usable() bool { return t.Known && t.Back > t.Lost }

func (t trips) String() string {
	if t.NoEnd {
		return "no instance is left at an end of the link"
	}
	if t.Back == 0 {
		return fmt.Sprintf("%d of %d round trips lost", t.Lost, t.Lost+t.Back)
	}
	return fmt.Sprintf("median %s over %d of %d round trips", gameday.Duration(t.Median.Std().Round(10*time.Microsecond)), t.Back, t.Back+t.Lost)
}

// unreachable judges a link that should be dead: in effect when every trip is lost, gone when none is.
func unreachable(before, now trips) gameday.Evidence {
	measured := map[string]float64{"lost": float64(now.Lost), "back": float64(now.Back)}
	switch {
	case !before.usable() || !now.Known:
		return unknown("the link could not be measured before the fault (%s)", before)
	case now.NoEnd:
		return gameday.Evidence{Effect: gameday.Gone, What: now.String()}
	case now.Back == 0:
		return gameday.Evidence{Effect: gameday.InEffect, What: now.String(), Measured: measured}
	case now.Lost == 0:
		return gameday.Evidence{Effect: gameday.Gone, What: now.String(), Measured: measured}
	}
	return gameday.Evidence{What: now.String(), Measured: measured}
}

// slower judges a link whose trips should take longer by added: in effect when the median is up by at least half of
// that, gone when it is back within a quarter of it, or latencyBand.
func slower(before, now trips, added time.Duration) gameday.Evidence {
	switch {
	case now.NoEnd:
		return gameday.Evidence{Effect: gameday.Gone, What: now.String()}
	case now.Back <= now.Lost:
		return unknown("%s", now)
	}
	more := now.Median.Std() - before.Median.Std()
	evidence := gameday.Evidence{
		What:     fmt.Sprintf("%+.1fms against before: %s", float64(more)/float64(time.Millisecond), now),
		Measured: map[string]float64{"added_seconds": more.Seconds(), "before_seconds": before.Median.Seconds(), "now_seconds": now.Median.Seconds()},
	}
	switch {
	case more >= added/2:
		evidence.Effect = gameday.InEffect
	case more <= max(added/4, min(latencyBand, added/2-1)):
		evidence.Effect = gameday.Gone
	}
	return evidence
}
