package replay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// The ways of sending, as people are told of them.
const (
	byFastPath = "HTTP/1.1 pre-serialised on pooled connections"
	byFrames   = "HTTP/2 pre-serialised on shared connections"
	byHTTP2    = "HTTP/2 by net/http"
	byNetHTTP  = "HTTP/1.1 by net/http"
	bySocket   = "WebSocket"
)

// A courier carries requests that go neither by the fast path nor over a trunk: those that were recorded over HTTP/2, or
// are wanted so, for a target that turned it down, and everything where there is no fast path. It costs several times as much per request. Calls of gRPC
// come here, too: without the fast path, and when one of several targets turned HTTP/2 down.
type courier struct {
	base   *url.URL
	books  *books // of messages
	now    func() time.Duration
	either *http.Transport // HTTP/1.1; over TLS also HTTP/2, if the server wants it
	h2c    *http.Transport // HTTP/2 without TLS
	dial   func(context.Context) (net.Conn, error)

	mu     sync.Mutex
	asked  bool        // whether the target speaks HTTP/2 without TLS
	speaks bool        // it does
	only1  atomic.Bool // the target turned HTTP/2 down
}

func newCourier(base *url.URL, config *tls.Config, conns int, dial func(context.Context) (net.Conn, error)) *courier {
	transport := func(allow func(*http.Protocols)) *http.Transport {
		t := &http.Transport{
			DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			TLSClientConfig: config, DisableCompression: true, MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns,
			Protocols: new(http.Protocols),
		}
		allow(t.Protocols)
		return t
	}
	return &courier{
		base: base, dial: dial,
		either: transport(func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) }),
		h2c:    transport(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }),
	}
}

// wants reports whether a request is to be carried, as far as is known by now.
func (k *courier) wants(r *request) bool {
	return !fastPath || r.h2 == h2Must || r.h2 == h2May && !k.only1.Load()
}

// errRefused says that a server did nothing with a request, which can be sent anew.
var errRefused = errors.New("the server refuses the request")

// A parcel is a request that a courier carries.
type parcel struct {
	*request
	raw   []byte
	due   time.Duration
	again bool // a server that did nothing with it had it before
	said  int  // messages of a stream that are on the books; carry adds those that it sent
}

// carry sends a request and reads its answer; way is how. The error is errRefused when the server did nothing with it: who refuses
// a stream, or goes before it, has to be asked on another. Of requests without a body net/http does that itself.
func (k *courier) carry(ctx context.Context, r *parcel) (a answer, way string, err error) {
	out, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.raw)))
	if err != nil {
		return a, byNetHTTP, err
	}
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = k.base.Scheme, k.base.Host
	if _, set := out.Header["User-Agent"]; !set {
		out.Header["User-Agent"] = []string{""} // or one would be made up
	}
	if r.rpc != 0 {
		out.Header.Set("Te", "trailers")
	}
	out.GetBody = func() (io.ReadCloser, error) { return nil, errRefused } // it is asked for only then
	if r.stream != nil {
		return k.recite(ctx, r, out)
	}
	response, err := k.send(out.WithContext(ctx), r.request)
	if errors.Is(err, errRefused) {
		return a, byHTTP2, err
	}
	if err != nil {
		return a, byNetHTTP, err
	}
	defer response.Body.Close()
	way = byNetHTTP
	if response.ProtoMajor == 2 {
		way = byHTTP2
	} else if r.h2 == h2May {
		k.only1.Store(true)
	}
	err = readAnswer(&a, response, r.keeps())
	return a, way, err
}

func (k *courier) send(out *http.Request, r *request) (*http.Response, error) {
	if k.base.Scheme == "https" || r.h2 == h2No {
		return k.either.RoundTrip(out)
	}
	if r.h2 == h2Must {
		return k.h2c.RoundTrip(out)
	}
	if speaks, err := k.speaksH2C(); err == nil && speaks {
		return k.h2c.RoundTrip(out)
	}
	return k.either.RoundTrip(out)
}

// speaksH2C finds out once whether the target understands HTTP/2 without TLS: it then answers the preface with its
// settings. Who does not closes, or answers in HTTP/1.1. A target that cannot be reached is an error, and asked again.
func (k *courier) speaksH2C() (speaks bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked {
		return k.speaks, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	nc, err := k.dial(ctx)
	if err != nil {
		return false, err
	}
	defer nc.Close()
	k.asked = true
	deadline, _ := ctx.Deadline()
	_ = nc.SetDeadline(deadline)
	framer := http2.NewFramer(nc, nc)
	if _, err := io.WriteString(nc, http2.ClientPreface); err != nil {
		return false, nil
	}
	if err := framer.WriteSettings(); err != nil {
		return false, nil
	}
	frame, err := framer.ReadFrame()
	if err != nil {
		return false, nil
	}
	_, k.speaks = frame.(*http2.SettingsFrame)
	return k.speaks, nil
}

// close ends the idle connections; those in use end with their requests.
func (k *courier) close() {
	k.either.CloseIdleConnections()
	k.h2c.CloseIdleConnections()
}

// readAnswer reads a response to its end.
func readAnswer(a *answer, response *http.Response, keep bool) error {
	header := response.Header
	a.status, a.degraded, a.retry = response.StatusCode, header.Get("X-Degraded") != "", header.Get("Retry-After") != ""
	if keep {
		for name, values := range header {
			for _, value := range values {
				a.header = append(a.header, Field{name, value})
			}
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxKept))
		a.body = body
		if err != nil {
			return err
		}
	}
	rest, err := io.Copy(io.Discard, response.Body)
	a.size = rest + int64(len(a.body))
	a.rpc = readRPC(response.Trailer.Get("Grpc-Status"))
	if a.rpc == 0 {
		a.rpc = readRPC(header.Get("Grpc-Status")) // an answer that is trailers alone
	}
	return err
}
