package replay

import (
	"context"
	"fmt"
	"net"
	"net/url"
)

// An address is where a target listens.
type address struct{ network, addr string }

// resolve reads the targets.
func (p *Player) resolve() error {
	for _, target := range p.config.Targets {
		base, a, err := parseTarget(target)
		if err != nil {
			return err
		}
		if p.base == nil {
			p.base = base
		}
		if base.Scheme != p.base.Scheme {
			return fmt.Errorf("target %q: another scheme than %q", target, p.base)
		}
		p.addrs = append(p.addrs, a)
	}
	return nil
}

// parseTarget returns the base URL of a target and where it listens. A Unix socket is known as localhost.
func parseTarget(target string) (*url.URL, address, error) {
	base, err := url.Parse(target)
	switch {
	case err == nil && base.Scheme == "unix" && base.Host == "" && base.Path != "":
		return &url.URL{Scheme: "http", Host: "localhost"}, address{"unix", base.Path}, nil
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, address{}, fmt.Errorf("target %q: want a URL such as http://127.0.0.1:8080 or unix:///run/shop.sock", target)
	}
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	return base, address{"tcp", net.JoinHostPort(base.Hostname(), port)}, nil
}

func (p *Player) dial(ctx context.Context) (net.Conn, error) {
	a := p.addrs[int(p.dialled.Add(1))%len(p.addrs)]
	d := net.Dialer{KeepAlive: -1}
	if host, _, err := net.SplitHostPort(a.addr); a.network == "tcp" && (err != nil || !p.allowed(host)) {
		d.Control = refusePublic
	}
	if p.config.Local != "" && a.network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(p.config.Local)}
	}
	nc, err := d.DialContext(ctx, a.network, a.addr)
	if err == nil {
		p.engine.opened.Add(1)
	}
	return nc, err
}
