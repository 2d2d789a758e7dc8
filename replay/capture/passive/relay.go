package passive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/internal/linkproxy"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// A Relay stands in front of one service that speaks HTTP in plain text, and passes on every byte as it comes: each connection
// of a client is one of the service. What is recorded is read from the bytes on the way, as from packets, but without gaps:
// HTTP/1 and HTTP/2, gRPC, WebSockets and event streams, header lines in their order and as they were written. What cannot be
// read passes all the same, and counts as lost.
//
// A [capture.Proxy], which takes requests apart and makes them anew, costs several times as much CPU. It is for TLS.
type Relay struct {
	*capture.Tap
	service string // host:port
	links   *linkproxy.Proxy
	room    chan struct{} // holds one for each connection

	mu        sync.Mutex // of all below, and of what the passages read
	collector *collector
	passages  map[*passage]struct{}
	opened    uint64 // passages so far
	ending    bool   // no more are to come
	failed    error  // the first panic
}

const (
	dialMax     = 10 * time.Second // to the service
	graceMax    = 10 * time.Second // how long Serve waits for exchanges under way
	acceptPause = 10 * time.Millisecond

	// passagesMax bounds the connections at a time, of which each takes two descriptors; further ones wait to be accepted.
	passagesMax = 1 << 15
	// spareDescriptors are left for the tape, and for what a connection takes while it begins.
	spareDescriptors = 256
)

// NewRelay starts a capture of the service at a base URL ("http://127.0.0.1:8080"). The caller runs Serve, which closes the
// Relay, or closes it.
func NewRelay(service string, to replay.Recorder, o capture.Options) (*Relay, error) {
	at, err := capture.ParseService(service)
	if err != nil {
		return nil, err
	}
	if at.Scheme != "http" {
		return nil, fmt.Errorf("relay to %s: what is encrypted cannot be read on the way", service)
	}
	if o.Source == "" {
		o.Source = "relay " + at.Host
	}
	host := at.Host
	if at.Port() == "" {
		host = net.JoinHostPort(at.Hostname(), "80")
	}
	in := capture.NewIntake(to, o)
	return &Relay{
		Tap: in.Tap, service: host, links: linkproxy.New(linkproxy.Config{}), room: make(chan struct{}, roomFor(descriptorsMax())),
		collector: &collector{in: in, lines: newLines(), named: true, start: in.Start().UnixNano(), bodyMax: in.BodyMax()},
		passages:  make(map[*passage]struct{}),
	}, nil
}

// roomFor returns how many connections so many descriptors are enough for. Without any left a service would seem to be down, and
// a tape could not be rotated.
func roomFor(descriptors uint64) int {
	free := max(descriptors, spareDescriptors+descriptors/4) - spareDescriptors
	return int(min(max(free/2, 1), passagesMax))
}

// Close resets what passes, waits until everything captured is recorded, and returns the first error of the recorder.
func (r *Relay) Close() error {
	r.links.Close()
	return r.Tap.Close()
}

// Serve captures on the listener, which it closes, until the context is done. Then it lets exchanges under way end (10 s at
// most), hangs up WebSockets, which have no end, records what is queued and returns the first error of any of it.
func (r *Relay) Serve(ctx context.Context, l *net.TCPListener) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // which ends Accept
	beyond, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	var passing sync.WaitGroup
	err := r.accept(ctx, l, func(c *net.TCPConn) {
		passing.Go(func() {
			defer func() { <-r.room }()
			r.pass(beyond, c)
		})
	})
	_ = l.Close()
	over := make(chan struct{})
	go func() {
		passing.Wait()
		close(over)
	}()
	cut := r.drain(over)
	release()
	r.links.Close()
	<-over
	return errors.Join(err, cut, r.failed, r.Tap.Close())
}

// accept takes connections until ctx is done, as many at a time as there may be.
func (r *Relay) accept(ctx context.Context, l *net.TCPListener, pass func(*net.TCPConn)) error {
	for {
		select {
		case r.room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := l.AcceptTCP()
		if err == nil {
			pass(c)
			continue
		}
		<-r.room
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept clients: %w", err)
		}
		select { // out of descriptors, most likely: give connections time to end
		case <-time.After(acceptPause):
		case <-ctx.Done():
		}
	}
}

// drain hangs up what is idle, and waits for what is not. It returns an error when that takes too long.
func (r *Relay) drain(over <-chan struct{}) error {
	r.mu.Lock()
	r.ending = true
	for p := range r.passages {
		p.settle()
	}
	r.mu.Unlock()
	grace := time.NewTimer(graceMax)
	defer grace.Stop()
	select {
	case <-over:
		return nil
	case <-grace.C:
		return fmt.Errorf("capture: exchanges under way were cut: they took longer than %v to end", graceMax)
	}
}

// pass lets one connection of a client through to the service until it is over, or ctx is.
func (r *Relay) pass(ctx context.Context, client *net.TCPConn) {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	p := r.open(hangUp)
	d := net.Dialer{Timeout: dialMax}
	service, err := d.DialContext(ctx, "tcp", r.service)
	if err != nil {
		p.refuse(ctx, client)
		return
	}
	r.links.Carry(ctx, client, service.(*net.TCPConn), p)
}
