//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay/tape"
)

// capturing measures what listening to traffic costs the listener per request, and how much of it was recorded.
func (b *bench) capturing(ctx context.Context) (table, error) {
	const rate = 5000
	t := table{
		title: fmt.Sprintf("Listening on an interface, %d requests per second", rate),
		text:  "What the listener spends per request, and what it has in the end. tcpdump writes packets and knows nothing of requests: it is the floor.",
		head:  []string{"program", "CPU per request", "recorded", "bytes per request", "to gor"},
	}
	if os.Getuid() != 0 {
		b.missing = append(b.missing, "listening on an interface (not root)")
		return t, nil
	}
	cost, ratio, last := map[string][]time.Duration{}, map[string][]float64{}, map[string]recorded{}
	names := []string{"gor", "tcpdump", "gameday"}
	for range b.rounds {
		var gor time.Duration
		for _, name := range names {
			r, err := b.listen(ctx, name, even(rate*b.seconds, rate, 200))
			if err != nil {
				return t, err
			}
			if r.of == 0 {
				continue
			}
			each := r.cpu / time.Duration(r.of)
			if name == "gor" {
				gor = each
			}
			cost[name], last[name] = append(cost[name], each), r
			if gor > 0 {
				ratio[name] = append(ratio[name], float64(each)/float64(gor))
			}
		}
	}
	for _, name := range names {
		if r, had := last[name]; had {
			have := "-"
			if r.requests >= 0 {
				have = fmt.Sprintf("%d of %d", r.requests, r.of)
			}
			t.row(name, micros(median(cost[name])), have, r.bytes/int64(r.of), times(median(ratio[name])))
		}
	}
	return t, nil
}

// recorded is what a listener has in the end.
type recorded struct {
	usage
	requests, of int
	bytes        int64
}

// listen has a program listen to w being played.
func (b *bench) listen(ctx context.Context, name string, w work) (r recorded, err error) {
	addr, collect, err := b.sink(ctx)
	if err != nil {
		return r, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return r, err
	}
	out := b.path("heard-" + name)
	var args []string
	switch name {
	case "gameday":
		out += ".gdtape"
		args = []string{b.gameday, "capture", "--interface", "lo", "--port", port, "--replays", "--out", out}
	case "gor":
		args = []string{b.find(name), "--input-raw", addr, "--output-file", out, "--output-file-append", "--output-file-queue-limit", "0"}
	case "tcpdump":
		args = []string{b.find(name), "-i", "lo", "-U", "-w", out, "tcp", "port", port}
	}
	_ = os.Remove(out)
	if args[0] == "" {
		_, err = collect()
		return r, err
	}
	listener, err := start(ctx, clientCore, args...)
	if err != nil {
		return r, err
	}
	time.Sleep(2 * time.Second) // none of them says when it has begun to listen
	play, err := b.player("gameday", w, addr)
	if err == nil {
		err = pinned(ctx, serverCore, play...).Run()
	}
	time.Sleep(2 * time.Second) // what they hold back
	r.usage = listener.stop()
	arrived, readErr := collect()
	if err = errors.Join(err, readErr); err != nil {
		return r, err
	}
	r.of = len(arrived)
	info, err := os.Stat(out)
	if err != nil {
		return r, fmt.Errorf("%s recorded nothing: %w", name, err)
	}
	r.bytes = info.Size()
	r.requests, err = count(name, out)
	return r, err
}

// count returns how many requests a recording has; -1 when it does not know of requests.
func count(name, path string) (int, error) {
	switch name {
	case "gameday":
		info, err := tape.ReadInfo(path)
		return int(info.Records) - info.GapCount, err
	case "gor":
		text, err := os.ReadFile(path)
		n := bytes.Count(text, []byte("\n🐵🙈🙉\n"))
		return n, err
	}
	return -1, nil
}
