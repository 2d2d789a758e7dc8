package wire

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/expose"
	"github.com/gameday-dev/gameday/reports"
)

// expose serves the series of a load, if an address is given, until stop is called.
func (o ReplayOptions) expose(load gameday.Collector) (stop func() error, err error) {
	if o.Metrics == "" {
		return func() error { return nil }, nil
	}
	far, err := remote(o.Metrics)
	if err != nil {
		return nil, Refused{fmt.Errorf("metrics: %w", err)}
	}
	if far && !o.Remote {
		return nil, Refused{fmt.Errorf("metrics on %s: other machines would reach them: add --allow-remote if they are to", o.Metrics)}
	}
	l, err := net.Listen("tcp", o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w; choose another address with --metrics", err)
	}
	if o.Serving != nil {
		o.Serving(l.Addr().String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- expose.Serve(ctx, l, onePhase{load}) }()
	return func() error {
		cancel()
		return <-served
	}, nil
}

// onePhase leaves out the phases that a replay without a run never comes to.
type onePhase struct{ from gameday.Collector }

// Collect implements gameday.Collector.
func (c onePhase) Collect() []gameday.Sample {
	var kept []gameday.Sample
	for _, s := range c.from.Collect() {
		if phase, has := s.Labels["phase"]; !has || phase == string(gameday.Baseline) {
			kept = append(kept, s)
		}
	}
	return kept
}

// show begins the display of a replay, which is told of slices by sink, and ends with done.
func (o ReplayOptions) show(ctx context.Context, r reports.Replayed, length time.Duration) (sink func(gameday.Slice), done func()) {
	if o.Out == nil {
		return nil, func() {}
	}
	plan := gameday.Plan{Traffic: r.Plan, Flows: r.Flows, Seed: r.Seed}
	display := reports.NewReplayProgress(o.Out, plan, o.Terminal, r.Started, gameday.Duration(length))
	drawn := func(is bool) {
		if o.Panel != nil {
			o.Panel(is && o.Terminal)
		}
	}
	drawn(true)
	if !o.Terminal { // whoever sent the signal reads of it elsewhere
		ctx = context.WithoutCancel(ctx)
	}
	told := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(told)
		display.Event(gameday.Event{At: gameday.Duration(time.Since(r.Started)), Kind: gameday.EventSignal})
	})
	return display.Slice, func() {
		if !forget() {
			<-told
		}
		display.Done()
		drawn(false)
	}
}

// length is how long a replay will take; 0 when nobody knows.
func (o ReplayOptions) length(known survey) time.Duration {
	t := o.Traffic
	switch recorded := (t.Shape == "" || t.Shape == "recorded") && t.Pace != "think" && t.MaxWait == 0 && (t.RateCap == 0 || t.CapBy == "thin"); {
	case o.For > 0:
		return o.For
	case !recorded || t.Speed <= 0:
		return 0
	}
	return time.Duration(float64(known.Length) / t.Speed)
}
