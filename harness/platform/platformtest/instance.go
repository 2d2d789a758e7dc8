package platformtest

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
	"sync"
	"syscall"
	"time"
)

// ServeInstance makes this program a small instance of a topology when it was started as one, and then never
// returns. Call it first in TestMain: the test binary can then be the binary of a topology.
//
// The instance echoes HTTP on ADDR:8081 and every byte on ADDR:9091, is healthy at ADDR:8079/healthz, and has
// the switch "mode", "calm" by default. GAMEDAY_TEST_CRASH makes it end at once, GAMEDAY_TEST_SICK never healthy;
// GAMEDAY_TEST_STIFF is how long it takes to turn the switch.
func ServeInstance() {
	addr := os.Getenv("GAMEDAY_ADDR")
	if os.Getenv("GAMEDAY_INSTANCE") == "" || addr == "" {
		return
	}
	if message := os.Getenv("GAMEDAY_TEST_CRASH"); message != "" {
		fmt.Fprintln(os.Stderr, message)
		os.Exit(3)
	}
	if err := serveInstance(addr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveInstance(addr string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listen := func(port int) (net.Listener, error) { return net.Listen("tcp4", fmt.Sprintf("%s:%d", addr, port)) }
	work, err := listen(8081)
	if err != nil {
		return err
	}
	raw, err := listen(9091)
	if err != nil {
		return err
	}
	admin, err := listen(8079)
	if err != nil {
		return err
	}
	servers := []*http.Server{{Handler: http.HandlerFunc(echo)}, {Handler: adminPages()}}
	var wg sync.WaitGroup
	wg.Go(func() { _ = servers[0].Serve(work) }) // both end with Shutdown
	wg.Go(func() { _ = servers[1].Serve(admin) })
	wg.Go(func() { echoBytes(raw) })
	<-ctx.Done()
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err = errors.Join(servers[0].Shutdown(limited), servers[1].Shutdown(limited), raw.Close())
	wg.Wait()
	return err
}

func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(w, r.Body) // a caller that left needs no answer
}

func echoBytes(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() { // ends with its connection, or the process
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

// Switch and its values, as every instance has it.
const (
	SwitchName    = "mode"
	SwitchDefault = "calm"
)

func adminPages() http.Handler {
	var mu sync.Mutex
	value := SwitchDefault
	set := func(w http.ResponseWriter, r *http.Request, to string) {
		if r.PathValue("name") != SwitchName {
			http.NotFound(w, r)
			return
		}
		mu.Lock()
		value = to
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("GAMEDAY_TEST_SICK") != "" {
			http.Error(w, "sick", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /switch", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]string{SwitchName: value})
	})
	mux.HandleFunc("PUT /switch/{name}", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Value string }
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		stiff, _ := time.ParseDuration(os.Getenv("GAMEDAY_TEST_STIFF"))
		time.Sleep(stiff) // what the variable is for
		set(w, r, body.Value)
	})
	mux.HandleFunc("DELETE /switch/{name}", func(w http.ResponseWriter, r *http.Request) { set(w, r, SwitchDefault) })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "test_instance_up 1")
	})
	return mux
}
