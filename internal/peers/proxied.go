//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// toxicLatency is what the toxic of the measurement adds to each direction: the least that Toxiproxy knows.
const toxicLatency = time.Millisecond

// passed is what a proxy showed.
type passed struct {
	load
	tail time.Duration // p99.9 of what the client waited
}

// proxying is the measurement of what a request costs a proxy.
type proxying struct {
	contest[passed]
	starts map[string]usage
}

// proxy is one contender.
type proxy struct {
	program
	toxic func(context.Context) error // adds the toxic; nil where there is none, or where it has it from the start
}

// proxied measures what a request through a TCP proxy costs the proxy. The proxy has the core that the client has in
// the other measurements, and the client shares the server's.
func (b *bench) proxied(ctx context.Context) (section, error) {
	if b.find("wrk") == "" {
		return section{}, fmt.Errorf("no wrk: it is the client of this measurement")
	}
	server, err := b.nginx(ctx)
	if err != nil {
		return section{}, err
	}
	defer server.stop()
	listen, err := free()
	if err != nil {
		return section{}, err
	}
	contenders, err := b.proxies(listen, server.addr)
	if err != nil {
		return section{}, err
	}
	var names []string
	for _, p := range contenders {
		names = append(names, p.name)
	}
	m := proxying{starts: map[string]usage{}}
	m.contest, err = compete(ctx, b, names, func(name string, round int) (passed, bool, error) {
		p := contenders[slices.Index(names, name)]
		if round == 0 {
			idle, err := b.through(ctx, p, listen, nil)
			if err != nil {
				return passed{}, false, err
			}
			m.starts[name] = idle.usage
		}
		got, err := b.through(ctx, p, listen, server)
		return passed{load{got.without(m.starts[name]).each(got.requests), float64(got.requests) / got.wall.Seconds()}, got.tail}, true, err
	})
	return m.section(), err
}

func (m proxying) section() section {
	s := section{
		title: "CPU of a TCP proxy per request, 64 connections at the limit",
		text: fmt.Sprintf("The client is wrk, the server nginx, on one core; the proxy has the other. The link proxy and Toxiproxy pass through, then each has the same toxic: a latency of %s on either way, "+
			"which bounds the rate. haproxy is in TCP mode. Ratios are to haproxy, and with the toxic to Toxiproxy with it. Latency is what wrk saw.", toxicLatency),
		head: []string{"program", "CPU per request", "of it in user space", "requests per second", "p99.9", "ratio", "start of the program", "other load, cores"},
	}
	for _, name := range m.names() {
		to := "haproxy"
		if strings.HasSuffix(name, withToxic) {
			to = "toxiproxy" + withToxic
		}
		s.row(name, m.micros(name, passed.all), m.micros(name, passed.own),
			grouped(int64(m.spread(name, func(p passed) float64 { return p.rate }).median)),
			microseconds(m.spread(name, passed.waited).median), m.ratio(name, to, passed.all), m.starts[name].cpu(), m.beside(name))
	}
	s.findRatio("link/haproxy", m.ratio("link proxy", "haproxy", passed.all), whereOf(m.contest, "link proxy", "haproxy"))
	s.findRatio("link/toxiproxy", m.ratio("link proxy", "toxiproxy", passed.all), whereOf(m.contest, "link proxy", "toxiproxy"))
	s.findRatio("link/tail", m.ratio("link proxy", "haproxy", passed.waited), "")
	s.findRatio("link/toxic", m.ratio("link proxy"+withToxic, "toxiproxy"+withToxic, passed.all), whereOf(m.contest, "link proxy"+withToxic, "toxiproxy"+withToxic))
	return s
}

func (p passed) waited() float64 { return inMicros(p.tail) }

const withToxic = ", with the toxic"

// tail is the script by which wrk tells the p99.9, in microseconds.
const tail = `done = function(summary, latency, requests) io.write(string.format("p999=%d\n", latency:percentile(99.9))) end` + "\n"

// crossing is what came of one run through a proxy.
type crossing struct {
	usage
	requests int
	tail     time.Duration
}

