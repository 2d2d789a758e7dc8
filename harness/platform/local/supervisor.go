package local

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// Config says what to run and where to keep it.
type Config struct {
	Topology *Topology
	Dir      string        // logs/INSTANCE.log and data/SERVICE lie below it; required
	Seed     uint64        // fixes restart jitter and link jitter; instances are told it
	Listen   string        // of the control API; a free port of 127.0.0.1 when empty
	Patience time.Duration // for all instances to become healthy; 60 s when 0
	Log      *slog.Logger  // discards when nil
	Env      []string      // NAME=VALUE for every instance, such as keys that stand in no file

	// Waiting is told, while the topology comes up, how many of its instances are healthy, at most once a second
	// unless that changes. It may be nil.
	Waiting func(healthy, all int)
}

// startsAtATime bounds how many instances are between their start and their first answer to a health check,
// whatever it says. More only makes each of them slower.
const startsAtATime = 8

// failuresAllowed is how often an instance may end before it was ever healthy while a topology comes up:
// some need others that are not there yet.
const failuresAllowed = 3

// Supervisor is parent of every process of a topology. Its methods may be called from several goroutines.
type Supervisor struct {
	config   Config
	endpoint Endpoint
	seeds    []string
	proxy    *linkproxy.Proxy
	spawner  *spawner
	http     *http.Client // for health checks and switches, straight to the admin port
	server   *http.Server
	slots    chan struct{}
	begun    time.Time

	ctx  context.Context // the supervisor's life
	stop context.CancelFunc
	wg   sync.WaitGroup

	closing sync.Once
	scaling sync.Mutex // one change of the number of replicas at a time
	linking sync.Mutex // orders reading the rules against handing them to the proxy

	mu        sync.Mutex
	instances map[string]*instance
	faults    map[string]*fault
	over      []Ended        // the latest
	endings   map[string]int // all, by why
}

// Up starts a topology and returns when every instance is healthy. When one cannot be started, is not healthy
// in time or ctx ends, everything is stopped again and the error names the instance, its log and the remedy.
func Up(ctx context.Context, config Config) (*Supervisor, error) {
	if err := checkSystem(); err != nil {
		return nil, err
	}
	if config.Topology == nil || config.Dir == "" {
		return nil, errors.New("start topology: a topology and a directory are needed")
	}
	config.Patience = cmp.Or(config.Patience, time.Minute)
	config.Listen = cmp.Or(config.Listen, "127.0.0.1:0")
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := newSupervisor(config)
	if err := s.up(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("start topology %s: %w", config.Topology.Metadata.Name, err)
	}
	return s, nil
}

func newSupervisor(config Config) *Supervisor {
	s := &Supervisor{
		config:    config,
		spawner:   newSpawner(),
		http:      &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second}},
		slots:     make(chan struct{}, startsAtATime),
		begun:     time.Now(),
		instances: map[string]*instance{},
		faults:    map[string]*fault{},
		endings:   map[string]int{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	t := config.Topology
	s.proxy = linkproxy.New(linkproxy.Config{
		Identify: identifier(t),
		Latency:  func(from, to linkproxy.Peer) time.Duration { return t.oneWay(from.Zone, to.Zone) },
		Seed:     config.Seed,
	})
	return s
}

func (s *Supervisor) up(ctx context.Context) error {
	t := s.config.Topology
	if err := errors.Join(checkBinary(t.Binary), os.MkdirAll(filepath.Join(s.config.Dir, "logs"), 0o755)); err != nil {
		return err
	}
	for i := range t.Services {
		if err := os.MkdirAll(s.dataDir(&t.Services[i]), 0o755); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
	}
	if err := s.serve(); err != nil {
		return err
	}
	first := s.firstInstances()
	for _, in := range first {
		if in.service.Name == t.Discovery {
			s.seeds = append(s.seeds, netip.AddrPortFrom(in.addr, portPublic).String())
		}
	}
	if err := checkPorts(first); err != nil {
		return err
	}
	if err := s.openEntries(); err != nil {
		return err
	}
	s.mu.Lock()
	for _, in := range first {
		s.add(in)
	}
	s.mu.Unlock()
	s.wg.Go(s.reap)
	return s.awaitHealth(ctx, first)
}

