//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// The ladder of the highest rate: each step takes stepLength, of which the first second does not count.
const (
	stepLength = 2 * time.Second
	stepLate   = time.Millisecond // p99 of lateness beyond which a rate is not held
)

func ladder() []int {
	return []int{5000, 10_000, 20_000, 30_000, 40_000, 60_000, 80_000}
}

// step is what a program showed at one rate.
type step struct {
	rate, lost, due int
	late            time.Duration // p99
	client, server  float64       // cores
	noise           noise
}

func (s step) held() bool { return s.lost == 0 && s.late <= stepLate }

// climb is how far a program came.
type climb struct {
	name  string
	steps []step // the last one is not held, if any is not
}

// highest has programs keep a constant rate, higher and higher, until one is not held twice running.
func (b *bench) highest(ctx context.Context) (section, error) {
	var all []climb
	for _, name := range []string{"gameday", "vegeta"} {
		c, err := b.climb(ctx, name)
		if err != nil {
			return section{}, err
		}
		if len(c.steps) > 0 {
			all = append(all, c)
		}
	}
	return climbed(all), nil
}

func (b *bench) climb(ctx context.Context, name string) (climb, error) {
	c := climb{name: name}
	for _, rate := range ladder() {
		var s step
		for try := 1; try <= 2; try++ {
			b.progress("%s at %s", name, perSecond(float64(rate)))
			w := even(rate*int(stepLength.Seconds()), rate, 200)
			heard := watchNoise()
			p, there, err := b.play(ctx, name, w)
			if !there || err != nil {
				return c, err
			}
			s = stepOf(rate, w, p)
			s.noise = heard()
			if s.held() {
				break
			}
		}
		c.steps = append(c.steps, s)
		if !s.held() {
			break
		}
	}
	return c, nil
}

func stepOf(rate int, w work, p played) step {
	late, wall := lateness(w.due, p.arrived), max(time.Millisecond, p.client.wall).Seconds()
	spared, _ := p.stolen.spared(w, p.arrived, late, settling)
	doubled, _ := disorder(w, p.arrived)
	return step{
		rate: rate, due: len(w.due), lost: max(0, len(w.due)-len(p.arrived)+doubled),
		late:   quantile(spared, .99),
		client: p.client.cpu().Seconds() / wall, server: p.server.cpu().Seconds() / wall,
	}
}

func climbed(all []climb) section {
	s := section{
		title: "The highest rate that is held",
		text: fmt.Sprintf("A constant rate for %s, higher and higher: %s to %s. A rate is held when nothing is lost and the p99 of lateness is at most %s in the second second, while the hypervisor takes nothing from the machine; one that is "+
			"not held is tried once more. The client has one core, the server of the measurement the other.", stepLength, perSecond(float64(ladder()[0])), perSecond(float64(ladder()[len(ladder())-1])), stepLate),
		head: []string{"program", "highest rate held", "late p99 there", "then", "late p99", "lost", "cores of the client", "cores of the server", "other load, cores"},
	}
	for _, c := range all {
		held, broke := step{}, step{}
		for _, s := range c.steps {
			if s.held() {
				held = s
			} else {
				broke = s
			}
		}
		row := []any{c.name, perSecond(float64(held.rate)), held.late}
		if held.rate == 0 {
			row = []any{c.name, "none", "-"}
		}
		last := c.steps[len(c.steps)-1]
		if broke.rate == 0 {
			row = append(row, "not tried", "-", "-")
		} else {
			row = append(row, perSecond(float64(broke.rate)), broke.late, fmt.Sprintf("%d of %d", broke.lost, broke.due))
		}
		s.row(append(row, times(last.client), times(last.server), contest[step]{{c.name, 0, last.noise, last}}.beside(c.name))...)
		if c.name == "gameday" {
			s.find("highest", float64(held.rate), fmt.Sprintf("at %s the p99 of lateness is %s, %d are lost, the client takes %.2f cores and the server %.2f",
				perSecond(float64(broke.rate)), short(broke.late), broke.lost, broke.client, broke.server))
		}
	}
	return s
}
