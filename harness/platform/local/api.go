package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gameday-dev/gameday"
)

// The control API speaks JSON. Everything but the metrics page asks for the token as a bearer; an error is
// {"error": text} with a status that says whose it is.
//
//	GET    /v1/ping                          who is there
//	GET    /v1/instances                     []Instance
//	GET    /v1/instances/NAME                gameday.State, measured now
//	POST   /v1/find                          gameday.Selector -> []gameday.Target
//	POST   /v1/scale                         {"service", "replicas"}
//	POST   /v1/start|stop|kill               {"instance"}
//	GET    /v1/faults                        {"held": []gameday.Hold, "ended": []Ended}
//	GET    /v1/faults/ID                     gameday.Hold
//	PUT    /v1/faults/ID                     Change: take hold of more on behalf of a fault
//	DELETE /v1/faults/ID                     let go of everything held for it
//	POST   /v1/renew                         {"faults": [ID]}
//	POST   /v1/switch                        {"target", "name"} -> {instance: value}
//	POST   /v1/probe                         {"from", "to", "timeout", "to_end"} -> {"took"} or {"lost"}
//	GET    /metrics                          gameday_link_*, gameday_truth_* and more

const maxBody = 1 << 20

// Causes of refusal, as a client tells them apart.
var (
	errUnknown = errors.New("unknown")
	errInvalid = errors.New("invalid")
	errClosing = errors.New("the topology is being stopped")
)

