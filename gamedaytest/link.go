package gamedaytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/exposition"
	"github.com/gameday-dev/gameday/internal/linkproxy"
)

const (
	callerService = "caller" // who dials a link, in gameday_link_* series
	probeZone     = "probe"  // keeps a link's own round trips apart from the traffic in them
)

// A Link is the way to one address, through a TCP proxy of this process. It carries everything as it comes until a
// fault of a [Case] acts on it, on connections that are open already too.
type Link struct {
	name  string
	proxy *linkproxy.Proxy
	at    netip.AddrPort
	probe netip.AddrPort // the same link, with a server of its own at the end
	page  string         // URL of its gameday_link_* series
	used  atomic.Bool    // somebody else than a probe dialled it

	mu    sync.Mutex
	holds map[string]*hold // by fault
}

// Proxy puts a proxy in front of upstream, "HOST:PORT" of a TCP service on this machine, and closes it when the test
// ends. The name is what faults, metrics and reports call it. Let the system under test dial [Link.Addr] instead of
// upstream. Whether a fault bites is measured on the link itself, so upstream may speak any protocol.
func Proxy(t testing.TB, name, upstream string) *Link {
	t.Helper()
	if name == "" {
		t.Fatal("gamedaytest: a proxy needs a name, such as postgres")
	}
	private, err := loopback(upstream)
	if err != nil {
		t.Fatalf("gamedaytest: put a proxy in front of %s: %v", name, err)
	}
	l := &Link{
		name: name, holds: map[string]*hold{},
		proxy: linkproxy.New(linkproxy.Config{Identify: func(netip.Addr) linkproxy.Peer { return linkproxy.Peer{Service: callerService} }}),
	}
	t.Cleanup(l.close)
	side, err := l.serve(t)
	if err == nil {
		l.probe, err = l.open(linkproxy.Backend{Peer: linkproxy.Peer{Service: name, Zone: probeZone}, Private: side}, func() {})
	}
	if err == nil {
		l.at, err = l.open(linkproxy.Backend{Peer: linkproxy.Peer{Service: name}, Private: private}, func() { l.used.Store(true) })
	}
	if err != nil {
		t.Fatalf("gamedaytest: put a proxy in front of %s: %v", name, err)
	}
	return l
}

// Addr is where the system under test dials: "127.0.0.1:PORT".
func (l *Link) Addr() string { return l.at.String() }

// loopback resolves an address of this machine: nothing else may be touched from a test.
func loopback(upstream string) (netip.AddrPort, error) {
	resolved, err := net.ResolveTCPAddr("tcp4", upstream)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("read address %q: %w; want HOST:PORT, such as Listener.Addr().String() of a server", upstream, err)
	}
	at := resolved.AddrPort()
	if at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port()); !at.Addr().IsLoopback() || at.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%s is no port of this machine: want an address in 127.0.0.0/8, such as that of a published container port", upstream)
	}
	return at, nil
}

// open starts another way in to the proxy; dialled is called for each connection.
func (l *Link) open(b linkproxy.Backend, dialled func()) (netip.AddrPort, error) {
	return l.proxy.OpenEntry(linkproxy.Entry{
		Name: l.name, Listen: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0),
		Backends: func() []linkproxy.Backend { dialled(); return []linkproxy.Backend{b} },
	})
}

// serve starts what answers probes at the far end of the link, and shows the link's series.
func (l *Link) serve(t testing.TB) (netip.AddrPort, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", exposition.Handler(l.proxy.Expose))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close() // it only lets go
		<-served
	})
	l.page = "http://" + listener.Addr().String() + "/metrics"
	return listener.Addr().(*net.TCPAddr).AddrPort(), nil
}

func (l *Link) close() {
	l.mu.Lock()
	for _, h := range l.holds {
		h.deadline.Stop()
		h.lease.Stop()
	}
	l.mu.Unlock()
	l.proxy.Close()
}

// target is the link as faults see it.
func (l *Link) target() gameday.Target {
	return gameday.Target{Kind: gameday.KindLink, Name: l.name, To: gameday.Endpoint{Service: l.name}, Healthy: true}
}

// trip makes one round trip over the link, by linkproxy.Probe or linkproxy.ProbeEnd.
func (l *Link) trip(ctx context.Context, probe func(context.Context, netip.Addr, netip.AddrPort) (time.Duration, error)) (gameday.Duration, error) {
	took, err := probe(ctx, netip.AddrFrom4([4]byte{127, 0, 0, 1}), l.probe)
	if err != nil {
		return 0, &gameday.ProbeError{Link: l.name, Err: err}
	}
	return gameday.Duration(took), nil
}

// dialled returns an error while nobody has used the link.
func (l *Link) dialled() error {
	if l.used.Load() {
		return nil
	}
	return errors.New("nobody has connected to the proxy of " + l.name + ": let the system under test dial its Addr()")
}
