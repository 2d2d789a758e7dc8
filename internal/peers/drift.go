//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// The runs whose drift is measured.
const (
	driftRate   = 1000
	driftLength = 10 * time.Second
	driftLong   = 10 * time.Minute // for each speed: see bench.long
)

// drifted is what came of a schedule after a while.
type drifted struct {
	name  string
	speed float64
	drift time.Duration
	ends  time.Duration // lateness p50 of the last tenth
	noise noise
}

// drifting measures the schedule against the clock at the end.
func (b *bench) drifting(ctx context.Context, length time.Duration) (section, error) {
	var all []drifted
	for _, d := range []drifted{{name: "gameday", speed: 0.1}, {name: "gameday", speed: 10}} {
		w := even(driftRate*int(length.Seconds()), driftRate, 100)
		w.speed = d.speed
		b.progress("%s at speed %g", d.name, d.speed)
		heard := watchNoise()
		p, _, err := b.play(ctx, d.name, w)
		if err != nil {
			return section{}, err
		}
		late := lateness(w.due, p.arrived)
		d.drift, d.noise = drift(w.due, late), heard()
		d.ends = quantile(between(w.due, late, w.due[len(w.due)-1]/10*9, 1<<62), .5)
		all = append(all, d)
	}
	return driftedOf(length, all), nil
}

func driftedOf(length time.Duration, all []drifted) section {
	title, goal := "Drift", "drift"
	if length == driftLong {
		title, goal = "Drift in the long run", "drift/long"
	}
	s := section{
		title: title,
		text:  fmt.Sprintf("A schedule of %d requests per second for %s against the kernel's clock at the server's socket. Drift is how much later its last tenth is than its second one, by their medians.", driftRate, length),
		head:  []string{"program", "speed", "drift", "late p50 of the last tenth", "other load, cores"},
	}
	for _, d := range all {
		s.row(d.name, fmt.Sprintf("%g", d.speed), d.drift, d.ends, contest[drifted]{{d.name, 0, d.noise, d}}.beside(d.name))
		if d.name == "gameday" {
			why := ""
			if d.noise.loaded() {
				why = fmt.Sprintf("the machine did other work meanwhile, %.2f cores", d.noise.cores())
			}
			s.find(goal, inMicros(d.drift.Abs()), why)
		}
	}
	return s
}
