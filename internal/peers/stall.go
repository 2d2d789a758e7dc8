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

// stalled is what a program said of a server that stood still, and what was true.
type stalled struct{ said, truth time.Duration }

func (s stalled) off() float64 { return 100 * (float64(s.said)/float64(s.truth) - 1) }

// standstill is the measurement of who noticed.
type standstill struct{ contest[stalled] }

// The run with a stall, at stallRate: the server stands still from one moment on.
const (
	stallRate   = 2000
	stallLength = 6 * time.Second
	stallAt     = 2 * time.Second
	stallFor    = 2 * time.Second
)

// stall has the server stand still for two seconds in the middle, and asks who noticed.
func (b *bench) stall(ctx context.Context) (section, error) {
	var m standstill
	var err error
	m.contest, err = compete(ctx, b, []string{"gameday", "vegeta"}, func(name string, round int) (r stalled, there bool, err error) {
		if round > 0 && (name == "vegeta" || round > 1) { // it takes long, and says the same every time
			return r, false, nil
		}
		w := even(int(stallLength.Seconds())*stallRate, stallRate, 500)
		w.workers = connections
		p, there, err := b.play(ctx, name, w, "-stall-at", stallAt.String(), "-stall-for", stallFor.String())
		if !there || err != nil {
			return r, false, err
		}
		results := map[string]string{"gameday": "results.gob", "vegeta": "results.vegeta"}[name]
		latencies, err := readLatencies(b.path(results))
		return stalled{quantile(latencies, .99), quantile(waited(w, p.arrived), .99)}, true, err
	})
	return m.section(), err
}

func (m standstill) section() section {
	s := section{
		title: "A server that stands still for two seconds",
		text: fmt.Sprintf("%d requests per second for %s, %d connections at most for vegeta. The truth is what the server knows: when it answered, against when the request was due.",
			stallRate, stallLength, connections),
		head: []string{"program", "p99 it reports", "the truth", "error", "other load, cores"},
	}
	for _, name := range m.names() {
		said := m.spread(name, func(r stalled) float64 { return inMicros(r.said) })
		truth := m.spread(name, func(r stalled) float64 { return inMicros(r.truth) })
		off := m.spread(name, stalled.off)
		s.row(name, microseconds(said.median), microseconds(truth.median), fmt.Sprintf("%+.1f %%", off.median), m.beside(name))
		if name == "gameday" {
			s.find("stall", max(-off.least, off.most), "")
		}
	}
	return s
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
