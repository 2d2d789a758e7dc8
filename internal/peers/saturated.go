//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// connections of the measurements at the limit.
const connections = 64

// program is one contender of a measurement.
type program struct {
	name string
	args []string
}

// saturated measures what a request costs the client when 64 connections carry what they can.
func (b *bench) saturated(ctx context.Context) (table, error) {
	t := table{
		title: "CPU of the client per request, 64 connections at the limit",
		text:  "The server is nginx on the other core, and counts the requests. The ratio is to wrk in the same round. gameday replays a tape of 64 sessions that is due far faster than can be served, with everything on.",
		head:  []string{"program", "CPU per request", "requests per second", "to wrk"},
	}
	server, err := b.nginx(ctx)
	if err != nil {
		return t, err
	}
	defer server.stop()
	url := "http://" + server.addr + "/"
	contenders, err := b.saturating(server.addr, url)
	if err != nil {
		return t, err
	}
	cost, rate, ratio := map[string][]time.Duration{}, map[string][]int{}, map[string][]float64{}
	for range b.rounds {
		var wrk time.Duration
		for _, p := range contenders {
			before, err := server.served()
			if err != nil {
				return t, err
			}
			u, err := client(ctx, p.args...)
			if err != nil {
				return t, err
			}
			after, err := server.served()
			if err != nil {
				return t, err
			}
			n := max(1, after-before-1)
			each := u.cpu / time.Duration(n)
			if p.name == "wrk" {
				wrk = each
			}
			cost[p.name] = append(cost[p.name], each)
			rate[p.name] = append(rate[p.name], int(float64(n)/u.wall.Seconds()))
			if wrk > 0 {
				ratio[p.name] = append(ratio[p.name], float64(each)/float64(wrk))
			}
		}
	}
	for _, p := range contenders {
		t.row(p.name, micros(median(cost[p.name])), median(rate[p.name]), times(median(ratio[p.name])))
	}
	return t, nil
}

// saturating lists who is there, wrk first since the others are measured by it.
func (b *bench) saturating(addr, url string) ([]program, error) {
	seconds := fmt.Sprintf("%ds", b.seconds)
	w := even(60_000*b.seconds, 1_000_000, connections)
	if err := w.tape(b.path("full.gdtape"), addr); err != nil {
		return nil, err
	}
	targets, script := b.path("targets"), b.path("k6.js")
	if err := os.WriteFile(targets, []byte("GET "+url+"\n"), 0o644); err != nil {
		return nil, err
	}
	k6 := fmt.Sprintf("import http from 'k6/http'; export const options = {vus: %d, duration: '%s', discardResponseBodies: true}; export default function () { http.get('%s'); }\n", connections, seconds, url)
	if err := os.WriteFile(script, []byte(k6), 0o644); err != nil {
		return nil, err
	}
	n := fmt.Sprint(connections)
	all := []program{
		{"wrk", []string{"wrk", "-t1", "-c" + n, "-d" + seconds, url}},
		{"h2load", []string{"h2load", "--h1", "-t1", "-c" + n, "-D", seconds, url}},
		{"fortio", []string{"fortio", "load", "-quiet", "-qps", "0", "-c", n, "-t", seconds, url}},
		{"vegeta", []string{"vegeta", "attack", "-rate", "0", "-max-workers", n, "-duration", seconds, "-targets", targets, "-output", os.DevNull}},
		{"k6", []string{"k6", "run", "--quiet", "--no-usage-report", script}},
	}
	return append(b.present(all), program{"gameday", []string{b.gameday, "replay", b.path("full.gdtape"), "--to", "http://" + addr, "--timeout", "1h", "--max-lateness", "1h"}}), nil
}

// present keeps the programs that are there, and notes the others.
func (b *bench) present(all []program) []program {
	var here []program
	for _, p := range all {
		path := b.find(p.args[0])
		if path == "" {
			b.missing = append(b.missing, p.name)
			continue
		}
		p.args[0] = path
		here = append(here, p)
	}
	return here
}
