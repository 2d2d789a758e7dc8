//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// openLoop measures who keeps a schedule: when requests arrive at the server against when they were due, and what the
// client spends on it.
func (b *bench) openLoop(ctx context.Context, rate int) (table, error) {
	t := table{
		title: fmt.Sprintf("Keeping a schedule, %d requests per second", rate),
		text: "gameday and gor play a recording with Poisson arrivals; vegeta, which has no recording to play, keeps a constant rate. Lateness is that of the k-th " +
			"arrival at the server's socket, by the kernel's clock, against the k-th due time. GoReplay 1.3.2 is given four times the length of the recording.",
		head: []string{"program", "CPU per request", "late p50", "late p99", "lost", "doubled", "out of order", "memory"},
	}
	type result struct {
		cost, p50, p99             []time.Duration
		lost, doubled, reorder, of int
		rss                        int64
	}
	results := map[string]*result{}
	order := []string{"gameday", "vegeta", "gor"}
	for round := range b.rounds {
		for _, name := range order {
			if name == "gor" && round > 0 { // it takes four times as long
				continue
			}
			w := poisson(rate, b.duration(), 200)
			if name == "vegeta" {
				w = even(rate*b.seconds, rate, 1)
			}
			u, arrived, err := b.play(ctx, name, w)
			if err != nil {
				return t, err
			}
			if arrived == nil {
				continue
			}
			r := results[name]
			if r == nil {
				r = &result{}
				results[name] = r
			}
			late := lateness(w.due, arrived)
			r.cost = append(r.cost, u.cpu/time.Duration(max(1, len(arrived))))
			r.p50, r.p99 = append(r.p50, quantile(late, .5)), append(r.p99, quantile(late, .99))
			doubled, reordered := disorder(w, arrived)
			r.of += len(w.due)
			r.rss = max(r.rss, u.rss)
			r.lost += max(0, len(w.due)-len(arrived)+doubled)
			r.doubled += doubled
			if name != "vegeta" { // it has no sessions
				r.reorder += reordered
			}
		}
	}
	for _, name := range order {
		if r := results[name]; r != nil {
			t.row(name, micros(median(r.cost)), median(r.p50), median(r.p99), fmt.Sprintf("%d of %d", r.lost, r.of), r.doubled, r.reorder, megabytes(r.rss))
		}
	}
	return t, nil
}

// play has a program offer w to a fresh sink.
func (b *bench) play(ctx context.Context, name string, w work, sink ...string) (usage, []arrival, error) {
	addr, collect, err := b.sink(ctx, sink...)
	if err != nil {
		return usage{}, nil, err
	}
	args, err := b.player(name, w, addr)
	if args == nil || err != nil {
		_, _ = collect()
		return usage{}, nil, err
	}
	u, err := client(ctx, args...)
	arrived, readErr := collect()
	if err != nil {
		return u, nil, err
	}
	return u, arrived, readErr
}

// player returns how a program is told to offer w; nothing when it is not there.
func (b *bench) player(name string, w work, addr string) ([]string, error) {
	switch name {
	case "gameday":
		path := b.path("play.gdtape")
		_ = os.Remove(path)
		return []string{b.gameday, "replay", path, "--to", "http://" + addr, "--max-lateness", "1h", "--results", b.path("results.gob")}, w.tape(path, addr)
	case "vegeta":
		path := b.path("targets.json")
		if b.find(name) == "" {
			return nil, nil
		}
		args := []string{b.find(name), "attack", "-rate", fmt.Sprint(w.rate), "-duration", fmt.Sprintf("%ds", len(w.due)/w.rate), "-format", "json", "-lazy", "-targets", path, "-output", b.path("results.vegeta")}
		if w.workers > 0 {
			args = append(args, "-max-workers", fmt.Sprint(w.workers))
		}
		return args, w.targets(path, "http://"+addr)
	case "gor":
		path := b.path("play.gor")
		if b.find(name) == "" {
			return nil, nil
		}
		return []string{b.find(name), "--input-file", path, "--output-http", "http://" + addr, "--exit-after", fmt.Sprintf("%ds", 4*b.seconds)}, w.gor(path, addr)
	}
	return nil, fmt.Errorf("no program %q", name)
}
