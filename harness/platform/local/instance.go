package local

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// instance is one copy of a service and the process that is it now, if there is one.
type instance struct {
	name    string
	service *Service
	zone    Zone
	index   int
	addr    netip.Addr

	gate    sync.Mutex    // orders starting the process against taking hold of the instance
	turning sync.Mutex    // orders turning its switches against one another, and against its first health
	wake    chan struct{} // something below changed; holds at most one
	gone    chan struct{} // closed when nobody tends the instance any more
	rand    *rand.Rand    // restart jitter; used by the tending goroutine alone

	// Guarded by Supervisor.mu.
	process  *process // nil while there is none
	healthy  bool     // health checks are answered
	misses   int      // health checks in a row that were not
	served   bool     // this process has been healthy once
	starts   int
	failures int    // ends before ever healthy, in a row
	stopped  bool   // by request, until started by request
	leaving  bool   // scaled away
	reason   string // how the last process ended
}

// Health checks: often until the first success, then once a second.
const (
	firstCheck   = 25 * time.Millisecond
	slowestStart = 250 * time.Millisecond
	laterChecks  = time.Second
	secondCheck  = 250 * time.Millisecond // after a miss
	missesToFall = 2                      // one alone may be the host's fault
	checkTimeout = 500 * time.Millisecond
	startingFor  = time.Second // how long a start without any answer keeps its slot
	maxLog       = 16 << 20    // a log is put aside at the next start when it is longer
)

func (in *instance) notify() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

func (in *instance) peer() linkproxy.Peer {
	return linkproxy.Peer{Service: in.service.Name, Zone: in.zone.Name, Instance: in.name}
}

// backends returns how callers reach the instance: over HTTP, and over gRPC when it speaks that.
func (in *instance) backends() []linkproxy.Backend {
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(in.addr, port) }
	all := []linkproxy.Backend{{Peer: in.peer(), Public: at(portPublic), Private: at(portPrivate)}}
	if in.service.GRPC {
		all = append(all, linkproxy.Backend{Peer: in.peer(), Public: at(portGRPCPublic), Private: at(portGRPCPrivate)})
	}
	return all
}

func (in *instance) adminURL(path string) string {
	return fmt.Sprintf("http://%s:%d%s", in.addr, portAdmin, path)
}

// tend keeps the instance as it should be until it leaves or the supervisor stops.
func (s *Supervisor) tend(in *instance) {
	defer close(in.gone)
	for s.awaitTurn(in) {
		p, err := s.launch(in)
		switch {
		case err != nil:
			s.note(in, err.Error())
		case p != nil:
			s.watch(in, p)
		}
		s.shut(in)
		s.pauseBeforeRestart(in, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.instances[in.name] == in && in.leaving {
		delete(s.instances, in.name)
	}
}

// awaitTurn waits until the instance should run and a start slot is free. It returns false when it never will.
func (s *Supervisor) awaitTurn(in *instance) bool {
	for {
		s.mu.Lock()
		leaving, idle := in.leaving, in.stopped || s.killHeld(in)
		s.mu.Unlock()
		if leaving || s.ctx.Err() != nil {
			return false
		}
		slots := s.slots
		if idle {
			slots = nil
		}
		select {
		case slots <- struct{}{}:
			return true
		case <-in.wake:
		case <-s.ctx.Done():
		}
	}
}

// launch starts the process. It returns nil without an error when the instance was taken hold of meanwhile.
// The start slot is freed by watch, or here when there is nothing to watch.
func (s *Supervisor) launch(in *instance) (p *process, err error) {
	defer func() {
		if p == nil {
			<-s.slots
		}
	}()
	in.gate.Lock()
	defer in.gate.Unlock()
	s.mu.Lock()
	idle := in.leaving || in.stopped || s.killHeld(in)
	s.mu.Unlock()
	if idle {
		return nil, nil
	}
	for _, b := range in.backends() {
		if err := s.proxy.Open(b); err != nil {
			return nil, fmt.Errorf("open the public port of %s: %w; stop whatever listens there, such as another topology", in.name, err)
		}
	}
	log, err := s.openLog(in)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p, err = s.spawner.start(s.command(in, log))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", in.name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in.process, in.healthy, in.served, in.misses = p, false, false, 0
	in.starts++
	return p, nil
}

func (s *Supervisor) logPath(in *instance) string {
	return filepath.Join(s.config.Dir, "logs", in.name+".log")
}

func (s *Supervisor) openLog(in *instance) (*os.File, error) {
	path := s.logPath(in)
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", in.name, err)
	}
	return f, nil
}

func (s *Supervisor) command(in *instance, log *os.File) *exec.Cmd {
	cmd := exec.Command(s.config.Topology.Binary, in.service.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), s.environment(in)...) // later ones win
	return cmd
}

