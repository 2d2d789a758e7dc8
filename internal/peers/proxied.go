//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

// proxied measures what a request through a TCP proxy costs the proxy. The proxy has the core that the client has in
// the other measurements, and the client shares the server's.
func (b *bench) proxied(ctx context.Context) (table, error) {
	t := table{
		title: "CPU of a TCP proxy per request, 64 connections at the limit",
		text:  "The client is wrk, the server nginx. The link proxy and Toxiproxy pass through; haproxy is in TCP mode. With a toxic means a latency of 1 microsecond on every link.",
		head:  []string{"program", "CPU per request", "requests per second", "to haproxy"},
	}
	if b.find("wrk") == "" || b.find("taskset") == "" {
		return t, nil
	}
	server, err := b.nginx(ctx)
	if err != nil {
		return t, err
	}
	defer server.stop()
	listen, err := free()
	if err != nil {
		return t, err
	}
	contenders, err := b.proxies(listen, server.addr)
	if err != nil {
		return t, err
	}
	cost, rate, ratio := map[string][]time.Duration{}, map[string][]int{}, map[string][]float64{}
	for range b.rounds {
		var haproxy time.Duration
		for _, p := range contenders {
			each, perSecond, err := b.through(ctx, p, listen, server)
			if err != nil {
				return t, err
			}
			if p.name == "haproxy" {
				haproxy = each
			}
			cost[p.name], rate[p.name] = append(cost[p.name], each), append(rate[p.name], perSecond)
			if haproxy > 0 {
				ratio[p.name] = append(ratio[p.name], float64(each)/float64(haproxy))
			}
		}
	}
	for _, p := range contenders {
		t.row(p.name, micros(median(cost[p.name])), median(rate[p.name]), times(median(ratio[p.name])))
	}
	return t, nil
}

// through drives one proxy and returns its cost per request.
func (b *bench) through(ctx context.Context, p program, listen string, server *nginx) (time.Duration, int, error) {
	proxy, err := start(ctx, clientCore, p.args...)
	if err != nil {
		return 0, 0, err
	}
	if err := listening(ctx, listen); err != nil {
		proxy.stop()
		return 0, 0, fmt.Errorf("%s: %w", p.name, err)
	}
	before, err := server.served()
	if err != nil {
		proxy.stop()
		return 0, 0, err
	}
	begun := time.Now()
	wrk := pinned(ctx, serverCore, b.find("wrk"), "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", b.seconds), "http://"+listen+"/")
	err = wrk.Run()
	wall := time.Since(begun)
	u := proxy.stop()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk through %s: %w", p.name, err)
	}
	after, err := server.served()
	n := max(1, after-before-1)
	return u.cpu / time.Duration(n), int(float64(n) / wall.Seconds()), err
}

// proxies lists who is there, haproxy first since the others are measured by it.
func (b *bench) proxies(listen, to string) ([]program, error) {
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
	return append(b.present([]program{
		{"haproxy", []string{"haproxy", "-db", "-f", haproxy}},
		{"toxiproxy", []string{"toxiproxy", "-port", adminPort, "-config", toxiproxy}},
	}),
		program{"link proxy", []string{self, "link", "-listen", listen, "-to", to}},
		program{"link proxy, with a toxic", []string{self, "link", "-listen", listen, "-to", to, "-latency", "1us"}}), nil
}
