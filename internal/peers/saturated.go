//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// connections of the measurements at the limit.
const connections = 64

// program is one contender of a measurement.
type program struct {
	name  string
	args  []string
	empty []string // arguments of a run with next to nothing to do
}

// load is what a program showed that sent requests for a while.
type load struct {
	cost
	rate float64 // requests per second
}

// saturation is the measurement of what a request costs the client when 64 connections carry what they can.
type saturation struct {
	contest[load]
	starts map[string]usage
	http2  bool
}

// limit measures it over HTTP/1.1, or over HTTP/2 with one stream at a time on each connection.
func (b *bench) limit(ctx context.Context, http2 bool) (section, error) {
	m, err := b.saturate(ctx, http2)
	return m.section(), err
}

func (m saturation) section() section {
	if m.http2 {
		s := section{
			title: "CPU of the client per request over HTTP/2, 64 connections at the limit",
			text:  "Without TLS. h2load has 64 connections with one stream at a time. gameday replays a tape as in the measurement over HTTP/1.1, with --http2. Ratios are to h2load. No target is set for this.",
		}
		m.table(&s, "h2load")
		return s
	}
	s := section{
		title: "CPU of the client per request, 64 connections at the limit",
		text:  "The server is nginx, and counts the requests. gameday replays a tape of 64 sessions that is due far faster than can be served, with everything on: histograms, marks, sessions in order. Ratios are to wrk.",
	}
	m.table(&s, "wrk")
	for _, peer := range []string{"wrk", "vegeta", "k6"} {
		s.findRatio("limit/"+peer, m.ratio("gameday", peer, load.all), whereTo(m.contest, peer))
	}
	return s
}

func (m saturation) table(s *section, to string) {
	s.head = []string{"program", "CPU per request", "of it in user space", "requests per second", "ratio", "start of the program", "other load, cores"}
	for _, name := range m.names() {
		rate := m.spread(name, func(l load) float64 { return l.rate })
		s.row(name, m.micros(name, load.all), m.micros(name, load.own), grouped(int64(rate.median)),
			m.ratio(name, to, load.all), m.starts[name].cpu(), m.beside(name))
	}
}

func (b *bench) saturate(ctx context.Context, http2 bool) (m saturation, err error) {
	server, err := b.nginx(ctx)
	if err != nil {
		return m, err
	}
	defer server.stop()
	contenders, err := b.saturating(server, http2)
	if err != nil {
		return m, err
	}
	m.starts, m.http2 = map[string]usage{}, http2
	var names []string
	for _, p := range contenders {
		b.progress("start of %s", p.name)
		if m.starts[p.name], err = starting(ctx, p.empty); err != nil {
			return m, err
		}
		names = append(names, p.name)
	}
	m.contest, err = compete(ctx, b, names, func(name string, round int) (load, bool, error) {
		if name == "k6" && round > 0 { // one run is enough for the tenfold
			return load{}, false, nil
		}
		p := contenders[slices.Index(names, name)]
		before, err := server.served()
		if err != nil {
			return load{}, false, err
		}
		u, err := b.client(ctx, nil, p.args...)
		if err != nil {
			return load{}, false, err
		}
		after, err := server.served()
		n := max(1, after-before-1)
		return load{u.without(m.starts[name]).each(n), float64(n) / u.wall.Seconds()}, true, err
	})
	return m, err
}

// saturating lists who is there. gameday runs between those that it is compared with.
func (b *bench) saturating(server *nginx, http2 bool) ([]program, error) {
	seconds, n := fmt.Sprintf("%ds", b.seconds), fmt.Sprint(connections)
	requests := 60_000 * b.seconds // about as many as can be sent in the time
	if http2 {
		requests /= 3
	}
	ours, err := b.saturatingTape(server, requests)
	if err != nil {
		return nil, err
	}
	if http2 {
		url := "http://" + server.addr2 + "/"
		all := b.present([]program{{
			"h2load",
			[]string{"h2load", "-t1", "-c" + n, "-m1", "-D", seconds, url},
			[]string{"h2load", "-t1", "-c1", "-n1", url},
		}})
		for _, args := range []*[]string{&ours.args, &ours.empty} {
			*args = append(*args, "--to", "http://"+server.addr2, "--http2")
		}
		return append(all, ours), nil
	}
	url := "http://" + server.addr + "/"
	targets, script := b.path("targets"), b.path("k6.js")
	if err := os.WriteFile(targets, []byte("GET "+url+"\n"), 0o644); err != nil {
		return nil, err
	}
	k6 := fmt.Sprintf("import http from 'k6/http'; export const options = {discardResponseBodies: true}; export default function () { http.get('%s'); }\n", url)
	if err := os.WriteFile(script, []byte(k6), 0o644); err != nil {
		return nil, err
	}
	for _, args := range []*[]string{&ours.args, &ours.empty} {
		*args = append(*args, "--to", "http://"+server.addr)
	}
	before := b.present([]program{
		{
			"k6",
			[]string{"k6", "run", "--quiet", "--no-usage-report", "--vus", n, "--duration", seconds, script},
			[]string{"k6", "run", "--quiet", "--no-usage-report", "--vus", "1", "--iterations", "1", script},
		},
		{
			"vegeta",
			[]string{"vegeta", "attack", "-rate", "0", "-max-workers", n, "-duration", seconds, "-targets", targets, "-output", os.DevNull},
			[]string{"vegeta", "attack", "-rate", "1", "-duration", "1s", "-targets", targets, "-output", os.DevNull},
		},
	})
	after := b.present([]program{
		{"wrk", []string{"wrk", "-t1", "-c" + n, "-d" + seconds, url}, []string{"wrk", "--version"}},
		{
			"h2load",
			[]string{"h2load", "--h1", "-t1", "-c" + n, "-D", seconds, url},
			[]string{"h2load", "--h1", "-t1", "-c1", "-n1", url},
		},
		{
			"fortio",
			[]string{"fortio", "load", "-quiet", "-qps", "0", "-c", n, "-t", seconds, url},
			[]string{"fortio", "load", "-quiet", "-qps", "0", "-c", "1", "-n", "1", url},
		},
	})
	return slices.Concat(before, []program{ours}, after), nil
}

// saturatingTape makes the tapes of gameday's run, of so many requests, and of its empty one; where to is still to be
// said.
func (b *bench) saturatingTape(server *nginx, requests int) (program, error) {
	full, empty := b.path("full.gdtape"), b.path("empty.gdtape")
	for path, w := range map[string]work{full: even(requests, 1_000_000, connections), empty: even(1, 1, 1)} {
		if err := os.RemoveAll(path); err != nil {
			return program{}, err
		}
		if err := w.tape(path, server.addr); err != nil {
			return program{}, err
		}
	}
	play := func(path string) []string {
		return []string{b.gameday, "replay", path, "--timeout", "1h", "--max-lateness", "1h"}
	}
	return program{"gameday", play(full), play(empty)}, nil
}

// present keeps the programs that are there, and notes the others.
func (b *bench) present(all []program) []program {
	var here []program
	for _, p := range all {
		path := b.find(p.args[0])
		if path == "" {
			continue
		}
		p.args[0] = path
		if p.empty != nil {
			p.empty[0] = path
		}
		here = append(here, p)
	}
	return here
}