// through drives one proxy, or lets it idle when there is no server.
func (b *bench) through(ctx context.Context, p proxy, listen string, server *nginx) (c crossing, err error) {
	running, err := b.start(ctx, clientCore, p.args...)
	if err != nil {
		return c, err
	}
	defer func() {
		wall := c.wall
		c.usage = running.stop()
		c.wall = wall
	}()
	if err := answers(ctx, listen); err != nil {
		return c, fmt.Errorf("%s: %w", p.name, err)
	}
	if p.toxic != nil {
		if err := p.toxic(ctx); err != nil {
			return c, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if server == nil {
		return c, nil
	}
	script := b.path("tail.lua")
	if err := os.WriteFile(script, []byte(tail), 0o644); err != nil {
		return c, err
	}
	before, err := server.served()
	if err != nil {
		return c, err
	}
	var out bytes.Buffer
	begun := time.Now()
	args := []string{b.find("wrk"), "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", b.seconds), "-s", script, "http://" + listen + "/"}
	b.note(args)
	wrk := pinned(ctx, serverCore, args...)
	wrk.Stdout = &out
	if err := wrk.Run(); err != nil {
		return c, fmt.Errorf("wrk through %s: %w", p.name, err)
	}
	c.wall = time.Since(begun)
	after, err := server.served()
	if err != nil {
		return c, err
	}
	c.requests = max(1, after-before-1)
	_, text, _ := strings.Cut(out.String(), "p999=")
	text, _, _ = strings.Cut(text, "\n")
	us, err := strconv.Atoi(text)
	if err != nil {
		return c, fmt.Errorf("wrk through %s tells no p99.9: %.200q", p.name, out.String())
	}
	c.tail = time.Duration(us) * time.Microsecond
	return c, nil
}

// proxies lists who is there: those that are compared with each other side by side.
func (b *bench) proxies(listen, to string) (all []proxy, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return nil, err
	}
	haproxy, toxiproxy := b.path("haproxy.cfg"), b.path("toxiproxy.json")
	config := fmt.Sprintf("global\n maxconn 4096\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\nlisten l\n bind %s\n server s %s:%s\n", listen, host, port)
	if err := os.WriteFile(haproxy, []byte(config), 0o644); err != nil {
		return nil, err
	}
	config = fmt.Sprintf(`[{"name":"l","listen":%q,"upstream":%q,"enabled":true}]`, listen, to)
	if err := os.WriteFile(toxiproxy, []byte(config), 0o644); err != nil {
		return nil, err
	}
	admin, err := free()
	if err != nil {
		return nil, err
	}
	_, adminPort, err := net.SplitHostPort(admin)
	if err != nil {
		return nil, err
	}
	toxic := func(ctx context.Context) error { return addToxics(ctx, "http://"+admin+"/proxies/l/toxics") }
	ours := []string{self, "link", "-listen", listen, "-to", to}
	for _, p := range []proxy{
		{program{name: "haproxy", args: []string{"haproxy", "-db", "-f", haproxy}}, nil},
		{program{name: "link proxy", args: ours}, nil},
		{program{name: "toxiproxy", args: []string{"toxiproxy", "-port", adminPort, "-config", toxiproxy}}, nil},
		{program{name: "toxiproxy" + withToxic, args: []string{"toxiproxy", "-port", adminPort, "-config", toxiproxy}}, toxic},
		{program{name: "link proxy" + withToxic, args: append(slices.Clip(ours), "-latency", toxicLatency.String())}, nil},
	} {
		if p.args[0] = b.find(p.args[0]); p.args[0] != "" {
			all = append(all, p)
		}
	}
	return all, nil
}

// addToxics asks Toxiproxy for the toxic on both ways; its configuration cannot hold one.
func addToxics(ctx context.Context, url string) error {
	for _, stream := range []string{"upstream", "downstream"} {
		body := fmt.Sprintf(`{"name":%q,"type":"latency","stream":%q,"attributes":{"latency":%d}}`, stream, stream, toxicLatency.Milliseconds())
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("add toxic: %w", err)
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("add toxic: %s: %.200s", resp.Status, text)
		}
	}
	return nil
}
