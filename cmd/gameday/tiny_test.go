package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay/guard"
)

// The tiny system under test is this test binary, started as an instance of a topology. A front in each of two
// zones answers clients and asks a back for every answer: the one of its zone, and when that fails the other.
//
// TINY_SICK names an instance that is never healthy, TINY_CRASH one that ends at once, TINY_STUCK one whose switch
// cannot be turned back. TINY_GUARD puts a guard in front of the fronts.

// tinyTopology returns a topology on addresses of its own, 127.16.SLOT.x and 127.17.SLOT.x among others, so that
// several can be up at a time. Slots are 1 to 100.
func tinyTopology(t testing.TB, slot int) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	front, back := 2*slot, 2*slot+1
	return fmt.Sprintf(`apiVersion: gameday/v1
kind: Topology
metadata: {name: tiny}
zones:
  - {name: z1, number: 16}
  - {name: z2, number: 17}
entries:
  - {name: door, service: front, listen: %q}
binary: %q
services:
  - name: front
    id: %d
    replicas: 2
    restart: {delay: 50ms}
    drain: 1s
    labels: {gameday: allowed}
    env: {TINY_BACKS: "127.16.%d.1:8080,127.17.%[4]d.1:8080"}
  - name: back
    id: %[4]d
    replicas: 2
    max: 6
    restart: {delay: 50ms}
    drain: 1s
    labels: {gameday: allowed}
`, tinyDoor(slot), self, front, back)
}

func tinyDoor(slot int) string { return fmt.Sprintf("127.16.0.%d:8080", slot) }

// tiny is one instance.
type tiny struct {
	name     string
	zone     string
	backs    []string // of all zones; empty for a back
	client   *http.Client
	requests [2]atomic.Int64 // answered well, and not

	mu   sync.Mutex
	mode string
}

const tinyCalm = "calm" // the switch's default; "broken" makes a front fail every request

// serveTinyIfAsked never returns when this process was started as an instance of a topology.
func serveTinyIfAsked() {
	s := &tiny{name: os.Getenv("GAMEDAY_INSTANCE"), zone: os.Getenv("GAMEDAY_ZONE"), mode: tinyCalm}
	addr := os.Getenv("GAMEDAY_ADDR")
	if s.name == "" || addr == "" {
		return
	}
	if os.Getenv("TINY_CRASH") == s.name {
		fmt.Println("cannot open the ledger: no such file")
		os.Exit(3)
	}
	if backs := os.Getenv("TINY_BACKS"); backs != "" {
		s.backs = strings.Split(backs, ",")
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}, Timeout: 300 * time.Millisecond}
	s.client = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 16}, Timeout: 500 * time.Millisecond}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := s.serve(ctx, addr); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers at the private port and at the admin port until ctx ends.
func (s *tiny) serve(ctx context.Context, addr string) error {
	pages, err := s.guarded()
	if err != nil {
		return err
	}
	servers := []*http.Server{{Addr: addr + ":8081", Handler: pages}, {Addr: addr + ":8079", Handler: s.admin()}}
	failed := make(chan error, len(servers))
	for _, server := range servers {
		go func() { failed <- server.ListenAndServe() }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	return errors.Join(servers[0].Shutdown(limited), servers[1].Shutdown(limited))
}

// guarded are the pages, behind a guard where a front is to have one.
func (s *tiny) guarded() (http.Handler, error) {
	if os.Getenv("TINY_GUARD") == "" || len(s.backs) == 0 {
		return s.pages(), nil
	}
	g, err := guard.New(guard.Config{Service: "front", Keys: [][]byte{[]byte(os.Getenv(wire.MarkKeyVariable))}})
	if err != nil {
		return nil, err
	}
	return g.Wrap(s.pages()), nil
}

// pages are what clients and fronts see.
func (s *tiny) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.answer)
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // what this page is for
		s.answer(w, r)
	})
	return mux
}

func (s *tiny) answer(w http.ResponseWriter, r *http.Request) {
	err := s.ask(r.Context())
	if err == nil && s.setting() == "broken" {
		err = errors.New("the switch says so")
	}
	if err != nil {
		s.requests[1].Add(1)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.requests[0].Add(1)
	fmt.Fprintln(w, "hello from", s.name)
}

// ask gets an answer of a back, the one in its own zone first. A back asks nobody.
func (s *tiny) ask(ctx context.Context) error {
	var errs []error
	for i := range s.backs {
		at := s.backs[i]
		if s.zone == "z2" {
			at = s.backs[len(s.backs)-1-i]
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/", nil)
		if err != nil {
			return err
		}
		answer, err := s.client.Do(request)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
		if err == nil && answer.StatusCode == http.StatusOK {
			return nil
		}
		errs = append(errs, err)
	}
	if len(s.backs) > 0 {
		return errors.Join(append(errs, errors.New("no back answers"))...)
	}
	return nil
}

func (s *tiny) setting() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode
}

// admin is what the platform sees.
func (s *tiny) admin() http.Handler {
	set := func(w http.ResponseWriter, r *http.Request, mode string) {
		if r.PathValue("name") != "mode" {
			http.NotFound(w, r)
			return
		}
		s.mu.Lock()
		s.mode = mode
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("TINY_SICK") == s.name {
			http.Error(w, "waiting for a database that is not there", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "# TYPE tiny_requests_total counter")
		for i, outcome := range []string{"good", "bad"} {
			fmt.Fprintf(w, "tiny_requests_total{outcome=%q} %d\n", outcome, s.requests[i].Load())
		}
	})
	mux.HandleFunc("GET /switch", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"mode": s.setting()}) // the platform that left needs no answer
	})
	mux.HandleFunc("PUT /switch/{name}", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Value string }
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		set(w, r, body.Value)
	})
	mux.HandleFunc("DELETE /switch/{name}", func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("TINY_STUCK") == s.name {
			http.Error(w, "the switch is stuck", http.StatusInternalServerError)
			return
		}
		set(w, r, tinyCalm)
	})
	return mux
}
