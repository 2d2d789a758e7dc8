//go:build linux

package main

import (
	"context"
	"flag"
	"net/netip"
	"os/signal"
	"syscall"

	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// serveLink stands a link proxy between two addresses, with a latency rule or without one.
func serveLink(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("link", flag.ContinueOnError)
	listen := flags.String("listen", "", "address")
	to := flags.String("to", "", "address of the server")
	latency := flags.Duration("latency", 0, "of a rule; none when 0")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
	defer stop()
	at, err := netip.ParseAddrPort(*listen)
	if err != nil {
		return err
	}
	private, err := netip.ParseAddrPort(*to)
	if err != nil {
		return err
	}
	proxy := linkproxy.New(linkproxy.Config{})
	defer proxy.Close()
	backend := linkproxy.Backend{Peer: linkproxy.Peer{Service: "server"}, Private: private}
	if _, err := proxy.OpenEntry(linkproxy.Entry{Listen: at, Backends: func() []linkproxy.Backend { return []linkproxy.Backend{backend} }}); err != nil {
		return err
	}
	if *latency > 0 {
		proxy.SetRules([]linkproxy.Rule{{To: linkproxy.Match{Service: "server"}, Latency: *latency}})
	}
	<-ctx.Done()
	return nil
}
