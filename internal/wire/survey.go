package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// surveyMost is how many requests of a recording are looked at before it is played. Routes that come later only are not
// learnt.
const surveyMost = 200_000

// A survey is what is known of a recording before it is played.
type survey struct {
	Routes []gameday.Flow // see replay.Learner
	Ledger replay.Ledger  // of its capture; nil where nobody kept accounts, or did while it was read and not to the end
	Length time.Duration  // from the start; 0 where the end was not reached
	Peak   int            // requests in the busiest second
}

// surveyTape reads a recording from an offset on, by the filters and rewriting of a plan. What cannot be read ends it
// without an error: playing comes to the same place, and tells.
func surveyTape(ctx context.Context, open func() (replay.Source, error), plan gameday.TrafficPlan) (s survey, err error) {
	rules, err := replay.NewRules(plan.Filter, plan.Rewrite)
	if err != nil {
		return s, fmt.Errorf("traffic: %w", err)
	}
	source, err := open()
	if err != nil {
		return s, err
	}
	start := plan.Start.Std()
	if seeker, ok := source.(interface{ Seek(time.Duration) error }); ok && start > 0 {
		if err := seeker.Seek(start); err != nil {
			return s, errors.Join(err, closeSource(source))
		}
	}
	var routes replay.Learner
	var last time.Duration
	whole, second, within := false, time.Duration(-1), 0
	for range surveyMost {
		if ctx.Err() != nil {
			return s, errors.Join(context.Cause(ctx), closeSource(source))
		}
		x, err := source.Next()
		if errors.Is(err, io.EOF) {
			s.Length, whole = max(0, last-start), true
		}
		if err != nil {
			break
		}
		if x.At < start || rules.Apply(x) != "" {
			continue
		}
		last = max(last, x.At)
		if at := x.At / time.Second; at != second {
			second, within = at, 0
		}
		within++
		s.Peak = max(s.Peak, within)
		routes.Add(x.Method, x.Target)
	}
	s.Routes = routes.Flows()
	_, counting := source.(capture.Importer) // those keep accounts while they read; tapes hold theirs
	if a, ok := source.(replay.Audited); ok && (whole || !counting) {
		s.Ledger = a.Ledger()
	}
	return s, closeSource(source)
}
