package judge

import (
	"fmt"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// flowPhases sums up each flow in each phase, for the report.
func flowPhases(r gameday.Run) ([]gameday.FlowPhase, error) {
	var found []gameday.FlowPhase
	for _, flow := range flowNames(r) {
		for _, phase := range []gameday.Phase{gameday.Warmup, gameday.Baseline, gameday.During, gameday.Recovery} {
			from, to := r.Plan.Phases.Window(phase)
			if to == from {
				continue
			}
			one, err := flowPhase(flow, phase, slicesOf(r, flow, from, to))
			if err != nil {
				return found, err
			}
			found = append(found, one)
		}
	}
	return found, nil
}

func flowPhase(flow string, phase gameday.Phase, slices []gameday.Slice) (gameday.FlowPhase, error) {
	p := gameday.FlowPhase{Flow: flow, Phase: phase, Classes: map[gameday.Class]int64{}}
	all, service := newTally(), hist.New()
	for _, s := range slices {
		c, err := count(s, true)
		if err != nil {
			return p, err
		}
		all.add(c)
		for class, n := range s.Classes {
			p.Classes[class] += n
		}
		if len(s.Service) > 0 {
			h, err := hist.Decode(s.Service)
			if err != nil {
				return p, fmt.Errorf("read service time of flow %s in second %d: %w", flow, s.Second, err)
			}
			service.Merge(h)
		}
	}
	p.Requests = all.requests
	at := func(h *hist.Histogram, q float64) gameday.Duration { return gameday.Duration(h.Quantile(q)) }
	p.P50, p.P90, p.P99, p.P999 = at(all.latency, 0.5), at(all.latency, 0.9), at(all.latency, 0.99), at(all.latency, 0.999)
	p.Max, p.Service99 = gameday.Duration(all.latency.Max()), at(service, 0.99)
	return p, nil
}