// firstInstances makes the replicas that the topology asks for, those of the discovery service first.
func (s *Supervisor) firstInstances() []*instance {
	var all []*instance
	t := s.config.Topology
	for i := range t.Services {
		for range t.Services[i].Replicas {
			if in := s.place(&t.Services[i], all); in != nil {
				all = append(all, in)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *instance) int {
		return cmp.Compare(boolInt(b.service.Name == t.Discovery), boolInt(a.service.Name == t.Discovery))
	})
	return all
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// add puts an instance under care; s.mu is held.
func (s *Supervisor) add(in *instance) {
	s.instances[in.name] = in
	s.wg.Go(func() { s.tend(in) })
}

func (s *Supervisor) newInstance(service *Service, zone Zone, index int) *instance {
	name := instanceName(service.Name, zone.Name, index)
	h := fnv.New64a()
	_, _ = io.WriteString(h, name) // never fails
	return &instance{
		name: name, service: service, zone: zone, index: index, addr: address(zone, service, index),
		wake: make(chan struct{}, 1), gone: make(chan struct{}),
		rand: rand.New(rand.NewPCG(s.config.Seed, h.Sum64())),
	}
}

func (s *Supervisor) dataDir(service *Service) string {
	return filepath.Join(s.config.Dir, "data", service.Name)
}

// identifier returns who owns a source address of the topology.
func identifier(t *Topology) func(netip.Addr) linkproxy.Peer {
	zones, services := map[byte]string{}, map[byte]string{}
	for _, z := range t.Zones {
		zones[byte(z.Number)] = z.Name
	}
	for _, s := range t.Services {
		services[byte(s.ID)] = s.Name
	}
	return func(a netip.Addr) linkproxy.Peer {
		b := a.As4()
		zone, service := zones[b[1]], services[b[2]]
		if zone == "" || service == "" {
			return linkproxy.Peer{Service: ClientService}
		}
		return linkproxy.Peer{Service: service, Zone: zone, Instance: instanceName(service, zone, int(b[3]))}
	}
}

// checkPorts names a port that somebody else listens on, and how many more there are. Those of a topology that
// just died come free within moments, so it looks again for a second.
func checkPorts(all []*instance) error {
	var first error
	taken := 0
	deadline := time.Now().Add(time.Second)
	for _, in := range all {
		for _, at := range in.ports() {
			err := tryPort(at)
			for err != nil && time.Now().Before(deadline) {
				time.Sleep(20 * time.Millisecond)
				err = tryPort(at)
			}
			if err == nil {
				continue
			}
			if first == nil {
				first = fmt.Errorf("port of %s: %w", in.name, err)
			}
			taken++
		}
	}
	if taken > 1 {
		return fmt.Errorf("%w, and so are %d more ports; stop what listens there, most likely another topology, or run on that one", first, taken-1)
	}
	if first != nil {
		return fmt.Errorf("%w; stop whatever listens there", first)
	}
	return nil
}

func tryPort(at netip.AddrPort) error {
	l, err := net.Listen("tcp4", at.String())
	if err != nil {
		return err
	}
	return l.Close()
}

func (in *instance) ports() []netip.AddrPort {
	ports := []netip.AddrPort{netip.AddrPortFrom(in.addr, portAdmin)}
	for _, b := range in.backends() {
		ports = append(ports, b.Public, b.Private)
	}
	return ports
}

// openEntries opens the front doors.
func (s *Supervisor) openEntries() error {
	for _, e := range s.config.Topology.Entries {
		at, err := netip.ParseAddrPort(e.Listen)
		if err != nil {
			return fmt.Errorf("open entry %s: %w", e.Name, err)
		}
		_, err = s.proxy.OpenEntry(linkproxy.Entry{Name: e.Name, Listen: at, Backends: func() []linkproxy.Backend { return s.healthyBackends(e.Service) }})
		if err != nil {
			return fmt.Errorf("open entry %s: %w; stop whatever listens there", e.Name, err)
		}
	}
	return nil
}

func (s *Supervisor) healthyBackends(service string) []linkproxy.Backend {
	var all []linkproxy.Backend
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.sorted() {
		if in.service.Name == service && in.healthy && !in.leaving {
			all = append(all, in.backends()[0])
		}
	}
	return all
}

// sorted returns the instances by name; s.mu is held.
func (s *Supervisor) sorted() []*instance {
	all := make([]*instance, 0, len(s.instances))
	for _, in := range s.instances {
		all = append(all, in)
	}
	slices.SortFunc(all, func(a, b *instance) int { return cmp.Compare(a.name, b.name) })
	return all
}

// awaitHealth waits until all are healthy.
func (s *Supervisor) awaitHealth(ctx context.Context, all []*instance) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Patience, errTooSlow)
	defer cancel()
	tell := teller(s.config.Waiting)
	for {
		waiting, broken := s.progress(all)
		tell(s.healthy(all), len(all))
		switch {
		case broken != nil:
			return s.explain(broken, "ends before it is healthy")
		case waiting == nil:
			return nil
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, errTooSlow) {
				return cause
			}
			return s.explain(waiting, fmt.Sprintf("is not healthy after %v", s.config.Patience))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// teller passes on what changed, and what did not once a second.
func teller(waiting func(healthy, all int)) func(healthy, all int) {
	last, at := -1, time.Time{}
	return func(healthy, all int) {
		if waiting == nil || healthy == last && time.Since(at) < time.Second {
			return
		}
		last, at = healthy, time.Now()
		waiting(healthy, all)
	}
}

// healthy counts.
func (s *Supervisor) healthy(all []*instance) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range all {
		if in.healthy {
			n++
		}
	}
	return n
}

var errTooSlow = errors.New("not healthy in time")

// progress returns an instance that is not healthy yet, and one that keeps failing.
func (s *Supervisor) progress(all []*instance) (waiting, broken *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range all {
		if !in.healthy {
			waiting = in
		}
		if in.failures >= failuresAllowed || in.failures > 0 && in.stopped {
			return in, in
		}
	}
	return waiting, nil
}

// explain says why an instance does not come up, in its own words.
func (s *Supervisor) explain(in *instance, what string) error {
	s.mu.Lock()
	reason := in.reason
	s.mu.Unlock()
	if reason != "" {
		what += " (" + reason + ")"
	}
	return fmt.Errorf("instance %s %s; run it by itself, or read its log %s, which ends:\n%s", in.name, what, s.logPath(in), tail(s.logPath(in), 8))
}

// tail returns the last lines of a log, at most 4 KiB of them.
func tail(path string, lines int) string {
	const most = 4 << 10
	f, err := os.Open(path)
	if err != nil {
		return "  (no log: " + err.Error() + ")"
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd) // on an error it is the beginning that is shown
	}
	data, _ := io.ReadAll(io.LimitReader(f, most))
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return "  (the log is empty)"
	}
	all := bytes.Split(data, []byte("\n"))
	return "  " + string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n  ")))
}

// report logs an error that nobody waits for.
func (s *Supervisor) report(err error) {
	if err != nil {
		s.config.Log.Warn("supervise topology", "error", err)
	}
}

// Endpoint returns how to reach the control API.
func (s *Supervisor) Endpoint() Endpoint { return s.endpoint }

// Client returns the platform that acts on this topology.
func (s *Supervisor) Client() *Client { return NewClient(s.endpoint) }

// Close kills every process, closes the links and returns when nothing is left. It may be called twice.
func (s *Supervisor) Close() {
	s.closing.Do(func() {
		s.mu.Lock() // nobody adds an instance after this
		s.stop()
		s.mu.Unlock()
		if s.server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if s.server.Shutdown(ctx) != nil { // requests end with the supervisor's context
				_ = s.server.Close()
			}
		}
		s.wg.Wait()
		s.proxy.Close()
		s.http.CloseIdleConnections()
		s.spawner.stop()
	})
}