func (s *Supervisor) environment(in *instance) []string {
	env := []string{
		"GAMEDAY_SERVICE=" + in.service.Name,
		"GAMEDAY_INSTANCE=" + in.name,
		"GAMEDAY_ZONE=" + in.zone.Name,
		"GAMEDAY_ADDR=" + in.addr.String(),
		"GAMEDAY_VERSION=" + in.service.Version,
		"GAMEDAY_DATA=" + s.dataDir(in.service),
		"GAMEDAY_CONTROL=" + s.endpoint.URL,
		"GAMEDAY_SEED=" + strconv.FormatUint(s.config.Seed, 10),
		"GAMEDAY_SEEDS=" + strings.Join(s.seeds, ","),
		"GAMEDAY_TOKEN=",
		"GOMAXPROCS=1", "GOGC=50", "GOMEMLIMIT=48MiB",
	}
	if in.service.Control {
		env = append(env, "GAMEDAY_TOKEN="+s.endpoint.Token)
	}
	env = append(env, s.config.Env...)
	for k, v := range in.service.Env {
		env = append(env, k+"="+v)
	}
	return env
}

// watch checks the health of a process until it ends, and ends it when it is asked to leave or stop.
func (s *Supervisor) watch(in *instance, p *process) {
	freeSlot := sync.OnceFunc(func() { <-s.slots })
	defer freeSlot()
	interval := firstCheck
	check, slow := time.NewTimer(interval), time.NewTimer(startingFor)
	defer check.Stop()
	defer slow.Stop()
	var drained <-chan time.Time
	for {
		select {
		case <-p.ctx.Done():
			s.ended(in, p)
			return
		case <-slow.C:
			freeSlot()
		case <-check.C:
			answered, healthy := s.check(in, p)
			if answered {
				freeSlot() // it only waits from here on, for others or to warm up
			}
			switch {
			case healthy:
				interval = laterChecks
			case interval == laterChecks:
				interval = secondCheck
			case interval < slowestStart:
				interval += interval / 2
			}
			check.Reset(interval)
		case <-in.wake:
			if drained == nil && s.unwanted(in) {
				s.report(p.terminate())
				drained = time.After(in.service.Drain.Std())
			}
		case <-drained:
			s.report(p.kill())
		case <-s.ctx.Done():
			s.report(p.kill())
			<-p.ctx.Done()
		}
	}
}

func (s *Supervisor) unwanted(in *instance) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return in.leaving || in.stopped
}

// check asks the process for its health and notes the answer. A process that is healthy for the first time
// is given the switches that are held for its service first.
func (s *Supervisor) check(in *instance, p *process) (answered, healthy bool) {
	ctx, cancel := context.WithTimeout(p.ctx, checkTimeout)
	defer cancel()
	answered, healthy = s.ask(ctx, in)
	s.mu.Lock()
	fresh := healthy && !in.served
	s.mu.Unlock()
	if fresh {
		in.turning.Lock()
		defer in.turning.Unlock()
		healthy = s.applySwitches(ctx, in, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.process != p {
		return answered, false // it was killed while it answered
	}
	if healthy {
		in.healthy, in.served, in.failures, in.misses = true, true, 0, 0
		return answered, healthy
	}
	if in.misses++; in.misses >= missesToFall {
		in.healthy = false
	}
	return answered, healthy
}

// ask makes one health check.
func (s *Supervisor) ask(ctx context.Context, in *instance) (answered, healthy bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, in.adminURL("/healthz"), nil)
	if err != nil {
		return false, false
	}
	answer, err := s.http.Do(request)
	if err != nil {
		return false, false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10)) // so that the connection can be used again
	return true, answer.StatusCode == http.StatusOK
}

// ended notes that a process has ended, once: by whoever learns it first.
func (s *Supervisor) ended(in *instance, p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.process != p {
		return
	}
	if !in.served {
		in.failures++
	}
	in.process, in.healthy, in.served = nil, false, false
	in.reason = p.reason
}

// note records a start that came to nothing.
func (s *Supervisor) note(in *instance, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in.failures++
	in.reason = reason
	s.config.Log.Warn("instance did not start", "instance", in.name, "reason", reason)
}

// shut closes the public ports, so that callers of a dead process are refused by the kernel.
func (s *Supervisor) shut(in *instance) {
	for _, b := range in.backends() {
		s.proxy.Shut(b.Public)
	}
}

// pauseBeforeRestart waits as the restart policy says, with up to a quarter of jitter so that instances which
// died together do not come back together. What was held or stopped is not delayed on top of that.
func (s *Supervisor) pauseBeforeRestart(in *instance, p *process) {
	s.mu.Lock()
	idle := in.leaving || in.stopped || s.killHeld(in)
	if !idle && in.service.Restart.Policy == restartNever {
		in.stopped = true
	}
	s.mu.Unlock()
	delay := in.service.Restart.Delay.Std()
	if idle || in.service.Restart.Policy == restartNever || delay == 0 && p != nil {
		return
	}
	delay = max(delay, 50*time.Millisecond)
	delay += time.Duration(in.rand.Int64N(int64(delay)/4 + 1))
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-s.ctx.Done():
			return
		case <-in.wake:
			if s.unwanted(in) {
				return
			}
		}
	}
}
