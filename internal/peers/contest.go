//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
)

// turn is one run of one program in one round, with what the machine did besides.
type turn[T any] struct {
	name  string
	round int
	noise noise
	got   T
}

// contest is what programs did in turn.
type contest[T any] []turn[T]

// compete has each program run in each round: in the order given, and backwards in every other round, so that a machine that
// becomes slower or faster favours nobody. What run tells as not there is left out.
func compete[T any](ctx context.Context, b *bench, names []string, run func(name string, round int) (T, bool, error)) (contest[T], error) {
	var c contest[T]
	for round := range b.rounds {
		order := slices.Clone(names)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			if ctx.Err() != nil {
				return c, context.Cause(ctx)
			}
			b.progress("round %d of %d: %s", round+1, b.rounds, name)
			heard := watchNoise()
			got, there, err := run(name, round)
			if err != nil {
				return c, err
			}
			if there {
				c = append(c, turn[T]{name, round, heard(), got})
			}
		}
	}
	return c, nil
}

// names lists who ran, in the order of the first round.
func (c contest[T]) names() (names []string) {
	for _, t := range c {
		if !slices.Contains(names, t.name) {
			names = append(names, t.name)
		}
	}
	return names
}

// of returns what a program showed, round by round.
func (c contest[T]) of(name string) (all []T) {
	for _, t := range c {
		if t.name == name {
			all = append(all, t.got)
		}
	}
	return all
}

// spread of one figure of a program.
func (c contest[T]) spread(name string, figure func(T) float64) spread {
	var all []float64
	for _, got := range c.of(name) {
		all = append(all, figure(got))
	}
	return spreadOf(all)
}

// ratio of a figure of two programs, pair by pair: what they showed in the same round.
func (c contest[T]) ratio(name, to string, figure func(T) float64) spread {
	var ratios []float64
	for _, a := range c {
		for _, b := range c {
			if a.name == name && b.name == to && a.round == b.round && figure(b.got) > 0 {
				ratios = append(ratios, figure(a.got)/figure(b.got))
			}
		}
	}
	return spreadOf(ratios)
}

// loaded counts the runs of the programs during which the machine did more than a little else.
func (c contest[T]) loaded(names ...string) (loaded, runs int) {
	for _, t := range c {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		runs++
		if t.noise.loaded() {
			loaded++
		}
	}
	return loaded, runs
}

// beside tells what the machine did besides a program's runs, marked where that was more than a little.
func (c contest[T]) beside(name string) string {
	most := noise{}
	for _, t := range c {
		if t.name == name && t.noise.cores() >= most.cores() {
			most = t.noise
		}
	}
	text := fmt.Sprintf("%.2f", most.cores())
	if loaded, runs := c.loaded(name); loaded > 0 {
		text += fmt.Sprintf(" † %d of %d", loaded, runs)
	}
	return text
}

// micros is the median of a program's figure in microseconds.
func (c contest[T]) micros(name string, figure func(T) float64) string {
	return fmt.Sprintf("%.1f µs", c.spread(name, figure).median)
}

// whereTo says where gameday's CPU time and a peer's go, as far as runs show it: the code of the program, or the kernel.
func whereTo[T interface {
	all() float64
	own() float64
}](c contest[T], peer string) string {
	return whereOf(c, "gameday", peer)
}

func whereOf[T interface {
	all() float64
	own() float64
}](c contest[T], name, peer string) string {
	split := func(name string) string {
		all, own := c.spread(name, T.all).median, c.spread(name, T.own).median
		return fmt.Sprintf("%s spends %.1f µs in its own code and %.1f µs in the kernel", name, own, all-own)
	}
	return split(name) + ", " + split(peer)
}
