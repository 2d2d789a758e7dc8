package metrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/gameday-dev/gameday"
)

// The limits of one query.
const (
	queryTimeout = 30 * time.Second
	querySamples = 20_000_000 // in memory at once
	queryPoints  = 11_000     // steps of one range, as Prometheus' own API allows
	queryBytes   = 16 << 10   // length of an expression
)

func newEngine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples:               querySamples,
		Timeout:                  queryTimeout,
		LookbackDelta:            Lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Second.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   parser.NewParser(parser.Options{}),
	})
}

// Range evaluates expr with Prometheus' engine; see gameday.Metrics. A step of 0 is one second.
func (s *Store) Range(ctx context.Context, expr string, from, to, step gameday.Duration) ([]gameday.Series, error) {
	if step == 0 {
		step = gameday.Duration(time.Second)
	}
	if err := checkQuery(expr, from, to, step); err != nil {
		return nil, err
	}
	origin := time.UnixMilli(s.start.UnixMilli())
	query, err := s.engine.NewRangeQuery(ctx, s, nil, expr, origin.Add(from.Std()), origin.Add(to.Std()), step.Std())
	if err != nil {
		return nil, fmt.Errorf("parse PromQL %q: %w", expr, err)
	}
	defer query.Close()
	matrix, err := query.Exec(ctx).Matrix()
	if err != nil {
		return nil, fmt.Errorf("evaluate PromQL %q: %w", expr, explain(err))
	}
	return s.offsets(matrix), nil
}

func checkQuery(expr string, from, to, step gameday.Duration) error {
	switch {
	case len(expr) > queryBytes:
		return fmt.Errorf("parse PromQL: %d bytes exceed the limit of %d", len(expr), queryBytes)
	case to < from:
		return fmt.Errorf("evaluate PromQL %q: the window ends at %s, before it begins at %s", expr, to, from)
	case step < gameday.Duration(time.Millisecond):
		return fmt.Errorf("evaluate PromQL %q: a step of %s is less than 1ms", expr, step)
	case (to-from)/step > queryPoints:
		return fmt.Errorf("evaluate PromQL %q: %s in steps of %s is more than %d points; take longer steps", expr, to-from, step, queryPoints)
	}
	return nil
}

func explain(err error) error {
	var tooMany promql.ErrTooManySamples
	var timeout promql.ErrQueryTimeout
	switch {
	case errors.As(err, &tooMany):
		return fmt.Errorf("%w: narrow the selector or the range", err)
	case errors.As(err, &timeout):
		return fmt.Errorf("%w after %s: narrow the selector or the range", err, queryTimeout)
	}
	return err
}

func (s *Store) offsets(matrix promql.Matrix) []gameday.Series {
	result := make([]gameday.Series, 0, len(matrix))
	origin := s.start.UnixMilli()
	for _, one := range matrix {
		points := make([]gameday.Point, len(one.Floats))
		for i, p := range one.Floats {
			points[i] = gameday.Point{At: gameday.Duration(time.Duration(p.T-origin) * time.Millisecond), Value: p.F}
		}
		if len(points) > 0 {
			result = append(result, gameday.Series{Labels: labelMap(one.Metric), Points: points})
		}
	}
	return result
}

func labelMap(l labels.Labels) map[string]string {
	if l.IsEmpty() {
		return nil
	}
	return l.Map()
}
