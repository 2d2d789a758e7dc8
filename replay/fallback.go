package replay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
)

// A fallback sends through net/http what the fast path does not speak: https, with HTTP/2 where the server
// offers it. It costs several times as much per request.
type fallback struct {
	base      *url.URL
	transport *http.Transport
}

func newFallback(base *url.URL, config *tls.Config, conns int, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *fallback {
	return &fallback{base, &http.Transport{
		DialContext: dial, TLSClientConfig: config, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns,
	}}
}

// roundTrips carries one request after the other.
func (c *conn) roundTrips(ctx context.Context, s *shot) {
	e := c.engine
	e.opened.Add(1)
	for {
		for s != nil {
			s = e.done(c, s, c.roundTrip(ctx, s))
		}
		select {
		case s = <-c.work:
		case <-ctx.Done():
			return
		}
	}
}

func (c *conn) roundTrip(ctx context.Context, s *shot) outcome {
	e := c.engine
	ctx, cancel := context.WithTimeout(ctx, s.due+e.timeout-e.now())
	defer cancel()
	e.mu.Lock()
	if s.sent == 0 {
		s.sent = e.now()
	}
	e.mu.Unlock()
	a, err := e.fallback.send(ctx, s)
	return outcome{answer: a, err: err, began: true, late: err != nil && ctx.Err() == context.DeadlineExceeded}
}

func (f *fallback) send(ctx context.Context, s *shot) (answer, error) {
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(s.raw)))
	if err != nil {
		return answer{}, err
	}
	request.RequestURI = ""
	request.URL.Scheme, request.URL.Host = f.base.Scheme, f.base.Host
	response, err := f.transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{
		status: response.StatusCode, degraded: response.Header.Get("X-Degraded") != "", retry: response.Header.Get("Retry-After") != "",
	}
	if s.req.keeps() {
		for name, values := range response.Header {
			for _, value := range values {
				a.header = append(a.header, Field{name, value})
			}
		}
		if a.body, err = io.ReadAll(io.LimitReader(response.Body, maxKept)); err != nil {
			return a, err
		}
	}
	rest, err := io.Copy(io.Discard, response.Body)
	a.size = rest + int64(len(a.body))
	return a, err
}
