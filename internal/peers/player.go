//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// played is what came of offering a schedule to a sink.
type played struct {
	client, server usage
	arrived        []arrival
	stolen         theft
}

// play has a program offer w to a fresh sink. It is not there where there is no such program.
func (b *bench) play(ctx context.Context, name string, w work, sink ...string) (p played, there bool, err error) {
	addr, collect, err := b.sink(ctx, sink...)
	if err != nil {
		return p, false, err
	}
	args, err := b.player(name, w, addr)
	if args == nil || err != nil {
		_, _, _ = collect()
		return p, false, err
	}
	watched := watchTheft()
	p.client, err = b.client(ctx, nil, args...)
	p.stolen = watched()
	var readErr error
	p.server, p.arrived, readErr = collect()
	if err != nil {
		return p, false, err
	}
	return p, true, readErr
}

// player returns how a program is told to offer w; nothing when it is not there.
func (b *bench) player(name string, w work, addr string) ([]string, error) {
	length := w.due[len(w.due)-1]
	switch name {
	case "gameday":
		path := b.path("play.gdtape")
		_ = os.Remove(path)
		args := []string{b.gameday, "replay", path, "--to", "http://" + addr, "--max-lateness", "1h", "--results", b.path("results.gob")}
		if w.speed != 0 {
			args = append(args, "--speed", fmt.Sprint(w.speed))
		}
		return args, w.tape(path, addr)
	case "raw":
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		path := b.path("play.raw")
		return []string{self, "raw", "-to", addr, "-schedule", path, "-connections", fmt.Sprint(w.sessions)}, w.offsets(path)
	case "vegeta":
		path := b.path("targets.json")
		if b.find(name) == "" {
			return nil, nil
		}
		length := max(1, time.Duration(len(w.due)/w.rate)) * time.Second
		args := []string{b.find(name), "attack", "-rate", fmt.Sprint(w.rate), "-duration", length.String(), "-format", "json", "-lazy", "-targets", path, "-output", b.path("results.vegeta")}
		if w.workers > 0 {
			args = append(args, "-max-workers", fmt.Sprint(w.workers))
		}
		return args, w.targets(path, "http://"+addr)
	case "gor":
		path := b.path("play.gor")
		if b.find(name) == "" {
			return nil, nil
		}
		return []string{b.find(name), "--input-file", path, "--output-http", "http://" + addr, "--exit-after", (2*length + time.Second).Round(time.Second).String()}, w.gor(path, addr)
	}
	return nil, fmt.Errorf("no program %q", name)
}