// Instance is one line of the list of instances.
type Instance struct {
	Name     string            `json:"name"`
	Service  string            `json:"service"`
	Zone     string            `json:"zone"`
	Addr     string            `json:"addr"`
	Version  string            `json:"version"`
	State    string            `json:"state"` // running, starting, draining, held or stopped
	Healthy  bool              `json:"healthy"`
	PID      int               `json:"pid,omitempty"`
	Starts   int               `json:"starts"`
	LastExit string            `json:"last_exit,omitempty"`
	Log      string            `json:"log"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// Ping says who answers.
type Ping struct {
	Topology string `json:"topology"`
	PID      int    `json:"pid"`
}

type (
	scaleRequest struct {
		Service  string `json:"service"`
		Replicas int    `json:"replicas"`
	}
	orderRequest struct {
		Instance string `json:"instance"`
	}
	renewRequest struct {
		Faults []string `json:"faults"`
	}
	switchRequest struct {
		Target gameday.Target `json:"target"`
		Name   string         `json:"name"`
	}
	probeRequest struct {
		From    gameday.Endpoint `json:"from"`
		To      gameday.Endpoint `json:"to"`
		Timeout gameday.Duration `json:"timeout"` // 3 s when 0
		ToEnd   bool             `json:"to_end,omitempty"`
	}
	probeAnswer struct {
		Took gameday.Duration `json:"took"`
		Lost string           `json:"lost,omitempty"`
	}
	faultsAnswer struct {
		Held  []gameday.Hold `json:"held"`
		Ended []Ended        `json:"ended"`
	}
	errorAnswer struct {
		Error string `json:"error"`
	}
)

// serve opens the control API.
func (s *Supervisor) serve() error {
	l, err := net.Listen("tcp4", s.config.Listen)
	if err != nil {
		return fmt.Errorf("open control API: %w; stop whatever listens there", err)
	}
	at := l.Addr().(*net.TCPAddr)
	if !at.IP.IsLoopback() {
		_ = l.Close()
		return fmt.Errorf("open control API on %s: only loopback addresses are allowed", at)
	}
	s.endpoint = Endpoint{URL: "http://" + at.String(), Token: rand.Text(), PID: os.Getpid(), Started: time.Now()}
	s.server = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
	}
	s.wg.Go(func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.report(err)
		}
	})
	return nil
}

func (s *Supervisor) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/ping", answer(func(*http.Request, struct{}) (any, error) {
		return Ping{s.config.Topology.Metadata.Name, os.Getpid()}, nil
	}))
	mux.HandleFunc("GET /v1/instances", answer(func(*http.Request, struct{}) (any, error) { return s.list(), nil }))
	mux.HandleFunc("GET /v1/instances/{name}", answer(func(r *http.Request, _ struct{}) (any, error) {
		return s.state(r.Context(), r.PathValue("name"))
	}))
	mux.HandleFunc("POST /v1/find", answer(func(_ *http.Request, sel gameday.Selector) (any, error) { return s.find(sel), nil }))
	mux.HandleFunc("POST /v1/scale", answer(func(_ *http.Request, q scaleRequest) (any, error) { return nil, s.scale(q.Service, q.Replicas) }))
	for _, what := range []string{"start", "stop", "kill"} {
		mux.HandleFunc("POST /v1/"+what, answer(func(_ *http.Request, q orderRequest) (any, error) { return nil, s.order(q.Instance, what) }))
	}
	mux.HandleFunc("GET /v1/faults", answer(func(*http.Request, struct{}) (any, error) {
		return faultsAnswer{s.held(), s.past()}, nil
	}))
	mux.HandleFunc("GET /v1/faults/{id...}", answer(func(r *http.Request, _ struct{}) (any, error) { return s.heldBy(r.PathValue("id")) }))
	mux.HandleFunc("PUT /v1/faults/{id...}", answer(func(r *http.Request, c Change) (any, error) {
		return nil, s.hold(r.Context(), r.PathValue("id"), c)
	}))
	mux.HandleFunc("DELETE /v1/faults/{id...}", answer(func(r *http.Request, _ struct{}) (any, error) {
		// A client that goes away must not leave a fault half undone.
		ctx, cancel := context.WithTimeout(s.ctx, undoTimeout)
		defer cancel()
		return nil, s.release(ctx, r.PathValue("id"), "released")
	}))
	mux.HandleFunc("POST /v1/renew", answer(func(_ *http.Request, q renewRequest) (any, error) {
		s.renew(q.Faults)
		return nil, nil
	}))
	mux.HandleFunc("POST /v1/switch", answer(func(r *http.Request, q switchRequest) (any, error) {
		return s.switchValues(r.Context(), q.Target, q.Name)
	}))
	mux.HandleFunc("POST /v1/probe", answer(func(r *http.Request, q probeRequest) (any, error) {
		took, err := s.probe(r.Context(), q)
		if errors.Is(err, errLost) {
			return probeAnswer{Lost: err.Error()}, nil
		}
		return probeAnswer{Took: gameday.Duration(took)}, err
	}))
	open := http.NewServeMux()
	open.Handle("GET /metrics", s.metrics()) // counters only, and a scraper need not hold a token that kills
	open.Handle("/", s.guard(mux))
	return open
}

// guard lets nobody in without the token, and reads no more than a request may hold.
func (s *Supervisor) guard(next http.Handler) http.Handler {
	want := []byte("Bearer " + s.endpoint.Token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			writeJSON(w, http.StatusUnauthorized, errorAnswer{"the token does not fit this topology"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// answer makes a handler from a function of the decoded body. GET and DELETE have none.
func answer[T any](do func(r *http.Request, body T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body T
		if r.Method != http.MethodGet && r.Method != http.MethodDelete {
			d := json.NewDecoder(r.Body)
			d.DisallowUnknownFields()
			if err := d.Decode(&body); err != nil {
				writeJSON(w, http.StatusBadRequest, errorAnswer{"read request: " + err.Error()})
				return
			}
		}
		result, err := do(r, body)
		switch {
		case err != nil:
			writeJSON(w, statusOf(err), errorAnswer{err.Error()})
		case result == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			writeJSON(w, http.StatusOK, result)
		}
	}
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, errUnknown):
		return http.StatusNotFound
	case errors.Is(err, errInvalid):
		return http.StatusBadRequest
	case errors.Is(err, errClosing):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only when the client has gone
}

// list returns every instance, by name.
func (s *Supervisor) list() []Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Instance{}
	for _, in := range s.sorted() {
		i := Instance{
			Name: in.name, Service: in.service.Name, Zone: in.zone.Name, Addr: in.addr.String(), Version: in.service.Version,
			State: s.phase(in), Healthy: in.healthy, Starts: in.starts, LastExit: in.reason, Log: s.logPath(in), Labels: in.service.Labels,
		}
		if in.process != nil {
			i.PID = in.process.pid
		}
		all = append(all, i)
	}
	return all
}

// phase names where an instance is in its life; s.mu is held.
func (s *Supervisor) phase(in *instance) string {
	switch {
	case in.leaving:
		return "draining"
	case in.process == nil && s.killHeld(in):
		return "held"
	case in.process == nil && in.stopped:
		return "stopped"
	case in.served:
		return "running"
	}
	return "starting"
}

// state measures one instance now: the process by the kernel, its health by asking it.
func (s *Supervisor) state(ctx context.Context, name string) (gameday.State, error) {
	s.mu.Lock()
	in := s.instances[name]
	if in == nil {
		s.mu.Unlock()
		return gameday.State{}, fmt.Errorf("instance %s: %w", name, errUnknown)
	}
	p := in.process
	state := gameday.State{Starts: in.starts}
	s.mu.Unlock()
	if p == nil || p.ctx.Err() != nil {
		return state, nil
	}
	state.Running, state.PID = true, p.pid
	state.Uptime = gameday.Duration(time.Since(p.started))
	if state.Paused = p.stopped(); state.Paused {
		return state, nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, state.Healthy = s.ask(ctx, in)
	return state, nil
}

func (s *Supervisor) heldBy(id string) (gameday.Hold, error) {
	for _, h := range s.held() {
		if h.Fault == id {
			return h, nil
		}
	}
	return gameday.Hold{}, fmt.Errorf("fault %s: %w: nothing is held for it", cmp.Or(id, "without id"), errUnknown)
}

// past lists the faults that ended, oldest first.
func (s *Supervisor) past() []Ended {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Ended{}, s.over...)
}
