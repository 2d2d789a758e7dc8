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

// What is looked at of a recording before it is played: all of it, up to surveyMost requests. Of a tape that is longer
// than its stretches together the first requests of each, evenly over its time, because its index tells the rest. Routes that
// come elsewhere only are not learnt.
const (
	surveyMost  = 200_000
	stretches   = 10
	stretchMost = 2_000
)

// A survey is what is known of a recording before it is played.
type survey struct {
	Routes []gameday.Flow // see replay.Learner
	Ledger replay.Ledger  // of its capture; nil where nobody kept accounts, or did while it was read and not to the end
	Length time.Duration  // from the start; 0 where the end was not reached
	Peak   int            // requests in the busiest second that was looked at
}

// surveyTape looks at a recording from an offset on, by the filters and rewriting of a plan. What cannot be read ends it
// without an error.
func surveyTape(ctx context.Context, open func() (replay.Source, error), plan gameday.TrafficPlan) (s survey, err error) {
	rules, err := replay.NewRules(plan.Filter, plan.Rewrite)
	if err != nil {
		return s, fmt.Errorf("traffic: %w", err)
	}
	source, err := open()
	if err != nil {
		return s, err
	}
	look := surveyor{rules: rules, start: plan.Start.Std()}
	if s.Length, err = look.over(ctx, source); err != nil {
		return s, errors.Join(err, closeSource(source))
	}
	s.Routes, s.Peak = look.routes.Flows(), look.peak
	_, counting := source.(capture.Importer) // those keep accounts while they read; tapes hold theirs
	if a, ok := source.(replay.Audited); ok && (look.whole || !counting) {
		s.Ledger = a.Ledger()
	}
	return s, closeSource(source)
}

// indexed is a recording that knows its extent, and where reading may begin anywhere: a tape, or a reel of them.
type indexed interface {
	replay.Source
	Seek(at time.Duration) error
	Extent() (records int64, first, last time.Duration)
}

// surveyor is a survey under way.
type surveyor struct {
	rules  *replay.Rules
	start  time.Duration
	routes replay.Learner
	peak   int
	last   time.Duration // of a request
	whole  bool          // the end was seen
}

// over looks at a recording and returns its length, 0 where the end was not reached.
func (s *surveyor) over(ctx context.Context, source replay.Source) (time.Duration, error) {
	in, ok := source.(indexed)
	if !ok {
		err := s.look(ctx, source, surveyMost)
		if !s.whole {
			return 0, err
		}
		return max(0, s.last-s.start), err
	}
	records, first, last := in.Extent()
	n, most := stretches, stretchMost
	if records <= stretches*stretchMost {
		n, most = 1, stretches*stretchMost
	}
	first = max(first, s.start)
	for i := range n {
		if err := in.Seek(first + (last-first)/time.Duration(n)*time.Duration(i)); err != nil {
			return 0, err
		}
		if err := s.look(ctx, in, most); err != nil {
			return 0, err
		}
	}
	return max(0, last-s.start), nil
}

// look reads on, to the end or until it has seen so many requests.
func (s *surveyor) look(ctx context.Context, source replay.Source, most int) error {
	var began, at time.Duration // on the tape, of all that is read
	kept := 0
	second, within := time.Duration(-1), 0
	for n := range most {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		x, err := source.Next()
		if err != nil {
			s.whole = s.whole || errors.Is(err, io.EOF)
			return nil // playing comes to the same place, and tells
		}
		if at = x.At; n == 0 {
			began = at
		}
		if x.At < s.start || s.rules.Apply(x) != "" {
			continue
		}
		s.last = max(s.last, x.At)
		if in := at / time.Second; in != second {
			second, within = in, 0
		}
		kept++
		within++
		s.peak = max(s.peak, within)
		s.routes.Add(x.Method, x.Target)
	}
	if took := at - began; took > 0 && took < time.Second { // so many that no second was over
		s.peak = max(s.peak, int(float64(kept)/took.Seconds()))
	}
	return nil
}
