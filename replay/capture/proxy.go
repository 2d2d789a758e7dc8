package capture

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A Proxy is a reverse proxy in front of one HTTP/1.1 service that records what passes. The
// service sees the client's method, target, host, header lines and body as they came; lines
// that concern the connection alone are the proxy's own.
type Proxy struct {
	*Tap
	server    *http.Server
	transport *http.Transport
}

const (
	drainMax    = 10 * time.Second // how long Serve waits for exchanges under way
	idlePerHost = 1024
)

// NewProxy starts a capture of the service at a base URL ("http://127.0.0.1:8080"). The
// caller runs Serve, which closes the Proxy, or closes it.
func NewProxy(service string, r replay.Recorder, o Options) (*Proxy, error) {
	to, err := url.Parse(service)
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", service, err)
	}
	if to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || strings.Trim(to.Path, "/") != "" || to.RawQuery != "" {
		return nil, fmt.Errorf("capture %s: not the base URL of a service: write it like http://127.0.0.1:8080", service)
	}
	if o.Source == "" {
		o.Source = "proxy " + to.Host
	}
	p := &Proxy{
		Tap: NewTap(r, o),
		transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			DisableCompression:    true, // the client's Accept-Encoding is the one that counts
			MaxIdleConnsPerHost:   idlePerHost,
			IdleConnTimeout:       time.Minute,
			ExpectContinueTimeout: time.Second,
		},
	}
	p.server = &http.Server{
		Handler:           p.Wrap(p.forward(to)),
		ConnContext:       p.ConnContext,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          quiet(),
	}
	return p, nil
}

// Serve captures on the listener until the context is done, then lets exchanges under way
// end (10 s at most), records what is queued and returns the first error of any of it.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	var stopper sync.WaitGroup
	served := make(chan struct{})
	var stopped error
	stopper.Go(func() {
		select {
		case <-ctx.Done():
		case <-served:
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainMax)
		defer cancel()
		if err := p.server.Shutdown(grace); err != nil {
			stopped = errors.Join(fmt.Errorf("capture: exchanges under way were cut: %w", err), p.server.Close())
		}
	})
	err := p.server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	close(served)
	stopper.Wait()
	p.transport.CloseIdleConnections()
	return errors.Join(err, stopped, p.Close())
}

func (p *Proxy) forward(to *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport:     p.transport,
		FlushInterval: -1, // bytes go on as they come
		ErrorLog:      quiet(),
		Rewrite:       func(r *httputil.ProxyRequest) { rewrite(r, to) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			noResponse(r)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// net/http would guess a type and stamp a date where the service sent none.
		w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
		proxy.ServeHTTP(w, r)
	})
}

// quiet keeps net/http from printing what the ledger counts.
func quiet() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) }

// rewrite sends the request on as it came.
func rewrite(r *httputil.ProxyRequest, to *url.URL) {
	out := r.Out
	out.URL.Scheme, out.URL.Host = to.Scheme, to.Host
	out.URL.RawQuery, out.URL.ForceQuery = r.In.URL.RawQuery, r.In.URL.ForceQuery
	if target := r.In.RequestURI; strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//") {
		out.URL.Opaque, out.URL.RawQuery, out.URL.ForceQuery = target, "", false // byte for byte
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := r.In.Header[name]; ok {
			out.Header[name] = values
		}
	}
}
