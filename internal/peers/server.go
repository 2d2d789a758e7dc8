//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// free returns a loopback address that nothing listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// nginx is the server of what is measured at the limit: it answers every path, and counts.
type nginx struct {
	*service
	addr  string
	addr2 string // of HTTP/2 without TLS
}

func (b *bench) nginx(ctx context.Context) (*nginx, error) {
	program := b.find("nginx")
	if program == "" {
		return nil, fmt.Errorf("no nginx: it is the server of the measurements; install it")
	}
	addr, err := free()
	if err != nil {
		return nil, err
	}
	addr2, err := free()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; location / { return 200 "ok\n"; } location = /count { stub_status; } }
  server { listen %[3]s http2; location / { return 200 "ok\n"; } }
}
`, b.dir, addr, addr2)
	path := b.path("nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		return nil, err
	}
	s, err := b.start(ctx, serverCore, program, "-c", path)
	if err != nil {
		return nil, err
	}
	n := &nginx{s, addr, addr2}
	if err := answers(ctx, addr); err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

// served returns how many requests the server answered since it started.
func (n *nginx) served() (int, error) {
	resp, err := http.Get("http://" + n.addr + "/count")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return 0, err
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 3 {
		return 0, fmt.Errorf("count requests: unexpected answer %q", text)
	}
	fields := strings.Fields(lines[2])
	return strconv.Atoi(fields[len(fields)-1])
}

// sink starts the server that keeps arrivals; collect ends it and reads them.
func (b *bench) sink(ctx context.Context, more ...string) (addr string, collect func() (usage, []arrival, error), err error) {
	if addr, err = free(); err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	out := b.path("arrivals")
	s, err := b.start(ctx, serverCore, append([]string{self, "sink", "-listen", addr, "-out", out}, more...)...)
	if err != nil {
		return "", nil, err
	}
	collect = func() (usage, []arrival, error) {
		u := s.stop()
		arrived, err := readArrivals(out)
		return u, arrived, err
	}
	return addr, collect, answers(ctx, addr)
}
