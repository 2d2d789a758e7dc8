package capture

import (
	"context"
	"crypto/tls"
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

// A Proxy is a reverse proxy in front of one service that records what passes: HTTP/1.1 and
// HTTP/2, over TLS or not, with what travels on them: gRPC, WebSockets, event streams. The
// service sees the client's method, target, host, header lines, body and trailer as they came,
// in the client's version of HTTP where it speaks that; lines that concern the connection alone
// are the proxy's own. Where both sides speak plain text, passive.Relay passes all as it is, for a fraction of the CPU.
type Proxy struct {
	*Tap
	server   *http.Server
	upstream *upstream
	handlers sync.WaitGroup // Shutdown does not wait for switched connections
}

// ProxyOptions are Options, and how a Proxy speaks to both sides.
type ProxyOptions struct {
	Options
	// Server makes clients speak TLS; it holds the certificate. HTTP/2 is offered to them. nil
	// means plain text: HTTP/1.1, and HTTP/2 for clients that begin with it.
	Server *tls.Config
	// Upstream says whom to trust behind https; nil means the roots of the system.
	Upstream *tls.Config
}

const (
	drainMax    = 10 * time.Second // how long Serve waits for exchanges under way
	idlePerHost = 1024

	// flushMax is how long bytes of a response of a known length may wait for more: flushing its head by itself
	// costs every answer a packet. Streams, which have no length, are flushed at once.
	flushMax = time.Millisecond
)

// NewProxy starts a capture of the service at a base URL ("http://127.0.0.1:8080"). The
// caller runs Serve, which closes the Proxy, or closes it.
func NewProxy(service string, r replay.Recorder, o ProxyOptions) (*Proxy, error) {
	to, err := ParseService(service)
	if err != nil {
		return nil, err
	}
	if o.Source == "" {
		o.Source = "proxy " + to.Host
	}
	p := &Proxy{Tap: NewTap(r, o.Options), upstream: newUpstream(to, o.Upstream)}
	p.server = &http.Server{
		Handler:           p.counted(Handler(p.forward(to), p.Tap)),
		ConnContext:       p.ConnContext,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          quiet(),
		TLSConfig:         o.Server,
		Protocols:         new(http.Protocols),
	}
	p.server.Protocols.SetHTTP1(true)
	p.server.Protocols.SetHTTP2(o.Server != nil)
	p.server.Protocols.SetUnencryptedHTTP2(o.Server == nil)
	return p, nil
}

// ParseService returns the base URL of a service, http or https.
func ParseService(service string) (*url.URL, error) {
	to, err := url.Parse(service)
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", service, err)
	}
	if to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || strings.Trim(to.Path, "/") != "" || to.RawQuery != "" {
		return nil, fmt.Errorf("capture %s: not the base URL of a service: write it like http://127.0.0.1:8080", service)
	}
	return to, nil
}

// Serve captures on the listener until the context is done, then lets exchanges under way
// end (10 s at most), cuts WebSockets, which have no end, records what is queued and returns
// the first error of any of it.
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
	var err error
	if p.server.TLSConfig != nil {
		err = p.server.ServeTLS(l, "", "") // the configuration has the certificate
	} else {
		err = p.server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	close(served)
	stopper.Wait()
	p.hangUp()
	p.handlers.Wait()
	p.upstream.close()
	return errors.Join(err, stopped, p.Close())
}

// counted keeps track of handlers under way.
func (p *Proxy) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.handlers.Add(1)
		defer p.handlers.Done()
		h.ServeHTTP(w, r)
	})
}

func (p *Proxy) forward(to *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport:     p.upstream,
		FlushInterval: flushMax,
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
		defer func() {
			if p := recover(); p != nil { // the service broke off: what came until then is the client's
				_ = http.NewResponseController(w).Flush()
				panic(p)
			}
		}()
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
	out.Trailer = r.In.Trailer // the same map: it fills when the body has ended
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := r.In.Header[name]; ok {
			out.Header[name] = values
		}
	}
}
