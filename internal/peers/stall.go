//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// stall has the server stand still for two seconds in the middle, and asks who noticed.
func (b *bench) stall(ctx context.Context) (table, error) {
	t := table{
		title: "A server that stands still for two seconds",
		text:  "2,000 requests per second for 8 s, 64 connections at most for vegeta. The truth is what the server knows: when it answered, against when the request was due.",
		head:  []string{"program", "p99 it reports", "the truth", "error"},
	}
	for _, name := range []string{"gameday", "vegeta"} {
		var said, truth []time.Duration
		for range b.rounds {
			w := even(8*2000, 2000, 500)
			w.workers = connections
			_, arrived, err := b.play(ctx, name, w, "-stall-at", "3s", "-stall-for", "2s")
			if err != nil {
				return t, err
			}
			if arrived == nil {
				break
			}
			results := map[string]string{"gameday": "results.gob", "vegeta": "results.vegeta"}[name]
			latencies, err := readLatencies(b.path(results))
			if err != nil {
				return t, err
			}
			said = append(said, quantile(latencies, .99))
			truth = append(truth, quantile(waited(w, arrived), .99))
		}
		if len(said) > 0 {
			t.row(name, median(said), median(truth), fmt.Sprintf("%+.1f %%", 100*(float64(median(said))/float64(median(truth))-1)))
		}
	}
	return t, nil
}

// waited returns how long each request took from its due time to its answer, as the server knows.
func waited(w work, arrived []arrival) []time.Duration {
	offset := int64(1<<63 - 1)
	for _, a := range arrived {
		if a.Number >= 0 && int(a.Number) < len(w.due) {
			offset = min(offset, a.Received-int64(w.due[a.Number]))
		}
	}
	var all []time.Duration
	for _, a := range arrived {
		if a.Number >= 0 && int(a.Number) < len(w.due) {
			all = append(all, time.Duration(a.Answered-offset)-w.due[a.Number])
		}
	}
	return all
}

func readLatencies(path string) ([]time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []time.Duration
	for next := vegeta.NewDecoder(f); ; {
		var r vegeta.Result
		if err := next(&r); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, r.Latency)
	}
}
